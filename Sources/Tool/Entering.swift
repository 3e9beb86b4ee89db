import Bus
import Git
import Team

// An agent with a worktree works on one task at a time: claiming moves the worktree to the task's branch before the id
// is printed. Tasks whose work is not commits, and epics, move nothing.
extension Tool {
    /// The caller's worktree, if its session is the current one.
    private func ownWorktree(_ worker: Worker) throws -> Git? {
        guard worker.session != nil else { return nil }
        return try bus().agent(named: worker.name)?.git
    }

    private func moves(_ id: Int) throws -> Bool {
        guard let header = try bus().header(id) else { throw try bus().noTask(id) }
        return header.merge && !header.isEpic
    }

    /// Throws `Failure.no` if the caller's worktree can't be moved to another task now: it has uncommitted changes, or
    /// is on a task that is still held (`id` itself does not count).
    public func requireFree(_ worker: Worker, for id: Int? = nil) throws {
        guard let worktree = try ownWorktree(worker) else { return }
        let held = try bus().held(by: worker).filter { try moves($0.id) }
        if let id, held.contains(where: { $0.id == id }) { return }
        if let id, let other = held.first {
            guard try moves(id) else { return }
            throw Failure.no("'\(worker.name)' is at work on \(other.id): finish or release it first")
        }
        guard held.isEmpty else { return }
        let dirty = try worktree.dirty()
        guard dirty.isEmpty else { throw Failure.no("uncommitted changes in '\(worktree.worktree?.string ?? "")': \(Team.shown(dirty)); commit or remove them first") }
    }

    /// Moves the caller's worktree to the branch of what it has claimed. If that can't be, the claim is given back.
    public func enter(_ claim: Claim, _ worker: Worker) throws {
        guard let worktree = try ownWorktree(worker), try moves(claim.id) else { return }
        let team = try team()
        do {
            let agent = try team.agent(worker.name)
            try team.work.keep(agent)
            try team.work.enter(claim.id, worktree, start: agent.card["Base"])
        } catch {
            try bus().release(claim, by: worker.name)
            throw error
        }
    }
}
