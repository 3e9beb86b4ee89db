import Bus
import Configuration
import Storage
import SystemPackage

// Landing on the target of a remote. With cadre.mergeMode remote the work is stacked on the commit that the remote's
// target holds, and what the gate has passed is pushed there, with that commit as lease:
//
//   1  the remote's target is fetched             refs/cadre/remote/NAME/BRANCH; nothing of the user's is moved
//   2  stacked and gated as ever; landing is written, with the remote and what its target is to hold (Top)
//   3  pushed                                     -> moved meanwhile: from 1 again. Refused: the entries wait
//   4  the remote's target is fetched again, and has it
//   5  the local target follows, as ever          -> in its way are changes of the user's: the entries stay landing
//
// The local target holds what the remote's does, or an earlier commit of it; where it has commits of its own the queue
// stands still. It never gets a value whose tree did not pass, so it does not follow whatever others push, only what is
// gated: the top of a stack, or by itself where an entry can only be judged on it (`follow`).
//
// Killed after 2, it is not known whether 3 has happened. A successor finds out by 1; while the remote can't be reached
// the entries stay landing. What else fails by itself is tried again after a minute, then after twice as long each
// time, up to an hour.
extension MergeRunner {
    func mode() throws -> MergeMode { try work.mode() }
    func remote() throws -> RemoteTarget? { try work.remote() }

    // MARK: for the whole queue

    /// Fetches the remote's target. Why nothing can be stacked on it, and whether that may pass by itself; nil if it
    /// can.
    func remoteObstacle() throws -> (why: String, passes: Bool)? {
        let remote: RemoteTarget
        do {
            guard let found = try self.remote() else { return nil }
            remote = found
            let strange = try own.agentLives() ? own.configured().strange(remote.name) : []
            if !strange.isEmpty {
                return (
                    "git's configuration of this repository says of '\(remote.name)' what you have not seen: run "
                        + "'cadre init', then 'cadre merge run': "
                        + strange.map(Names.shown).joined(separator: "; "), false
                )
            }
        } catch let failure as Failure where failure.kind == .no { return (failure.message, false) }
        switch try fetch(remote, remote.branch) {
        case .unreachable(let why): return ("'\(remote.name)' can't be reached: \(why)", true)
        case .none:
            return (
                "'\(remote.name)' has no branch '\(remote.shown.dropFirst(remote.name.count + 1))': push "
                    + "'\(work.targetName)' there first",
                false
            )
        case .holds(let commit):
            let local = try work.targetCommit()
            if try git.isAncestor(local, of: commit) { return nil }
            return (try ahead(of: remote, local, commit), false)
        }
    }

    private func ahead(of remote: RemoteTarget, _ local: String, _ commit: String) throws -> String {
        let count = try work.count(commit, local)
        return
            "'\(work.targetName)' has \(count) commit\(count == 1 ? "" : "s") that '\(remote.shown)' has not: push or "
            + "drop \(count == 1 ? "it" : "them") first"
    }

    // MARK: the local target

    enum Followed {
        case followed
        /// The entry that needs it waits.
        case waits
        /// The local target has moved meanwhile.
        case elsewhere
    }

    /// Moves the local target from `local` to what the remote's holds, if the gate passes that.
    func follow(to commit: String, _ tree: String, from local: String, for entry: Entry, _ report: inout Report) throws
        -> Followed
    {
        guard try gate(commit, tree, again: true).passed else {
            try waitForGreen(entry, commit, tree, &report)
            return .waits
        }
        try bus.closeAsk(named: "target-red", by: "cadre", "")
        let step = Candidate(commit: commit, tree: tree, parent: local)
        let ground = try ground()
        if let obstacle = try inTheWay(step, ground) {
            try wait(entry, obstacle.why, obstacle.index, &report)
            return .waits
        }
        try bus.setFollowing(from: local, to: commit, worktree: ground.checkouts.first?.git.worktree)
        let moved = try move(to: step, ground.checkouts.first, why: "follow the remote")
        // The record stays for a half-done move, so that a later run finishes it.
        if case .halfway = moved {} else { try bus.endFollowing() }
        switch moved {
        case .moved: return .followed
        case .elsewhere: return .elsewhere
        case .blocked(let why, _, let file):
            try wait(entry, why, file, &report)
            return .waits
        case .halfway(let why):
            try stand([], why, &report)
            return .waits
        }
    }

