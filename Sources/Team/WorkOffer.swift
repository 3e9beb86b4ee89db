import Bus
import Git
import Landing
import Storage
import SystemPackage
import Tmux

// Work comes to the idle. An agent that is idle, holds nothing and has no unread mail gets the best ready task that
// fits it: claimed for it, its worktree moved to the task's branch, and the task's text pasted as its next prompt,
// under the same conditions as any line that is typed (see `ProgramMonitor`). Those are looked at before the claim, and
// what can't be handed over after all is given back. Killed in between, the agent holds the task, and its next start
// tells it so.
extension Team {
    /// The agent as one who takes tasks unasked; nil for one that was told not to, and for roles that make the tasks.
    package static func puller(_ agent: AgentView) -> Worker? {
        guard agent.card.pull != .no, agent.token != nil, !["lead", "coordinator"].contains(agent.role ?? "") else {
            return nil
        }
        return Worker(agent, role: agent.role, manages: agent.role == "manager")
    }

    /// Claims the best task for an agent that holds none, and moves its worktree; nil if there is none that can be now.
    /// Files that git does not know stay where they are, unless the branch has them too: then git refuses.
    package func takeReady(_ agent: AgentView, _ worker: Worker) throws -> Claim? {
        var left: TaskBranches.Leftover?
        if let worktree = try standingWorktree(agent.name) {
            try work.takeBack(worktree)
            if try !worktree.dirty().isEmpty {
                left = try leftover(agent, worktree)
                if left == nil, try !worktree.dirty(untracked: false).isEmpty { return nil }
            }
        }
        guard let claim = try bus.claimBest(worker) else { return nil }
        do {
            // Of the task it may be used up as well.
            if let reached = try reached(agent) { throw Failure.no(reached.text) }
            if agent.git != nil { try work.refresh() }
            if let worktree = try self.agent(agent.name).git, let header = try bus.header(claim.id), !header.isEpic {
                try work.keep(agent)
                if let left { try putBy(left, agent, worktree, for: claim.id) }
                if header.merge {
                    try work.enter(claim.id, worktree, start: agent.card.base)
                } else {
                    try work.visit(worktree)
                }
            }
            return claim
        } catch {
            try bus.release(claim, by: agent.name)
            throw error
        }
    }

    /// The task that uncommitted changes in an agent's worktree belong to, if the agent no longer holds it. For `sh`,
    /// which changes nothing between two tasks, also a task that was handed in.
    package func leftover(_ agent: AgentView, _ worktree: Git) throws -> TaskBranches.Leftover? {
        try work.leftover(of: agent, in: worktree, any: agent.card.program == "sh")
    }

    /// Puts them by before the worktree is moved to another task.
    package func putBy(
        _ leftover: TaskBranches.Leftover, _ agent: AgentView, _ worktree: Git, for id: Int,
        say: (String) -> Void = { _ in }
    ) throws {
        if leftover.task == id, leftover.isOnBranch { return }
        let commit = try work.putBy(leftover, of: agent, in: worktree)
        say("what was left of task \(leftover.task) is kept as \(commit.prefix(12))")
        try bus.note(
            leftover.task, by: agent.name,
            Array("uncommitted changes that were left of it are kept: git show \(commit.prefix(12))\n".utf8))
    }
}
