import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

/// A file of `merge/fetched`.
private struct FetchFields: RecordFields {
    let remote = Field<String>("Remote")
    let branch = Field<String>("Branch")
    let time = Field<Int>("Time")
    /// Why it could not be reached.
    let why = Field<String>("Why")
}
private typealias FetchRecord = TypedRecord<FetchFields>

// Work that lands on a remote's target also begins there: at the commit of the last fetch. Whoever is about to give an
// agent work fetches, if the last fetch is older than `cadre.fetch`; claiming never fetches. A fetch takes ten seconds
// at most. If the remote can't be reached, cadre says so once and uses the commit of the last fetch. merge/fetched/ has
// a record of the last fetch for each branch of a remote.
extension TaskBranches {
    /// Where a task begins: the newest commit that the target is known to hold, here or at the remote.
    package func front() throws -> String {
        let local = try targetCommit()
        guard try mode() != .local, let remote = try? remote(),
            let there = try repository.commit(remote.reference(remote.branch)),
            try repository.isAncestor(local, of: there)
        else { return local }
        return there
    }

    /// Fetches the remote's target, if that is due. Why it can't be reached, said once; nil if all is well.
    @discardableResult
    package func refresh() throws -> String? {
        guard try mode() != .local, let remote = try? remote() else { return nil }
        return try refresh(remote, remote.branch)
    }

    /// Moves a task's branch to the current target if nobody has worked on it yet; returns whether the branch is there
    /// now. The base is written before the branch moves: an older base would count others' commits as the task's own.
    package func beginAnew(_ id: Int, _ worktree: Git) throws -> Bool {
        guard var branch = try bus.branch(id), try worktree.branch() == branch.reference,
            let tip = try worktree.commit("HEAD"), tip == branch.base,
            try worktree.dirty(untracked: false).isEmpty
        else { return false }
        let front = try front()
        guard try front != tip && repository.isAncestor(tip, of: front) else { return front == tip }
        branch.base = front
        try bus.setBranch(id, branch)
        try worktree.run(["merge", "-q", "--ff-only", "--no-autostash", "--no-verify-signatures", front])
        return true
    }

    /// The commit that a name stands for, where it is a remote's branch as it was last fetched, which is done if it is
    /// due.
    package func fetched(_ name: String, say: (String) -> Void) throws -> String? {
        let short = name.hasPrefix("refs/remotes/") ? String(name.dropFirst("refs/remotes/".count)) : name
        let remotes = try repository.run(["remote"]).text.split(separator: "\n").map(String.init)
        guard let found = remotes.filter({ short.hasPrefix($0 + "/") }).max(by: { $0.count < $1.count }),
            try repository.reference("refs/heads/\(name)") == nil,
            let there = try repository.commit("refs/remotes/\(short)")
        else { return nil }
        let branch = "refs/heads/" + short.dropFirst(found.count + 1)
        let remote = RemoteTarget(name: found, branch: branch)
        if let why = try refresh(remote, branch) { say(why) }
        guard let now = try repository.commit(remote.reference(branch)), try repository.isAncestor(there, of: now)
        else { return there }
        return now
    }

    private func refresh(_ remote: RemoteTarget, _ branch: String) throws -> String? {
        let every = try settings.number(.fetch)
        let file = bus.fetchedFile(Digest.of(Array("\(remote.name) \(branch)".utf8)))
        let before = try FetchRecord.read(file)
        if let time = before?.time, time <= Time.now(), time + every > Time.now() { return nil }
        try Files.mkdirs(bus.mergeFetched)
        // Another may be at it.
        return try FileLock.attempt(bus.fetchLock) { () -> String? in
            let queue = MergeRunner(self)
            var record = FetchRecord()
            record.remote = remote.name
            record.branch = branch
            if case .unreachable(let why) = try queue.fetch(remote, branch, seconds: 10) { record.why = why }
            record.time = Time.now()
            try bus.write(record, to: file)
            guard let why = record.why, before?.why == nil else { return nil }
            bus.journal("unreachable", by: "cadre", ["remote": remote.name, "why": why])
            return "'\(remote.name)' can't be reached, what it held last counts: \(why)"
        } ?? nil
    }
}
