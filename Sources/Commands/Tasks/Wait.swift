import ArgumentParser
import CommandKit
import Storage

extension TaskVerb {
    struct Wait: Verb {
        static let configuration = CommandConfiguration(
            commandName: "wait",
            abstract: "Wait for tasks: 0 when done; 1 if one failed, was cancelled, or on timeout.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Wait at most this long (30s, 5m, 2h).") var timeout: String?
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            let deadline = try tool.deadline(timeout)
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            let ids = try tool.names(ids).map(Names.id)
            guard try bus.waitForEnd(ids, until: deadline) else {
                let rest = try ids.map { try bus.view($0) }.filter { $0.state != .done }.map {
                    "\($0.id) is \($0.state.rawValue)"
                }
                throw Failure.no("not all done: " + rest.joined(separator: ", "))
            }
        }
    }
}
