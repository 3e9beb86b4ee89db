import Bus
import Configuration
import Git
import Glibc
import Processes
import Storage
import SystemPackage

/// The branch of a task: what `tasks/ID/branch` says.
package struct TaskBranch {
    /// `refs/heads/…`.
    package var reference: String
    /// The commit of the target that it was made from, or last brought up to.
    package var base: String
    /// The user named it, so it is never deleted by us.
    package var given: Bool
    /// How its task was called after it, where nobody had made one; see `MergeRunner.isNameless`.
    var title: String?

    package init(reference: String, base: String, given: Bool = false) {
        self.reference = reference
        self.base = base
        self.given = given
    }

    struct Fields: RecordFields {
        let branch = Field<String>("Branch")
        let base = Field<String>("Base")
        let given = Field<YesNo>("Given")
        let title = Field<String>("Title")
    }

    var record: TypedRecord<Fields> {
        var record = TypedRecord<Fields>()
        record.branch = reference
        record.base = base
        record.given = given ? .yes : nil
        record.title = title
        return record
    }

    /// The branch in a file; nil if there is no file, or it names no branch.
    package static func read(_ path: FilePath) throws -> TaskBranch? {
        try TypedRecord<Fields>.read(path).flatMap { TaskBranch($0) }
    }

    fileprivate init?(_ record: TypedRecord<Fields>) {
        guard let reference = record.branch, let base = record.base, reference.hasPrefix("refs/heads/") else {
            return nil
        }
        self.init(reference: reference, base: base, given: record.given != nil)
        title = record.title
    }

    /// The name as git commands on branches take it.
    package var name: String { String(reference.dropFirst("refs/heads/".count)) }
}

extension Bus {
    /// The task's branch; nil if nobody with a worktree has claimed it yet.
    package func branch(_ id: Int) throws -> TaskBranch? {
        guard let record = try TypedRecord<TaskBranch.Fields>.read(branchFile(id)) else { return nil }
        guard let branch = TaskBranch(record) else {
            throw Failure.unsure("'\(branchFile(id).string)' is damaged: no branch in it; see 'cadre doctor'")
        }
        return branch
    }

    package func setBranch(_ id: Int, _ branch: TaskBranch) throws { try write(branch.record, to: branchFile(id)) }
}

extension TaskBranches {
    /// That a name is neither an agent's nor a branch's, with the one that was probably meant.
    package func noBranch(_ name: String) throws -> Failure {
        let branches = try repository.run(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"]).text.split(
            separator: "\n"
        ).map(String.init)
        return .no("no agent and no branch '\(Names.shown(name))'" + Names.meant(name, try bus.agentNames() + branches))
    }
}

