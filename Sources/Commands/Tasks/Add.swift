import ArgumentParser
import Bus
import CommandKit
import Storage

extension TaskVerb {
    struct Add: HotVerb {
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

        static var words: [Word<Self>] {
            [
                .preset { $0.options = .plain },
                .option(["-p", "--priority"]) { $0.options.priority = $1 },
                .option(["--parent"]) { $0.options.parent = $1 },
                .option(["--role"]) { $0.options.role = $1 }, .option(["--agent"]) { $0.options.agent = $1 },
                .option(["--to"]) { $0.options.to = $1 }, .option(["--verify"]) { $0.options.verify = $1 },
                .option(["--defer"]) { $0.options.defer = $1 }, .list(["-d", "--depends"]) { $0.depends = $1 },
                .option(["-F"]) { $0.file = $1 }, .first { $0.title = $1 }, .second { $0.body = $1 },
            ]
        }

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
