import Bus
import Screen
import Tool

/// The agents and what waits for a person as lines of text, for a screen reader or a pipe: all of them once, and on a
/// terminal each that changes from then on.
struct Plain {
    private let reader: Reader

    init(_ sources: [Source]) { reader = Reader(sources) }

    func run() {
        Cells.setLocale()
        var before = Set<String>()
        while true {
            reader.read()
            let lines = self.lines()
            for line in lines where !before.contains(line) { Out.line(line) }
            Out.flush()
            before = Set(lines)
            guard Out.isTerminal else { return }
            reader.wait()
        }
    }

    private func lines() -> [String] {
        let board = reader.board
        return (board.problem.map { ["problem: \($0)"] } ?? [])
            + board.agents.map { agent in
                ([agent.name, agent.view.state.rawValue] + agent.tasks.map { "task \($0.id) \($0.title)" } + [agent.view.report?["Note"], agent.unread > 0 ? "\(agent.unread) unread" : nil].compactMap { $0 }
                    + agent.conflicts.map { "conflicts with \($0)" }).joined(separator: ", ")
            }
            + board.asks.map { "ask \($0.ask.id) from \($0.ask.from): \(String($0.ask.text.split(separator: "\n").first ?? ""))" }
            + board.queue.map { "merge \($0.entry.id) \($0.entry.step.rawValue): \($0.title)" }
    }
}
