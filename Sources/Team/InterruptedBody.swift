import Bus
import Storage

// A body that is run again. Whoever was killed after a body had begun, and before the verb that ends the run, has left
// changes, perhaps committed, that the body would make once more: a line that it appends would stand there twice. So:
//
//   1  before a body is run, the commit that its worktree stands on is written down       tasks/ID/run
//   2  the body runs; its agent hands the work in, gives it back or fails it
//   3  the verb that has done so removes the record
//
// Who finds a record comes after a run that never got to 3, its own or another agent's. What that one left is kept and
// named in the task's notes, and the branch is set back to where it began. A record is of no meaning once the work has
// come back from the merge queue: the run that it tells of was handed in.
extension Team {
    package func begin(_ id: Int, by name: String) throws {
        let agent = try agent(name)
        guard let worktree = try standingWorktree(name) else { return }
        let head = try work.head(of: worktree)
        let returned = try bus.returned(id)?.tip
        guard let last = try bus.run(id), last.returned == returned, let start = last.start,
            try git.commit(start) != nil,
            try git.isAncestor(start, of: head)
        else { return try bus.setRun(id, start: head, returned: returned, by: name) }
        if try start == head && worktree.dirty().isEmpty { return }
        // Only the task's own branch is ours to move, and of one that a person named not what is committed there.
        let own = try bus.branch(id)
        guard try worktree.branch() == own?.reference, start == head || own?.given != true else { return }
        // What no commit can hold stays: the body sees it.
        let left: String
        do { left = try work.setBack(worktree, to: start, of: agent) } catch let failure as Failure
            where failure.kind == .no
        { return }
        bus.journal("put-by", by: name, ["task": "\(id)", "commit": left])
        try bus.note(
            id, by: name,
            Array(
                "a run was cut short; what it left is kept, and the body is run again: git show \(left.prefix(12))\n"
                    .utf8))
    }
}