    /// Finishes what a killed runner left of `follow`.
    func resumeFollowing(_ report: inout Report) throws {
        guard let following = try bus.following(), let old = following.old, let new = following.new else {
            return
        }
        let worktree = try checkout(following.worktree)
        guard try unlock(worktree) == nil else { return }
        if let worktree, let why = try heal(from: old, to: new, worktree, why: "follow the remote") {
            return try stand([], why, &report)
        }
        try bus.endFollowing()
    }

    /// The target itself is red: the entry waits, until it moves.
    func waitForGreen(_ entry: Entry, _ commit: String, _ tree: String, _ report: inout Report) throws {
        let remote = try self.remote()
        let why = "the gate fails on '\(remote?.shown ?? work.targetName)' itself"
        try bus.openAsk(named: "target-red", by: "cadre", "\(why), at \(commit): nothing lands but what turns it green")
        // A local target's file shows when it moves; a remote target is fetched again later.
        let reference = remote == nil ? settings.target.map { git.directory.appending($0) } : nil
        try wait(entry, why, reference, &report, red: tree, again: remote != nil)
    }

    /// The remote's target has the entry: the local one follows to what was pushed, and it has landed. What is in the
    /// way keeps the entry landing.
    func arrive(_ entry: Entry, _ remote: RemoteTarget, _ report: inout Report) throws {
        guard let target = settings.target, let commit = entry.commit, let now = try git.reference(target) else {
            return
        }
        if try !git.isAncestor(commit, of: now) {
            let top = entry.record.top ?? commit
            guard try git.isAncestor(now, of: top) else {
                return try stay(entry, try ahead(of: remote, now, top), nil, &report)
            }
            let step = Candidate(commit: top, tree: entry.record.topTree ?? "", parent: now)
            let ground = try ground()
            let checkout = ground.checkouts.first
            if let obstacle = try inTheWay(step, ground) {
                return try stay(entry, obstacle.why, obstacle.index, &report)
            }
            guard
                let next = try bus.advance(
                    entry, to: .landing,
                    {
                        $0.old = now
                        $0.worktree = checkout?.git.worktree?.string
                    })
            else { return }
            switch try move(to: step, checkout, why: "land task \(entry.id)") {
            case .moved: return try landed(next, commit, &report)
            case .elsewhere: return try stay(next, "'\(work.targetName)' moved meanwhile", nil, &report)
            case .blocked(let why, _, let file): return try stay(next, why, file, &report)
            case .halfway(let why): return try stand([next], why, &report)
            }
        }
        try landed(entry, commit, &report)
    }

    /// Leaves the entry landing, because its work is on the remote's target or may be. If the cause may pass by itself,
    /// as a lock of git's does, a person is asked only if it is still there the next time.
    func stay(_ entry: Entry, _ why: String, _ index: FilePath?, _ report: inout Report, passes: Bool = false) throws {
        let stamp = try index.map(MergeRunner.stamp)
        let tries = (entry.record.retries ?? 0) + 1
        guard
            try bus.advance(
                entry, to: .landing,
                {
                    $0.why = Names.shown(why)
                    $0.retries = tries
                    $0.retryAt = Time.now() + Bus.backoff(tries)
                    $0.index = index?.string
                    $0.indexStamp = stamp
                }) != nil
        else { return }
        if try !(passes || index?.extension == "lock") || tries > 1 || isAsked(entry) {
            try ask(entry, "can't land: \(why)")
        }
        report.waiting.append("\(entry.id): \(why)")
        tell(["\(entry.id)", "waiting", why])
    }

    /// What became of an entry that a killed runner may have pushed.
    func resumePushed(_ entry: Entry, _ report: inout Report) throws {
        guard let name = entry.record.remote, let branch = entry.record.remoteBranch, let commit = entry.commit
        else { return }
        let remote = RemoteTarget(name: name, branch: branch)
        switch try fetch(remote, branch) {
        case .unreachable(let why): try stay(entry, "'\(name)' can't be reached: \(why)", nil, &report, passes: true)
        case .holds(let now) where try git.isAncestor(commit, of: now): try arrive(entry, remote, &report)
        case .holds, .none: _ = try bus.advance(entry, to: .queued)
        }
    }
}
