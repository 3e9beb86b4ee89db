import Bus
import SystemPackage
import Tmux

// What doctor sees of agents' worktrees and of the branch that they begin at.
extension Team {
    /// What is wrong, and what to do.
    package func examineWorktrees() throws -> [Doctor.Problem] {
        var found: [Doctor.Problem] = []
        func problem(_ path: FilePath, _ what: String) {
            found.append(Doctor.Problem(invariant: "worktree", path: path.string, what: what))
        }
        if let why = try work.targetIsGone() { problem(git.directory, why) }
        for place in try work.halfMade() {
            problem(
                place,
                "a worktree that is half made, left by a git that was killed: every git that lists worktrees dies of "
                    + "it; remove it")
        }
        for name in try bus.agentNames() {
            guard let agent = try bus.agent(named: name), let place = agent.worktree else { continue }
            switch try work.condition(agent) {
            case .none: break
            case .whole:
                if let lock = try work.staleLock(agent) {
                    problem(
                        lock,
                        "left by a git that was killed: remove it, or 'cadre up \(name)' does once '\(name)' is stopped"
                    )
                }
            case .removed, .forgotten:
                // Between pause and resume there is none.
                if agent.card.at == nil {
                    problem(place, "the worktree of '\(name)' was removed: 'cadre up \(name)' makes it again")
                }
            case .unlinked:
                problem(place, "the '.git' of the worktree of '\(name)' was removed: 'cadre up \(name)' makes it again")
            case .moved:
                problem(
                    place,
                    "the repository or the worktree of '\(name)' was moved: 'cadre up' mends what names the old place")
            case .strange(let why): problem(place, "the worktree of '\(name)' is not proved to be its own: \(why)")
            }
        }
        return found
    }

    /// Hints about tmux settings that may surprise a person. A tmux that doesn't answer gives none, so that doctor
    /// still prints the rest. Starts one process, if there is a server.
    package func tmuxHabits() throws -> [String] {
        guard let server = try bus.server(), Tmux.answers(server),
            let options = try? Tmux(bus).attempt(
                ["show-options", "-s", "extended-keys", ";", "show-options", "-g"], seconds: 5)
        else { return [] }
        let lines = options.text.split(separator: "\n")
        var habits: [String] = []
        let isTyped = try bus.team().contains { agent in
            try agent.alive && !agent.isHeadless && known(agent.card.program ?? "")?.empty.isEmpty == false
        }
        if isTyped, lines.contains("extended-keys off") {
            habits.append(
                "extended-keys is off: Shift+Enter does not reach an agent's program; 'set -s extended-keys on' in "
                    + "your tmux.conf"
            )
        }
        if lines.contains(where: { $0.hasPrefix("@resurrect") || $0.hasPrefix("@continuum") }) {
            habits.append(
                "tmux-resurrect brings back windows without the agents in them: leave cadre's session out of it, "
                    + "'cadre up' brings agents back"
            )
        }
        return habits
    }

    /// Mends what moves and removals have left of the worktrees of all agents that don't run; returns whose.
    package func mendWorktrees() throws -> [String] {
        try bus.agentNames().filter { name in
            guard let agent = try bus.agent(named: name), !agent.alive else { return false }
            return try mend(agent)
        }
    }
}
