import ArgumentParser
import Bus
import Tool

extension TaskVerb {
    struct Done: Verb {
        static let configuration = CommandConfiguration(commandName: "done", abstract: "Say that a task is done.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "What came of it, kept and shown to its dependents; the work is not commits.") var result: String?
        @Flag(name: .long, help: "The work is not commits.") var noMerge = false
        @Option(name: .long, help: "The token of the claim.") var token: String?
        @Argument(help: "The task; what I hold if not given.") var id: String?

        func run(_ tool: Tool) throws {
            let bus = try tool.bus()
            let result = try tool.body(self.result, file: nil)
            let claim = try tool.claimed(id.map(Names.id), token: token)
            try bus.finish(claim, by: tool.caller(), result: result)
            tool.print(["\(claim.id)"], json: ["id": .int(claim.id), "state": "done"])
        }
    }
}
