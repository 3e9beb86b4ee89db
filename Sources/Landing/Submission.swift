import Bus
import Configuration
import Git
import Processes
import Storage
import SystemPackage

// Submitting work. What is submitted is a commit, the tip of the task's branch as it is now; the worktree is not looked
// at again, so its agent is free at once.
//
//   1  the tip is kept reachable           refs/cadre/work/task-ID
//   2  the entry is written and the task's marker moves to review        (Bus.submit)
//
// After 1 nothing has happened but that the tip can't be lost.
extension TaskBranches {
    /// The commit after which a task's own work begins: where its branch and the target parted, or later where the
    /// branch was begun on top of other work, or where it stood when it landed before.
    package func base(of id: Int, _ tip: String) throws -> String {
        let target = try targetCommit()
        let found = try repository.attempt(["merge-base", target, tip])
        guard found.status <= 1 else {
            throw Failure.unsure("unable to compare '\(tip)' with the target: \(found.complaint)")
        }
        guard found.status == 0 else {
            throw Failure.no("the work has no commit in common with the target '\(targetName)'")
        }
        let parted = found.text
        if let begun = try bus.branch(id)?.base, begun != parted, try repository.commit(begun) != nil,
            try repository.isAncestor(begun, of: tip), try repository.isAncestor(parted, of: begun)
        {
            // Where it stood when it landed counts only while the target has that landing.
            if let last = try bus.lastEntry(id), last.step == .landed, let commit = last.commit,
                [last.tip, commit].contains(begun),
                try repository.commit(commit) == nil || !repository.isAncestor(commit, of: target)
            {
                return parted
            }
            return begun
        }
        return parted
    }

    /// How the target is called in messages.
    package var targetName: String { settings.target.map { String($0.dropFirst("refs/heads/".count)) } ?? "" }

    /// How many commits a task's branch has of its own.
    package func count(_ base: String, _ tip: String) throws -> Int {
        Int(try repository.run(["rev-list", "--count", "\(base)..\(tip)"]).text) ?? 0
    }

    /// The branch and tip that an agent's worktree holds for a task. Throws `Failure.no`, with what to do, if there
    /// are uncommitted changes or the worktree is elsewhere.
    package func tip(of id: Int, in worktree: Git) throws -> (branch: String, tip: String) {
        let branch = try self.branch(of: id, in: worktree)
        let dirty = try worktree.dirty()
        guard dirty.isEmpty else {
            throw Failure.no("uncommitted changes: \(TaskBranches.shown(dirty)): commit them first")
        }
        let tip = try head(of: worktree)
        try requireWhole(worktree)
        return (branch, tip)
    }

    /// Throws `Failure.unsure` if the worktree is no longer there: what was just read from it may be what a removal in
    /// progress had left, and no word of its agent's.
    private func requireWhole(_ worktree: Git) throws {
        guard let place = worktree.worktree, try !Files.exists(place.appending(".git")) else { return }
        throw Failure.unsure(
            "the worktree '\(place)' was removed: 'cadre up \(place.lastComponent?.string ?? "")' makes it again")
    }

    /// The branch that the worktree is on. Throws `Failure.no` if it is not the task's.
    package func branch(of id: Int, in worktree: Git) throws -> String {
        try requireWhole(worktree)
        try bringBranchBack(worktree)
        let place = worktree.worktree?.string ?? ""
        guard let branch = try worktree.branch() else {
            throw Failure.no("'\(place)' is on no branch: check out the branch of task \(id)")
        }
        if let own = try bus.branch(id)?.reference, own != branch {
            throw Failure.no(
                "'\(place)' is on '\(branch.dropFirst(11))', not on the branch of task \(id): check out "
                    + "'\(own.dropFirst(11))'"
            )
        }
        guard branch != settings.target else {
            throw Failure.no("'\(place)' is on the target '\(targetName)' itself: work on another branch")
        }
        return branch
    }

    /// Submits a commit as the work of a claimed task. Throws `Failure.no` if there is no work in it.
    package func submit(_ claim: Claim, branch: String, tip: String, strategy: Strategy? = nil, result: [UInt8] = [])
        throws -> Entry
    {
        try bus.requirePlan(claim.id)
        let base = try base(of: claim.id, tip)
        guard base != tip else {
            if case .open(let open) = try standing(of: claim.id) { throw Failure.no(try unlanded(claim.id, open)) }
            throw Failure.no(
                "task \(claim.id) has no commits beyond '\(targetName)': --result TEXT or --no-merge says that its "
                    + "work is not commits"
            )
        }
        try keep("task-\(claim.id)", tip)
        try requireContent(base, tip)
        if try bus.branch(claim.id) == nil {
            try bus.setBranch(claim.id, TaskBranch(reference: branch, base: base, given: true))
        }
        let kept = try repository.reference(TaskBranches.kept(claim.id)) ?? tip
        return try bus.submit(
            claim, branch: branch, base: base, tip: tip, kept: kept, strategy: strategy?.rawValue, result: result)
    }

    /// So many lines of what a hook, or what signs, says are told.
    private static let hookLines = 5