// One branch per task, one worktree per agent. Entering a task moves the agent's worktree to the task's branch:
//
//   1  the name and base are written down         (tasks/ID/branch)
//   2  the branch is made at its base, only if there is none of that name; where work of it has not landed, at that
//   3  a worktree of another agent that still stands on the branch lets go of it, keeping its files
//   4  the worktree is switched, which git refuses rather than lose a change
//
// After 1 or 2 whoever enters next goes on there; a branch that appeared between 1 and 2 and is not at the base was
// made by somebody else, and another name is taken. What an agent has committed is kept from then on (see `keep`).
package struct TaskBranches {
    package let bus: Bus
    package let repository: Git
    package let settings: Settings

    package init(bus: Bus, repository: Git, settings: Settings) {
        self.bus = bus
        self.repository = repository
        self.settings = settings
    }

    /// The commit that the target branch holds. Throws `Failure.no` that says what to do if there is none.
    package func targetCommit() throws -> String {
        guard let target = settings.target else {
            guard try !repository.run(["for-each-ref", "--count=1", "refs/heads"]).text.isEmpty else {
                throw Failure.no("the repository has no commit yet: commit something first")
            }
            throw Failure.no(
                "no target branch: check one out that has a commit, or choose one with 'git config cadre.target BRANCH'"
            )
        }
        guard let commit = try repository.commit(target) else {
            if let gone = try targetIsGone() { throw Failure.unsure(gone) }
            throw Failure.no("the target '\(target.dropFirst(11))' has no commit yet: commit something to it first")
        }
        return commit
    }

    /// Why there is no target although there are branches, and what to do; nil if that is not so.
    package func targetIsGone() throws -> String? {
        guard let target = settings.target, try repository.reference(target) == nil else { return nil }
        let first = try repository.run(["for-each-ref", "--count=1", "refs/heads"]).text
        guard !first.isEmpty else { return nil }
        let head = try repository.branch().flatMap {
            try repository.reference($0) == nil ? nil : String($0.dropFirst(11))
        }
        return
            "the target '\(target.dropFirst(11))' is gone: 'git config cadre.target \(head ?? "BRANCH")' chooses "
            + "\(head == nil ? "another" : "this")"
    }

    /// Moves the worktree to the task's branch, which is made at the first time. `start` is where it is made, if not at
    /// the target. The worktree should be clean; on the right branch already it is left as it is.
    @discardableResult
    package func enter(_ id: Int, _ worktree: Git, start: String? = nil) throws -> TaskBranch {
        var branch = try bus.branch(id) ?? choose(id, start: start)
        try unlock(branch: branch.reference, worktree)
        while try repository.reference(branch.reference) == nil {
            // What was committed is gone on with, though the branch was removed.
            var begin = branch.base
            if case .open(let tip) = try standing(of: id) { begin = tip }
            if try repository.move(branch.reference, to: begin, from: nil, why: "task \(id)") { break }
            branch = try choose(id, start: start)
        }
        if try worktree.branch() == branch.reference {
            guard try start == nil && hasOnlyLanded(id, branch, worktree) else { return branch }
            // Opened again: it begins where the target is now, which may have taken the work back.
            try visit(worktree)
            return try enter(id, worktree)
        }
        try release(branch.reference, besides: worktree)
        if let tip = try repository.commit(branch.reference), settings.target != nil, case let target = try front(),
            try tip == branch.base || repository.isAncestor(tip, of: target)
        {
            if case .open(let open) = try standing(of: id) {
                // A holder has set the branch back. Its successor should see all the work, so move it forward again.
                if open != tip, !branch.given {
                    _ = try repository.move(branch.reference, to: open, from: tip, why: "task \(id)")
                }
            } else if tip == branch.base, start == nil, target != tip,
                try repository.move(branch.reference, to: target, from: tip, why: "task \(id)")
            {
                // Nothing was done on it yet: it begins where the target is now.
                branch.base = target
                try bus.setBranch(id, branch)
            }
        }
        let before = try worktree.branch()
        try checkOut(branch.reference, worktree)
        if let before { try dropLanded(before) }
        return branch
    }

    /// Whether the worktree holds what landed of the task, and nothing else.
    private func hasOnlyLanded(_ id: Int, _ branch: TaskBranch, _ worktree: Git) throws -> Bool {
        guard !branch.given, try bus.entry(id) == nil, let last = try bus.lastEntry(id), last.step == .landed,
            let head = try worktree.commit("HEAD"), let target = try settings.target.flatMap(repository.commit),
            try head == last.tip || repository.isAncestor(head, of: target), try worktree.dirty().isEmpty
        else { return false }
        return try standing(of: id) == .landed
    }

    /// Moves the worktree to the target as it is now, on no branch.
    package func visit(_ worktree: Git) throws {
        let before = try worktree.branch()
        try checkOut(front(), detached: true, worktree)
        if let before { try dropLanded(before) }
    }

    /// A free name for the task's branch, written down.
    private func choose(_ id: Int, start: String?) throws -> TaskBranch {
        guard let header = try bus.header(id) else { throw bus.noTask(id) }
        let base = try start ?? front()
        let set = settings.string("branchPrefix")
        var prefix = "refs/heads/" + (set ?? "cadre/")
        // A branch `cadre` leaves no room for `cadre/…`.
        if prefix.hasSuffix("/"), try repository.reference(String(prefix.dropLast())) != nil {
            prefix = prefix.dropLast() + "-"
        }
        let slug = TaskBranches.slug(header.title)
        let stem = prefix + "\(id)" + (slug.isEmpty ? "" : "-" + slug)
        guard try set == nil || repository.attempt(["check-ref-format", stem]).status == 0 else {
            throw Failure.usage("cadre.branchPrefix makes '\(Names.shown(stem))', which is no branch name")
        }
        var reference = stem
        var next = 2
        while try repository.reference(reference) != nil {
            reference = "\(stem)-\(next)"
            next += 1
        }
        let branch = TaskBranch(reference: reference, base: base)
        try bus.setBranch(id, branch)
        return branch
    }

    /// A title as a part of a branch name: its letters a-z and digits, other characters as `-`, at most 40.
    static func slug(_ title: String) -> String {
        var out = ""
        for scalar in title.lowercased().unicodeScalars where out.utf8.count < 40 {
            let plain = (97...122).contains(scalar.value) || (48...57).contains(scalar.value)
            if plain { out.unicodeScalars.append(scalar) } else if !out.isEmpty, out.last != "-" { out += "-" }
        }
        while out.last == "-" { out.removeLast() }
        return out
    }

    /// Detaches agents' worktrees from a branch; throws `Failure.no` if a worktree of the user's stands on it.
    private func release(_ reference: String, besides: Git) throws {
        if let held = try repository.directories(on: reference), held.allSatisfy({ $0 == besides.directory }) { return }
        for (path, head) in try worktrees() where head == reference && path != besides.worktree {
            guard
                let agent = try bus.agentNames().compactMap({ try bus.agent(named: $0) }).first(where: {
                    $0.worktree == path
                })
            else {
                throw Failure.no(
                    "branch '\(reference.dropFirst(11))' is checked out in '\(path.string)': leave it there first")
            }
            guard let other = try agent.commits, let tip = try other.commit("HEAD") else { continue }
            try other.run(["update-ref", "--no-deref", "-m", TaskBranches.letGo + reference, "HEAD", tip])
        }
    }

    /// Removes a branch that we made and whose work has landed, if nothing was added to it since and nobody stands on
    /// it.
    package func drop(_ branch: TaskBranch, at tip: String) throws -> Bool {
        guard !branch.given, try !isStoodOn(branch.reference) else { return false }
        do { try unlock(branch: branch.reference) } catch let failure as Failure where failure.kind == .unsure {
            return false
        }
        return try repository.attempt(["update-ref", "-d", branch.reference, tip]).status == 0
    }

    /// The same of several at once, each at its tip: all of them, or none.
    func drop(_ branches: [(branch: TaskBranch, tip: String)]) throws {
        var lines = ""
        for (branch, tip) in branches where try !branch.given && !isStoodOn(branch.reference) {
            guard try !Files.exists(repository.directory.pushing(FilePath("\(branch.reference).lock"))) else { return }
            lines += "delete \(branch.reference) \(tip)\n"
        }
        if !lines.isEmpty { _ = try repository.attempt(["update-ref", "--stdin"], input: Array(lines.utf8)) }
    }

    private func isStoodOn(_ reference: String) throws -> Bool {
        if let directories = try repository.directories(on: reference) { return !directories.isEmpty }
        return try worktrees().contains { $0.branch == reference }
    }

    /// The same for a branch that a worktree has left, and for one without commits of its own whose task is done. An
    /// entry that has landed may still be in the queue: its dependents are ready a moment before it leaves.
    package func dropLanded(_ reference: String) throws {
        guard let id = task(of: reference), var branch = try bus.branch(id), branch.reference == reference else {
            return
        }
        let entry = try bus.entry(id)
        guard entry == nil || entry?.step == .landed else { return }
        let landed = try (entry ?? bus.lastEntry(id)).flatMap { $0.step == .landed ? $0 : nil }
        guard try landed != nil || bus.view(id).state == .done, try drop(branch, at: landed?.tip ?? branch.base) else {
            return
        }
        branch.base = landed?.commit ?? branch.base
        try bus.setBranch(id, branch)
    }

    /// The same for every branch on which nobody stands any more: whoever left it may have been killed, or put aside.
    func dropAllLanded() throws {
        for name in try repository.run(["for-each-ref", "--format=%(refname)", "refs/heads/"]).text.split(
            separator: "\n")
        { try dropLanded(String(name)) }
    }

    /// The id in the name of a branch that we have made: the first number after the last slash.
    func task(of reference: String) -> Int? {
        reference.split(separator: "/").last.flatMap { Int($0.drop { !$0.isNumber }.prefix { $0.isNumber }) }
    }

    /// All worktrees and the branch each is on.
    package func worktrees() throws -> [(path: FilePath, branch: String?)] {
        TaskBranches.worktrees(try repository.run(["worktree", "list", "--porcelain", "-z"]).output)
    }

    static func worktrees(_ output: [UInt8]) -> [(path: FilePath, branch: String?)] {
        var all: [(path: FilePath, branch: String?)] = []
        for field in output.split(separator: 0) {
            let text = String(decoding: field, as: UTF8.self)
            if text.hasPrefix("worktree ") { all.append((FilePath(String(text.dropFirst(9))), nil)) }
            if text.hasPrefix("branch "), !all.isEmpty { all[all.count - 1].branch = String(text.dropFirst(7)) }
        }
        return all
    }

    // MARK: keeping

    /// Keeps a commit reachable from `refs/cadre/work/KEY`, together with all that was kept there before: where the new
    /// one does not contain the old, a commit without content joins them.
    package func keep(_ key: String, _ tip: String) throws {
        let reference = TaskBranches.keptPrefix + key
        for _ in 0..<8 {
            let old = try repository.reference(reference)
            var new = tip
            if let old {
                if try old == tip || repository.isAncestor(tip, of: old) { return }
                if try !repository.isAncestor(old, of: tip) {
                    let empty = try repository.run(["mktree"], input: []).text
                    new = try repository.run(
                        ["commit-tree", empty, "-p", old, "-p", tip], input: Array("kept\n".utf8),
                        environment: TaskBranches.identity
                    ).text
                }
            }
            do {
                if try repository.move(reference, to: new, from: old, why: "keep") { return }
            } catch let failure as Failure where failure.kind == .unsure {
                // Only we lock these, for a moment: one that stays was left by a git that was killed.
                let lock = repository.directory.pushing(FilePath(reference + ".lock"))
                guard try Files.exists(lock) else { throw failure }
                if let why = try removeStale(lock, []) { throw Failure.unsure(why) }
            }
        }
        throw Failure.unsure("'\(reference)' moves too fast, try again")
    }

    /// Who commits what nobody reads, so that it works where the user has no identity set.
    package static let identity: [String: String?] = [
        "GIT_AUTHOR_NAME": "cadre", "GIT_AUTHOR_EMAIL": "cadre@localhost", "GIT_COMMITTER_NAME": "cadre",
        "GIT_COMMITTER_EMAIL": "cadre@localhost",
    ]

    /// Keeps what an agent's worktree has committed: under the task of its branch, else under the agent's name.
    package func keep(_ agent: AgentView) throws {
        guard let git = try agent.commits else { return }
        try bringBranchBack(git)
        guard let tip = try git.commit("HEAD") else { return }
        let branch = try git.branch()
        if let branch, let id = task(of: branch), try bus.branch(id)?.reference == branch,
            try repository.reference(TaskBranches.kept(id)) == tip
        {
            return
        }
        let held = try bus.claims().first { $0.owner == agent.name }
        // What the target has is nobody's own.
        if let target = try settings.target.flatMap(repository.reference), try repository.isAncestor(tip, of: target) {
            return
        }
        if let held, let branch, try bus.branch(held.id)?.reference == branch {
            return try keep("task-\(held.id)", tip)
        }
        try keep("agent-\(agent.name)", tip)
    }
}

extension AgentView {
    /// git on the agent's worktree, by the directories its card names; nil if it has none.
    package var git: Git? {
        guard let worktree, let directory = card.gitDir else { return nil }
        return Git(directory: directory, worktree: worktree)
    }

    /// git on the agent's git directory alone, for its branch and commits; nil if there is none. That directory
    /// outlives a worktree that was removed by hand, and is there before one that is being made.
    package var commits: Git? {
        get throws {
            guard let git, try Files.exists(git.directory) else { return nil }
            return Git(common: git.directory)
        }
    }
}
