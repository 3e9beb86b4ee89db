import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// Switching an agent's worktree to another commit. A git that is killed in it, or has no room on the disk, leaves some
// files as they will be, some as they were, and HEAD where it was. So:
//
//   1  both commits are written down in the worktree's git directory       `cadre-switch`
//   2  git switches: files, index, HEAD
//   3  the record is removed
//
// Whoever uses the worktree next finds the record and takes back what was begun, if nothing but git's own work is in
// the files: each is as in one of the two commits, absent, or the beginning of what it will be. A file that is not is
// somebody's, and named.
extension TaskBranches {
    private func switching(_ worktree: Git) -> FilePath { worktree.directory.appending("cadre-switch") }

    /// Switches to a branch, or to a commit on none. Never overwrites a file that is not in git. Throws `Failure.no` if
    /// files are in the way.
    func checkOut(_ name: String, detached: Bool = false, _ worktree: Git) throws {
        try takeBack(worktree)
        let old = try head(of: worktree)
        guard let new = try worktree.commit(name) else { throw Failure.unsure("no commit '\(Names.shown(name))'") }
        let short = name.hasPrefix("refs/heads/") ? String(name.dropFirst(11)) : name
        try Files.write(Array("\(old) \(new)\n".utf8), to: switching(worktree), sync: false)
        let result = try worktree.attempt(
            ["checkout", "-q", "--no-overwrite-ignore"]
                + (detached ? ["--detach", short] : ["--no-guess", short, "--"]))
        guard result.status != 0 else {
            try Files.unlink(switching(worktree))
            // What git says where a directory of the old commit is not empty.
            if String(decoding: result.error, as: UTF8.self).contains("unable to rmdir") {
                try requireNoneBehind(worktree, old)
            }
            return
        }
        // Git looks whether files are in the way before it touches any.
        let said = String(decoding: result.error, as: UTF8.self)
        if ["would be overwritten by checkout", "would be removed by checkout"].contains(where: said.contains) {
            try Files.unlink(switching(worktree))
        } else {
            try? takeBack(worktree)
        }
        let paths = String(decoding: result.error, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("\t") }
            .map { String($0.dropFirst()) }
        let place = worktree.worktree?.string ?? ""
        guard paths.isEmpty else {
            throw Failure.no(
                "in '\(place)' files are in the way of '\(short)': \(Names.list(paths)): commit, move or remove them "
                    + "first"
            )
        }
        throw Failure.unsure("git checkout failed in '\(place)': \(result.complaint)")
    }

