import ArgumentParser
import CommandKit
import Storage

extension TaskVerb {
    struct Note: HotVerb {
        static let configuration = CommandConfiguration(commandName: "note", abstract: "Add to a task's notes.")
        @OptionGroup var common: Common
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the text from FILE.", valueName: "file")) var file: String?
        @Argument(help: "The task.") var id: String
        @Argument(help: "The note; without one, or for -, standard input.") var text: String?

        static var words: [Word<Self>] {
            [.option(["-F"]) { $0.file = $1 }, .first { $0.id = $1 }, .second { $0.text = $1 }]
        }

        func run(_ tool: CommandContext) throws {
            let id = try Names.id(id)
            guard text != "" else { throw Failure.usage("empty note") }
            let bus = try tool.bus()
            let text = try tool.body(self.text, file: file, otherwise: tool.standardInput)
            guard !text.isEmpty else { throw Failure.usage("empty note") }
            try bus.note(id, by: tool.caller(), text)
            tool.print(["\(id)"], json: ["id": .int(id)])
        }
    }
}
