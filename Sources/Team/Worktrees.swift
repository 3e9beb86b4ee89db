import Bus
import Git
import Glibc
import Processes
import SystemPackage

// The directories that agents work in.
extension Team {
    /// The repository's directory as a person sees it: the main worktree, or a bare repository itself.
    public func home() throws -> FilePath {
        let common = git.directory
        if common.lastComponent?.string == ".git" { return common.removingLastComponent() }
        // A submodule's repository lies inside that of the project above it and names its worktree.
        let set = try git.attempt(["config", "core.worktree"])
        return set.status == 0 && !set.text.isEmpty ? common.pushing(FilePath(set.text)).lexicallyNormalized() : common
    }

    /// Where the agent's worktree is to be: `cadre.worktrees`, else beside the repository in `NAME.cadre`.
    func worktreePath(_ name: String) throws -> FilePath {
        let home = try home()
        if let set = settings.string("worktrees") {
            let path = set.hasPrefix("~/") ? (getenv("HOME").map { String(cString: $0) } ?? "") + set.dropFirst(1) : set
            return home.pushing(FilePath(path)).lexicallyNormalized().appending(name)
        }
        return home.removingLastComponent().appending("\(home.lastComponent?.string ?? "project").cadre").appending(name)
    }

    /// Adds a detached worktree; returns its path and its own git directory.
    func makeWorktree(_ path: FilePath, at commit: String) throws -> (FilePath, FilePath) {
        guard try !Files.exists(path) else { throw Failure.no("'\(path.string)' is in the way of the agent's worktree") }
        try Files.mkdirs(path.removingLastComponent())
        let result = try git.attempt(["worktree", "add", "-q", "--detach", path.string, commit])
        guard result.status == 0 else { throw Failure.unsure("unable to make the worktree '\(path.string)': \(result.complaint)") }
        guard let made = try Repository.at(path) else { throw Failure.unsure("the new worktree '\(path.string)' was removed") }
        return (path, made.gitDirectory)
    }

    /// Makes the agent's worktree again, at the target, where it was removed.
    func restoreWorktree(_ agent: AgentView) throws {
        guard let path = agent.worktree, try !Files.exists(path) else { return }
        try git.run(["worktree", "prune"])
        let commit = try agent.card["At"].flatMap { try git.commit($0) } ?? work.targetCommit()
        let (_, directory) = try makeWorktree(path, at: commit)
        try bus.editCard(agent.name) { $0["GitDir"] = directory.string; $0["At"] = nil }
        let kept = bus.kept(agent.name)
        if try Files.exists(kept) {
            try Program(["cp", "-a", "--", kept.string + "/.", path.string]).run(or: "unable to bring back the files of '\(agent.name)'")
            try Files.removeAll(kept)
        }
    }

    /// Removes a worktree of ours with all that is in it.
    func removeWorktree(_ path: FilePath) throws {
        if try !Files.exists(path) {
            try git.run(["worktree", "prune"])
        } else if try git.attempt(["worktree", "remove", "--force", "--force", path.string]).status != 0 {
            // git does not remove one with submodules in it.
            try Files.removeAll(path)
            try git.run(["worktree", "prune"])
        }
        try Files.rmdir(path.removingLastComponent())
    }

    /// Equipment: files of a worktree that git ignores and the target's `.worktreeinclude` names (gitignore patterns).
    /// Other untracked files are work.
    func equipment(of worktree: Git) throws -> [String] {
        guard let target = settings.target, try git.reference("\(target):.worktreeinclude") != nil else { return [] }
        let patterns = bus.aside()
        try Files.write(git.run(["cat-file", "blob", "\(target):.worktreeinclude"]).output, to: patterns, sync: false)
        defer { _ = try? Files.unlink(patterns) }
        let named = try worktree.run(["ls-files", "-z", "--others", "--ignored", "--exclude-from=\(patterns.string)"]).output
        guard !named.isEmpty else { return [] }
        return try worktree.attempt(["check-ignore", "-z", "--stdin"], input: named).output.split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// Copies the main worktree's equipment into a new one.
    func carryOver(to path: FilePath) throws {
        let home = try home()
        guard try Files.exists(home.appending(".git")) else { return }
        for name in try equipment(of: Git(directory: git.directory, worktree: home)) {
            let target = path.pushing(FilePath(name))
            guard target.starts(with: path), try !Files.exists(target) else { continue }
            try Files.mkdirs(target.removingLastComponent())
            try Program(["cp", "-a", "--reflink=auto", "--", home.pushing(FilePath(name)).string, target.string]).run(or: "unable to copy '\(Names.shown(name))'")
        }
    }

    /// Paths that git ignores in a worktree and that are not its equipment: a directory of only such files as one, with `/`.
    func ignoredWork(in worktree: Git) throws -> [String] {
        let equipment = Set(try equipment(of: worktree))
        return try worktree.run(["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"]).output
            .split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.filter { !equipment.contains($0) }
    }
}

extension Program {
    /// Runs it; throws `Failure.unsure` with these words and what it said if it fails.
    func run(or words: String) throws {
        let result = try run()
        guard result.status == 0 else { throw Failure.unsure("\(words): \(result.complaint)") }
    }
}
