import ArgumentParser
import Bus
import CommandKit
import Storage

extension TaskVerb {
    struct Import: Verb {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Add all tasks of a file, or none; print their ids in order.")
        @OptionGroup var common: Common
        @Flag(name: .long, help: "Add the results of ended tasks (JSON lines) as notes.") var history = false
        @Flag(name: .long, help: "Import tasks that were imported before again.") var again = false
        @Argument(help: "A Markdown checklist or JSON lines; - is standard input.") var file: String

        func run(_ tool: CommandContext) throws {
            let bytes = try tool.body(nil, file: file)
            let mark: [UInt8] = [0xef, 0xbb, 0xbf]  // of byte order, which some editors put in front
            guard let text = String(validating: bytes.dropFirst(bytes.starts(with: mark) ? 3 : 0), as: UTF8.self) else {
                throw Failure.usage("'\(Names.shown(file))' is not valid UTF-8")
            }
            let by = try tool.caller()
            let first = text.drop { $0.isWhitespace }.first
            let plan =
                try first == "{" ? Lines(text, tool).plan(history: history, by: by) : Checklist.parse(text, by: by)
            guard !plan.drafts.isEmpty || !plan.leftOut.isEmpty else {
                throw Failure.usage("no task in '\(Names.shown(file))': use '- [ ] title' lines or JSON lines")
            }
            if history, try (tool.busIfAny() == nil ? by : tool.superior()) != "human" {
                throw Failure.no("only a person imports history")
            }
            if !again, let bus = try tool.busIfAny() { try refuseAgain(plan.drafts, bus) }
            for text in plan.told { tool.say(text) }
            guard !plan.drafts.isEmpty else { return }
            for id in try tool.busOrNew().add(plan.drafts, by: by) { tool.print(["\(id)"], json: ["id": .int(id)]) }
        }

        /// Throws `Failure.no` if tasks of these sources are there already and were not cancelled.
        private func refuseAgain(_ drafts: [Bus.Draft], _ bus: Bus) throws {
            let sources = Set(drafts.compactMap(\.header.source))
            guard !sources.isEmpty else { return }
            let known = try bus.list().filter {
                $0.state != .cancelled && $0.header.source.map(sources.contains) ?? false
            }
            guard let one = known.first else { return }
            let more = known.count > 1 ? " and \(known.count - 1) more" : ""
            throw Failure.no(
                "imported before: '\(Names.shown(one.header.title))' as \(one.id)\(more); leave them out, or --again "
                    + "adds them again"
            )
        }
    }

    /// What a file says: its open tasks, and how many others it has, by their states.
    struct Plan {
        var drafts: [Bus.Draft] = []
        var leftOut: [(state: String, count: Int)] = []
        var remarks: [String] = []

        mutating func leaveOut(_ state: String) {
            if let at = leftOut.firstIndex(where: { $0.state == state }) {
                leftOut[at].count += 1
            } else {
                leftOut.append((state, 1))
            }
        }

        /// What is said of it on standard error.
        var told: [String] {
            let counts = leftOut.map { "\($0.count) \($0.state)" }
            return (counts.isEmpty ? [] : ["left out: " + counts.joined(separator: ", ")]) + remarks
        }
    }
}
