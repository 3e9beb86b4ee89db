import Bus
import Git
import Storage
import Team

// An agent with a worktree works on one task at a time: claiming moves the worktree to the task's branch before the id
// is printed, or, where the task's work is not commits, to the target as it is now, so that what the task depends on
// is there to be seen. Epics, and a second task of no commits beside one at work, move nothing.
extension CommandContext {
    /// The caller's worktree, if its session is the current one.
    private func ownWorktree(_ worker: Worker) throws -> Git? {
        guard worker.session != nil else { return nil }
        return try bus().agent(named: worker.name)?.git
    }

    /// The tasks that the worker holds and whose work is commits.
    private func atWork(_ worker: Worker) throws -> [Int] {
        try bus().held(by: worker).map(\.id).filter { id in
            guard let header = try bus().header(id) else { return false }
            return header.merge && !header.isEpic
        }
    }

    /// Throws `Failure.no` if the caller's worktree can't move to another task now: it has uncommitted changes, or the
    /// caller still holds the task that it is at work on. A removed worktree is made again. Changes of a task that is
    /// no longer the caller's don't matter: the move sets them aside.
    package func requireFree(_ worker: Worker, for id: Int? = nil) throws {
        guard try ownWorktree(worker) != nil else { return }
        if let other = try atWork(worker).first(where: { $0 != id }) {
            guard let id, let header = try bus().header(id), header.merge, !header.isEpic else { return }
            throw Failure.no("'\(worker.name)' is at work on \(other): finish or release it first")
        }
        guard let worktree = try team().standingWorktree(worker.name) else { return }
        try team().work.takeBack(worktree)
        let dirty = try worktree.dirty()
        if dirty.isEmpty { return }
        leftover = try team().leftover(team().agent(worker.name), worktree)
        guard leftover != nil else {
            throw Failure.no(
                "uncommitted changes in '\(worktree.worktree?.string ?? "")': \(Team.shown(dirty)); commit or remove "
                    + "them first"
            )
        }
    }

    /// Sets aside what the caller has left in its worktree of a task that it no longer holds; otherwise its next claim
    /// does.
    package func putByLeftover(_ worker: Worker) throws {
        guard try ownWorktree(worker) != nil, let worktree = try team().standingWorktree(worker.name) else { return }
        try team().work.takeBack(worktree)
        let agent = try team().agent(worker.name)
        guard try !worktree.dirty().isEmpty, let left = try team().leftover(agent, worktree) else { return }
        try team().putBy(left, agent, worktree, for: 0) { say($0) }
    }

    /// Moves the caller's worktree to what it has claimed. If that can't be, a claim made just now is given back; one
    /// that it held before stays, and its worktree is moved only if it is on another branch.
    package func enter(_ claim: Claim, _ worker: Worker, fresh: Bool = true) throws {
        guard try ownWorktree(worker) != nil, let header = try bus().header(claim.id), !header.isEpic else { return }
        let team = try team()
        do {
            guard let worktree = try team.standingWorktree(worker.name) else { return }
            let agent = try team.agent(worker.name)
            try team.work.keep(agent)
            if header.merge || fresh, let leftover {
                try team.putBy(leftover, agent, worktree, for: claim.id) { say($0) }
            }
            if header.merge {
                try team.work.enter(claim.id, worktree, start: agent.card.base)
            } else if try fresh && atWork(worker).isEmpty {
                try team.work.visit(worktree)
            }
            try bus().endRetry(of: worker.name)
        } catch {
            if fresh { try bus().release(claim, by: worker.name) }
            throw error
        }
    }

    /// Keeps what somebody's worktree has committed, before its task goes elsewhere.
    package func keepWork(of name: String) throws {
        guard let agent = try bus().agent(named: name), agent.worktree != nil else { return }
        try team().work.keep(agent)
    }
}
