import Bus
import Team

/// Counts the lines that agents have added and removed: one agent at a time, beside the screen, only for agents in
/// sight.
final class Changes {
    private(set) var counts: [String: (added: Int, removed: Int)] = [:]
    /// Of which agents lines are still to be counted.
    private var uncounted: [String] = []
    private var countedAt: [String: String] = [:]

    /// Agents whose state was reported anew, or who hold something else, may have changed files.
    func note(_ agents: [Board.Agent]) {
        for agent in agents where agent.view.worktree != nil {
            // All of the report: two may be of one second.
            let stamp =
                "\(agent.view.report.map { String(decoding: $0.bytes, as: UTF8.self) } ?? "") \(agent.tasks.map(\.id)) "
                + "\(agent.branch ?? "")"
            if countedAt.updateValue(stamp, forKey: agent.key) != stamp, !uncounted.contains(agent.key) {
                uncounted.append(agent.key)
            }
        }
    }

    func forget() { countedAt = [:] }

    /// Counts those of one of these, if nothing else is being counted.
    func countNext(of shown: Set<String>, _ board: Board, _ sources: [Source], _ jobs: Jobs) {
        guard !jobs.isLooking("count"), let n = uncounted.firstIndex(where: shown.contains) else { return }
        let key = uncounted.remove(at: n)
        guard let agent = board[agent: key] else { return }
        jobs.look("count", ["diff", "--stat", agent.name], sources[agent.source]) { [weak self] result in
            self?.counts[key] = result.status == 0 ? Changes.total(result.text) : nil
        }
    }

    /// Of git's `--stat`, whose last line is ` 3 files changed, 10 insertions(+), 2 deletions(-)`.
    static func total(_ text: String) -> (added: Int, removed: Int) {
        var counts = (added: 0, removed: 0)
        for part in (text.split(separator: "\n").last ?? "").split(separator: ",") {
            guard let number = part.split(separator: " ").first.flatMap({ Int($0) }) else { continue }
            if part.contains("insertion") { counts.added = number }
            if part.contains("deletion") { counts.removed = number }
        }
        return counts
    }
}
