import ArgumentParser
import CommandKit
import Storage

extension TaskVerb {
    struct Reopen: Verb {
        static let configuration = CommandConfiguration(commandName: "reopen", abstract: "Open ended tasks again.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                try bus.reopen(id, by: tool.caller())
                tool.print(["\(id)"], json: ["id": .int(id)])
            }
        }
    }
}
