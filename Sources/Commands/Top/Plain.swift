import Bus
import CommandKit
import Screen

/// The agents and what waits for a person as lines of text, for a screen reader or a pipe: all of them once, and on a
/// terminal each that changes from then on.
struct Plain {
    private let reader: Reader
    private let json: Bool

    init(_ sources: [Source], json: Bool) {
        reader = Reader(sources)
        self.json = json
    }

    func run() {
        Cells.setLocale()
        var before = Set<String>()
        while true {
            reader.read()
            let lines = self.lines()
            for line in lines where !before.contains(line) { Output.line(line) }
            Output.flush()
            before = Set(lines)
            guard Output.isTerminal else { return }
            reader.wait()
        }
    }

    /// The rows, as text or each as a JSON object.
    private func lines() -> [String] {
        let board = reader.board
        // Of several projects each row says whose it is.
        let names = reader.sources.count > 1 ? reader.sources.map(\.name) : []
        func row(_ kind: String, _ source: Int? = nil, _ fields: [(String, JSONValue)], _ text: String) -> String {
            let project = source.flatMap { names.indices.contains($0) ? names[$0] : nil }
            guard json else { return (project.map { "\($0): " } ?? "") + text }
            return JSONValue.object([("row", .string(kind)), ("project", .string(project))] + fields).text
        }
        return (board.problem.map { [row("problem", nil, [("text", .string($0))], "problem: \($0)")] } ?? [])
            + board.agents.map { agent in
                let state = agent.view.state.rawValue
                let note = agent.view.report?.note
                let words =
                    [agent.name, state] + agent.tasks.map { "task \($0.id) \($0.title)" }
                    + [note, agent.unread > 0 ? "\(agent.unread) unread" : nil].compactMap { $0 }
                return row(
                    "agent", agent.source,
                    [
                        ("name", .string(agent.name)), ("state", .string(state)), ("task", .int(agent.tasks.first?.id)),
                        ("tasks", .list(agent.tasks.map { .int($0.id) })),
                        ("note", .string(note)), ("unread", .int(agent.unread)),
                        ("conflicts", .list(agent.conflicts.map { .string($0) })),
                    ],
                    (words
                        + (agent.conflicts.isEmpty
                            ? [] : ["conflicts with " + agent.conflicts.joined(separator: "; ")]))
                        .joined(separator: ", "))
            }
            + board.asks.map { asked in
                let text = String(asked.ask.text.split(separator: "\n").first ?? "")
                return row(
                    "ask", asked.source,
                    [("id", .string(asked.ask.id)), ("from", .string(asked.ask.from)), ("text", .string(text))],
                    "ask \(asked.ask.id) from \(asked.ask.from): \(text)")
            }
            + board.queue.map { queued in
                let (id, state) = (queued.entry.id, queued.entry.step.rawValue)
                return row(
                    "merge", queued.source,
                    [("id", .int(id)), ("state", .string(state)), ("title", .string(queued.title))],
                    "merge \(id) \(state): \(queued.title)")
            }
    }
}