    /// Commits all that is uncommitted in an agent's worktree, if anything is, as the agent: with the user's hooks and
    /// identity.
    /// A conflict whose marks are still in its file is not committed, nor is a repository within. `claim` and `agent`:
    /// see `run`.
    package func commitAll(_ worktree: Git, message: [UInt8], for claim: Claim? = nil, beside agent: String? = nil)
        throws
    {
        let found = try worktree.uncommitted()
        guard !found.isEmpty else { return }
        let open = try found.filter(\.isUnmerged).map(\.path).filter { path in
            guard let place = worktree.worktree, let bytes = try Files.read(place.pushing(FilePath(path))) else {
                return false
            }
            return bytes.split(separator: 10).contains { $0.starts(with: "<<<<<<< ".utf8) }
        }
        guard open.isEmpty else { throw Failure.no("conflict in \(TaskBranches.shown(open)): solve it first") }
        if let inner = found.first(where: \.isRepository) {
            throw TaskBranches.linkAlone(String(inner.path.dropLast()))
        }
        try unlock(worktree)
        for (arguments, input) in [(["add", "-A"], nil), (["commit", "-q", "-F", "-"], message + [10])]
            as [([String], [UInt8]?)]
        {
            try requireWhole(worktree)
            let result = try asOwner(worktree, arguments, input: input, for: claim, beside: agent)
            if result.lock != nil { throw Failure.unsure("unable to commit: \(result.trouble)") }
            guard result.status == 0 else {
                let said = arguments[0] == "add" ? result.trouble : result.complaint(lines: TaskBranches.hookLines)
                let why = "unable to commit: \(said)"
                throw result.mayPass ? Failure.unsure(why) : Failure.no(why)
            }
        }
    }

    /// Runs the task's own check in a directory, as its agent would. Throws `Failure.no` with its last lines if it
    /// fails. `claim` and `agent`: see `run`.
    package func verify(_ command: String, in directory: FilePath, for claim: Claim? = nil, beside agent: String? = nil)
        throws
    {
        var program = Program(["/bin/sh", "-c", command])
        program.directory = directory
        program.ownGroup = true
        program.timeout = Double(try settings.number(.gateTimeout))
        let result = try run(program, for: claim, beside: agent)
        guard result.status != 0 || result.timedOut else { return }
        let lines = MergeRunner.lastLines(result.output + result.error, 20).map {
            Names.shown(String(decoding: $0, as: UTF8.self))
        }
        let what = result.timedOut ? "takes too long" : "fails with \(result.status)"
        throw Failure.no(
            "'\(Names.shown(command))' \(what)" + (lines.isEmpty ? "" : ":\n" + lines.joined(separator: "\n")))
    }
}

extension TaskBranches {
    /// The subject of a commit that merges a branch.
    static func title(ofBranch reference: String) -> String {
        "Merge branch '\(reference.dropFirst("refs/heads/".count))'"
    }

    /// What a task is called that is made for a branch: as the first of its commits.
    private func title(ofBranch reference: String, _ base: String, _ tip: String) throws -> String {
        let first = try repository.originals(["--reverse", "--topo-order", "--no-merges", tip, "^\(base)"]).first
        let subject = Message.subject(Message.withoutBlankEnds(first?.message ?? []))
        let words = Names.shown(String(decoding: subject, as: UTF8.self).prefix(200).description)
        return words.isEmpty ? TaskBranches.title(ofBranch: reference) : words
    }

    /// Submits a branch that belongs to no claim yet, for a person or a job: a task is made for it, or the open one
    /// that was is used again.
    package func submit(branch: String, tip: String, as worker: Worker, strategy: Strategy? = nil) throws -> Entry {
        guard branch != settings.target else {
            throw Failure.no("'\(targetName)' is the target itself: submit another branch")
        }
        for listed in try bus.list([.ready, .claimed, .review, .blocked, .deferred])
        where try bus.branch(listed.id)?.reference == branch {
            var view = listed
            // It has landed meanwhile, or was cancelled: the tip is another task's.
            while ![.done, .failed, .cancelled].contains(view.state) {
                do {
                    guard view.state == .claimed || view.state == .review else {
                        try bus.requirePlan(view.id, view.header)
                        return try submit(bus.claim(view.id, worker), branch: branch, tip: tip, strategy: strategy)
                    }
                    guard let claim = view.claim, worker.name == "human" || claim.owner == worker.name else {
                        throw Failure.no(
                            "'\(branch.dropFirst(11))' is the branch of task \(view.id), which "
                                + "'\(view.claim?.owner ?? "")' holds"
                        )
                    }
                    return try submit(claim, branch: branch, tip: tip, strategy: strategy)
                } catch let failure as Failure where failure.kind == .no {
                    let now = try bus.view(view.id)
                    guard now.state != view.state else { throw failure }
                    view = now
                }
            }
        }
        // Refused before a task is made for it.
        let target = try targetCommit()
        let base = try landedPart(of: tip, target) ?? base(of: 0, tip)
        guard base != tip else {
            throw Failure.no("'\(branch.dropFirst(11))' has no commits beyond '\(targetName)'")
        }
        var own = TaskBranch(reference: branch, base: base, given: true)
        own.title = try title(ofBranch: branch, base, tip)
        var header = TaskHeader(title: own.title ?? "")
        header.to = worker.name
        // With its branch, by which it is found again should this be cut short.
        let id = try bus.add(header, by: worker.name, branch: own.record.bytes)
        return try submit(bus.claim(id, worker), branch: branch, tip: tip, strategy: strategy)
    }
}

extension Git {
    /// A line of `git status --porcelain --untracked-files=all`.
    fileprivate struct Uncommitted {
        var path: String
        /// A conflict is open in it.
        var isUnmerged: Bool
        /// It is an untracked repository: of directories only such are listed.
        var isRepository: Bool
    }

    /// Each uncommitted path, with what may keep it from being committed.
    fileprivate func uncommitted() throws -> [Uncommitted] {
        try run(["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"]).output.split(separator: 0)
            .map { line in
                let state = String(decoding: line.prefix(2), as: UTF8.self)
                let path = String(decoding: line.dropFirst(3), as: UTF8.self)
                return Uncommitted(
                    path: path, isUnmerged: state.contains("U") || ["AA", "DD"].contains(state),
                    isRepository: state == "??" && path.hasSuffix("/"))
            }
    }
}
