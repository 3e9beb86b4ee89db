import ArgumentParser
import CommandKit
import Storage

extension TaskVerb {
    struct Cancel: Verb {
        static let configuration = CommandConfiguration(commandName: "cancel", abstract: "Cancel tasks.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                try bus.cancel(id, by: tool.caller())
                tool.print(["\(id)"], json: ["id": .int(id), "state": "cancelled"])
            }
        }
    }
}