    /// Takes back a switch that was cut short, removes a lock file that a killed git left, and makes a branch again
    /// that was removed under the worktree. Costs four looks at the disk where there is none of it. Throws `Failure.no`
    /// if somebody has changed a file since.
    package func takeBack(_ worktree: Git) throws {
        try unlock(worktree)
        try bringBranchBack(worktree)
        guard let bytes = try Files.read(switching(worktree)) else { return }
        let words = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self).split(separator: " ").map(String.init)
        if words.count == 2, let place = worktree.worktree, try Files.exists(place),
            try worktree.commit("HEAD") == words[0], try worktree.commit(words[1]) != nil
        {
            try takeBack(worktree, place, from: words[1], to: words[0])
        }
        try Files.unlink(switching(worktree))
    }

    private func takeBack(_ worktree: Git, _ place: FilePath, from new: String, to old: String) throws {
        let changed = try worktree.run([
            "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all",
        ]).output
            .split(separator: 0).map {
                (path: String(decoding: $0.dropFirst(3), as: UTF8.self), isUntracked: $0.starts(with: "??".utf8))
            }
        guard !changed.isEmpty else { return }
        let (inNew, unlikeNew) = try compared(worktree, new)
        let (inOld, unlikeOld) = try compared(worktree, old)
        var others: [String] = []
        var begun: [String] = []
        for (path, isUntracked) in changed where inNew.contains(path) || inOld.contains(path) || !isUntracked {
            let file = place.pushing(FilePath(path))
            let isOne =
                try inNew.contains(path) && !unlikeNew.contains(path)
                || inOld.contains(path) && !unlikeOld.contains(path)
                || !Files.exists(file) || inNew.contains(path) && isBeginning(file, path, new, worktree)
            if !isOne { others.append(path) } else if !inOld.contains(path) { begun.append(path) }
        }
        guard others.isEmpty else {
            throw Failure.no(
                "a switch of '\(place.string)' to \(new.prefix(12)) was cut short, and \(Names.list(others)) changed "
                    + "since: commit or remove what is there"
            )
        }
        try worktree.run(["reset", "-q", "--hard", old])
        for path in begun where try !Files.isBehindLink(path, in: place) {
            try Files.unlink(place.pushing(FilePath(path)))
        }
    }

    /// The paths of a commit, and those of them that the worktree's files are unlike.
    private func compared(_ worktree: Git, _ commit: String) throws -> (all: Set<String>, unlike: Set<String>) {
        let index = bus.aside()
        defer { _ = try? Files.unlink(index) }
        let environment = ["GIT_INDEX_FILE": index.string]
        func paths(_ arguments: [String]) throws -> Set<String> {
            Set(
                try worktree.run(arguments, environment: environment).output.split(separator: 0).map {
                    String(decoding: $0, as: UTF8.self)
                })
        }
        try worktree.run(["read-tree", commit], environment: environment)
        _ = try worktree.attempt(["update-index", "-q", "--refresh"], environment: environment)
        return try (paths(["ls-files", "-z"]), paths(["diff-files", "-z", "--name-only"]))
    }

    /// Whether a file is the beginning of what the commit has there.
    private func isBeginning(_ file: FilePath, _ path: String, _ commit: String, _ worktree: Git) throws -> Bool {
        guard let status = try Files.status(file), status.st_mode & S_IFMT == S_IFREG, let bytes = try Files.read(file)
        else { return false }
        let whole = try worktree.attempt(["cat-file", "--filters", "\(commit):\(path)"])
        return whole.status == 0 && bytes.count < whole.output.count && whole.output.starts(with: bytes)
    }

    /// Removes lock files that a git which was killed in an agent's worktree has left. Throws `Failure.unsure` if a git
    /// may be at work there.
    func unlock(_ worktree: Git) throws {
        for lock in try locks(worktree) { try unlock(lock, worktree) }
    }

    /// The same of a branch that is to be moved, or to be stood on.
    func unlock(branch reference: String, _ worktree: Git? = nil) throws {
        try unlock(repository.directory.pushing(FilePath("\(reference).lock")), worktree)
    }

    private func unlock(_ lock: FilePath, _ worktree: Git?) throws {
        guard try Files.exists(lock), let why = try removeStale(lock, worktree?.worktree.map { [$0] } ?? []) else {
            return
        }
        throw Failure.unsure(why)
    }

    /// A lock file that a killed git has left in an agent's worktree, as far as can be told.
    package func staleLock(_ agent: AgentView) throws -> FilePath? {
        guard let worktree = agent.git, let place = worktree.worktree else { return nil }
        return try locks(worktree).first { try isStale($0, [place], seconds: 5) }
    }

    /// Where git locks what a commit in a worktree changes: its index, its HEAD and the branch.
    private func locks(_ worktree: Git) throws -> [FilePath] {
        let head = try Files.read(worktree.directory.appending("HEAD")).map(Repository.line) ?? ""
        let isBranch = head.hasPrefix("ref: refs/heads/") && !head.contains("..")
        return ["index.lock", "HEAD.lock"].map { worktree.directory.appending($0) }
            + (isBranch ? [repository.directory.pushing(FilePath("\(head.dropFirst(5)).lock"))] : [])
    }

    // MARK: leftovers

    /// What an agent has left in its worktree of a task that it holds no more.
    package struct Leftover {
        package var task: Int
        /// The task has ended, so that nobody goes on there.
        var hasEnded: Bool
        /// The worktree is on the task's branch.
        package var isOnBranch: Bool
    }

    /// The task whose changes the agent's worktree holds, if the agent no longer decides about it: the task was
    /// cancelled, failed or given back. `any`: also a task that was handed in, for a program that changes nothing by
    /// itself.
    package func leftover(of agent: AgentView, in worktree: Git, any: Bool) throws -> Leftover? {
        let branch = try worktree.branch()
        guard let reference = try branch ?? letGo(worktree), let id = task(of: reference),
            try bus.branch(id)?.reference == reference
        else { return nil }
        let view = try bus.view(id)
        switch view.state {
        case .cancelled, .failed: return Leftover(task: id, hasEnded: true, isOnBranch: branch != nil)
        case .done, .review: return any ? Leftover(task: id, hasEnded: true, isOnBranch: branch != nil) : nil
        case .claimed where view.claim?.owner == agent.name: return nil
        default: return Leftover(task: id, hasEnded: false, isOnBranch: branch != nil)
        }
    }

    /// The branch that this worktree stood on until another's entered it; see `release`.
    private func letGo(_ worktree: Git) throws -> String? {
        guard let bytes = try Files.readEnd(worktree.directory.appending("logs").appending("HEAD"), 4096),
            let last = bytes.split(separator: 10).last.map({ String(decoding: $0, as: UTF8.self) }),
            let reference = last.split(separator: "\t").last, reference.hasPrefix(TaskBranches.letGo)
        else { return nil }
        return String(reference.dropFirst(TaskBranches.letGo.count))
    }

    static let letGo = "cadre: let go of "

    /// Commits a task's leftover changes and cleans the worktree. The commit goes on the task's branch, for the next
    /// holder; if the task has ended, or the worktree is no longer on the branch, only a reference keeps it. Throws
    /// `Failure.no` if a commit can't hold the changes. Returns the commit.
    @discardableResult
    package func putBy(_ leftover: Leftover, of agent: AgentView, in worktree: Git) throws -> String {
        let held = try holdingsOfCommits(of: agent, in: worktree)
        let (commit, added) = try snapshot(worktree, "Left unfinished by \(agent.name)")
        try keep("task-\(leftover.task)", commit)
        if leftover.isOnBranch, !leftover.hasEnded, held.underWay == nil, let branch = try worktree.branch(),
            let head = try worktree.commit("HEAD")
        {
            _ = try repository.move(branch, to: commit, from: head, why: "left unfinished")
        }
        try clear(worktree, added)
        bus.journal("put-by", by: agent.name, ["task": "\(leftover.task)", "commit": commit])
        return commit
    }

    /// Sets a worktree and its branch back to a commit. What it held is kept for the agent. Throws `Failure.no` if a
    /// commit can't hold it. Returns the commit that does.
    package func setBack(_ worktree: Git, to start: String, of agent: AgentView) throws -> String {
        _ = try holdingsOfCommits(of: agent, in: worktree)
        let (commit, added) = try snapshot(worktree, "Left by a run of \(agent.name) that was cut short")
        try keep("agent-\(agent.name)", commit)
        try clear(worktree, added, to: start)
        return commit
    }

    /// What a worktree holds, if commits can hold all of it. Throws `Failure.no`.
    private func holdingsOfCommits(of agent: AgentView, in worktree: Git) throws -> Holdings {
        let held = try holdings(of: agent, in: worktree)
        guard held.repositories.isEmpty, held.inside.isEmpty else {
            throw Failure.no(
                "'\(worktree.worktree?.string ?? "")' holds what no commit can: "
                    + "\(Names.list(held.repositories + held.inside)): move it away first"
            )
        }
        return held
    }

    private func clear(_ worktree: Git, _ added: [String], to commit: String = "HEAD") throws {
        try worktree.run(["reset", "-q", "--hard", commit])
        guard let place = worktree.worktree else { return }
        // What the commit has is git's now.
        let others = try Set(worktree.others())
        for path in added where try others.contains(path) && !Files.isBehindLink(path, in: place) {
            try Files.unlink(place.pushing(FilePath(path)))
        }
    }

    /// Commits all that is uncommitted and that a commit can hold, by hooks or not, and ends what git is in the middle
    /// of.
    package func commitProgress(_ worktree: Git, _ message: String) throws {
        let head = try head(of: worktree)
        let (commit, _) = try snapshot(worktree, message)
        guard
            try repository.run(["rev-parse", "\(head)^{tree}", "\(commit)^{tree}"]).text.split(separator: "\n").reduce(
                into: Set(), { $0.insert($1) }
            ).count > 1
        else { return }
        try worktree.run(["update-ref", "-m", "cadre: work in progress", "HEAD", commit, head])
        try worktree.run(["reset", "-q"])
    }

    /// A commit on top of HEAD of all that is uncommitted, without touching index, files or branch; and the paths in it
    /// that were untracked.
    func snapshot(_ worktree: Git, _ message: String) throws -> (commit: String, added: [String]) {
        let head = try head(of: worktree)
        let index = bus.aside()
        defer { _ = try? Files.unlink(index) }
        if let bytes = try Files.read(worktree.directory.appending("index")) {
            try Files.write(bytes, to: index, sync: false)
        }
        let environment: [String: String?] = ["GIT_INDEX_FILE": index.string]
        let added = try worktree.others()
        let beside = try worktree.nested().map { ":(exclude,literal)\($0)" }
        try worktree.run(["add", "-A", "--", "."] + beside, environment: environment)
        let tree = try worktree.run(["write-tree"], environment: environment).text
        let identity = try worktree.attempt(["var", "GIT_COMMITTER_IDENT"]).status == 0 ? [:] : TaskBranches.identity
        let commit = try worktree.run(
            ["commit-tree", tree, "-p", head], input: Array("\(message)\n".utf8), environment: identity
        ).text
        return (commit, added)
    }
}

extension Git {
    /// Files that are untracked and not ignored.
    fileprivate func others() throws -> [String] {
        try run(["ls-files", "-z", "--others", "--exclude-standard"]).output.split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }.filter { !$0.hasSuffix("/") }
    }
}
