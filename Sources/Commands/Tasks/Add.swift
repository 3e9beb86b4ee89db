import ArgumentParser
import Bus
import CommandKit
import Storage

extension TaskVerb {
    struct Add: Verb {
        static let configuration = CommandConfiguration(commandName: "add", abstract: "Add a task; print its id.")
        @OptionGroup var common: Common
        @OptionGroup var options: TaskOptions
        @Option(
            name: [.customShort("d", allowingJoined: true), .long],
            help: "A task that must be done first. Repeatable.") var depends: [String] = []
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the body from FILE.", valueName: "file")) var file: String?
        @Argument(help: "One line.") var title: String
        @Argument(help: "The body; - reads it from standard input.") var body: String?

        func run(_ tool: CommandContext) throws {
            var header = TaskHeader(title: try tool.line(title))
            try options.apply(&header, tool)
            header.depends = try depends.map(Names.id)
            header.body = try tool.body(body, file: file)
            let by = try tool.caller()
            let bus = try tool.busOrNew()
            let id = try bus.add(header, by: by)
            tool.print(["\(id)"], json: ["id": .int(id)])
            try options.hint(tool, bus)
        }
    }
}
