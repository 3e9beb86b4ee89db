import ArgumentParser
import Bus
import CommandKit
import Storage

extension TaskVerb {
    struct Edit: Verb {
        static let configuration = CommandConfiguration(commandName: "edit", abstract: "Change tasks.")
        @OptionGroup var common: Common
        @OptionGroup var options: TaskOptions
        @Option(name: .long, help: "The new title.") var title: String?
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the new body from FILE; - is standard input.", valueName: "file")) var file:
            String?
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let title = try self.title.map { try tool.line($0) }
            var nothing = TaskHeader(title: "")
            try options.apply(&nothing, tool)
            let bus = try tool.bus()
            let body = try file.map { try tool.body(nil, file: $0) }
            try tool.each(tool.names(ids).map(Names.id)) { id in
                if options.plan == false { try tool.requireFreeOfPlan(id) }
                try bus.edit(id, by: tool.caller(), dropsPlan: options.plan == false) { header in
                    try options.apply(&header, tool)
                    if let title { header.title = title }
                    if let body { header.body = body }
                }
                tool.print(["\(id)"], json: ["id": .int(id)])
            }
            try options.hint(tool, bus)
        }
    }
}
