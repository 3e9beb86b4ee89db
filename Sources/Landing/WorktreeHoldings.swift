import Bus
import Git
import Processes
import Storage
import SystemPackage

/// What a worktree holds that exists nowhere else, and so goes when it is removed. Whoever removes, moves or uses a
/// worktree again asks for it (`TaskBranches.holdings`). Paths are relative to the worktree; one that ends with `/`
/// stands for all below it.
package struct Holdings {
    /// Changed, staged and untracked paths: a commit holds them.
    package var changes: [String] = []
    /// Paths that git ignores, but for equipment and what `cadre.disposable` names: no commit holds them.
    package var ignored: [String] = []
    /// Git repositories in it that are no submodules: of each a commit holds a name at most.
    package var repositories: [String] = []
    /// The same of its submodules: a commit of the project holds none of it.
    package var inside: [String] = []
    /// The command that goes on with what git is in the middle of.
    package var underWay: String?

    /// What a commit of the project does not save.
    package var beyondCommit: [String] { ignored + repositories + inside }
    package var isEmpty: Bool { changes.isEmpty && beyondCommit.isEmpty }

    /// What there is and no commit saves, for a line to a person; nil if there is nothing.
    package var uncommittable: String? {
        let parts = [
            (ignored, "ignored files would be lost"), (repositories, "git repositories would be lost"),
            (inside, "changes in submodules would be lost"),
        ]
        .compactMap { $0.0.isEmpty ? nil : "\($0.1): \(Names.list($0.0))" }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
}

extension Names {
    /// Paths for a line to a person: the first five.
    package static func list(_ paths: [String]) -> String {
        let first = paths.prefix(5).map { shown($0) }.joined(separator: ", ")
        return paths.count > 5 ? "\(first) and \(paths.count - 5) more" : first
    }
}

// Commits are not in it: those of the worktree are kept by `TaskBranches.keep`, those of its submodules by
// `TaskBranches.keepSubmodules`, before it goes. Objects of git-lfs are in the common git directory, or with those
// commits.
extension TaskBranches {
    /// Everything that only this worktree of an agent holds. Throws if that can't be told. Leaves out what the setup
    /// made and can make again: files that have not changed since, and directories.
    package func holdings(of agent: AgentView, in worktree: Git) throws -> Holdings {
        var made = Set<String>()
        for line in (try Files.read(bus.setupMade(agent.name)) ?? []).split(separator: 0) {
            let words = line.split(separator: 9, maxSplits: 1)
            guard words.count == 2, let place = worktree.worktree else { continue }
            let path = String(decoding: words[1], as: UTF8.self)
            if try path.hasSuffix("/")
                || TaskBranches.changeTime(place.pushing(FilePath(path))) == String(decoding: words[0], as: UTF8.self)
            {
                made.insert(path)
            }
        }
        return try holdings(of: worktree, besides: made)
    }

    /// Writes down which ignored paths a worktree has, those of its setup, and when each was changed: `TIME\tPATH`,
    /// each ended by a NUL.
    package func recordSetup(_ name: String, in worktree: Git) throws {
        guard let place = worktree.worktree else { return }
        let made = try ignored(in: worktree, besides: []).map { path in
            try "\(TaskBranches.changeTime(place.pushing(FilePath(path))))\t\(path)\0"
        }
        try bus.replace(bus.setupMade(name), with: Array(made.joined().utf8), sync: false)
    }

    private static func changeTime(_ path: FilePath) throws -> String {
        try Files.status(path).map { "\($0.st_mtim.tv_sec).\($0.st_mtim.tv_nsec)" } ?? "-"
    }

    /// The same of any, also of a submodule's.
    func holdings(of worktree: Git, besides made: Set<String> = []) throws -> Holdings {
        guard let place = worktree.worktree else { return Holdings() }
        var found = Holdings()
        let spared = try Set(equipment(of: worktree) + disposable(in: worktree)).union(made)
        found.changes = try worktree.changes()
        found.ignored = try ignored(in: worktree, besides: spared)
        found.repositories = try worktree.nested()
        // One that stands alone in a directory is no change of the project.
        found.changes.removeAll { change in change.hasSuffix("/") && found.repositories.contains(change) }
        found.underWay = try underWay(worktree)
        for path in try worktree.gitlinks() {
            let below = place.pushing(FilePath(path))
            guard let inner = try Repository.at(below) else { continue }
            let git = Git(directory: inner.gitDirectory, worktree: below)
            if inner.gitDirectory == below.appending(".git") {
                // It lies in the worktree, and its commits with it.
                let own = try git.changes() + git.unpushed()
                if !own.isEmpty { found.repositories.append(path + "/") }
                continue
            }
            let held = try holdings(of: git)
            found.inside += (held.changes + held.beyondCommit).map { "\(path)/\($0)" }
        }
        return found
    }

    /// Equipment: files of a worktree that git ignores and the target's `.worktreeinclude` names (gitignore patterns).
    /// Other untracked files are work.
    package func equipment(of worktree: Git) throws -> [String] {
        guard let target = settings.target, try repository.reference("\(target):.worktreeinclude") != nil else {
            return []
        }
        return try ignored(
            in: worktree, matching: repository.run(["cat-file", "blob", "\(target):.worktreeinclude"]).output)
    }

    /// Ignored paths that anybody can make again, as `cadre.disposable` says (gitignore patterns): a directory of only
    /// such files as one, with `/`.
    private func disposable(in worktree: Git) throws -> [String] {
        let patterns = settings.list("disposable")
        guard !patterns.isEmpty else { return [] }
        return try ignored(in: worktree, matching: Array(patterns.map { $0 + "\n" }.joined().utf8), directories: true)
    }

    /// Paths that git ignores, and that these patterns match.
    private func ignored(in worktree: Git, matching patterns: [UInt8], directories: Bool = false) throws -> [String] {
        let file = bus.aside()
        try Files.write(patterns, to: file, sync: false)
        defer { _ = try? Files.unlink(file) }
        let list =
            ["ls-files", "-z", "--others", "--ignored", "--exclude-from=\(file.string)"]
            + (directories ? ["--directory"] : [])
        let named = try worktree.run(list).output
        guard !named.isEmpty else { return [] }
        return try worktree.attempt(["check-ignore", "-z", "--stdin"], input: named).output.split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private func ignored(in worktree: Git, besides spared: Set<String>) throws -> [String] {
        try worktree.run(["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"]).output
            .split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.filter { !spared.contains($0) }
    }
}

extension Git {
    /// Uncommitted paths, whatever the configuration has git overlook.
    fileprivate func changes() throws -> [String] {
        try run([
            "status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames", "--ignore-submodules=none",
        ]).output
            .split(separator: 0).map { String(decoding: $0.dropFirst(3), as: UTF8.self) }
    }

    /// Untracked repositories in the worktree, wherever: git lists them as directories among the files.
    func nested() throws -> [String] {
        try run(["ls-files", "-z", "--others", "--exclude-standard"]).output.split(separator: 0)
            .filter { $0.last == UInt8(ascii: "/") }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Paths that the index has as commits of another repository.
    func gitlinks() throws -> [String] {
        try run(["ls-files", "-z", "--stage"]).output.split(separator: 0).filter { $0.starts(with: "160000 ".utf8) }
            .map { String(decoding: $0.drop { $0 != 9 }.dropFirst(), as: UTF8.self) }
    }

    /// Commits that no remote of this repository is known to have.
    func unpushed() throws -> [String] {
        guard try !run(["for-each-ref", "--count=1"]).text.isEmpty || commit("HEAD") != nil else { return [] }
        let heads = try commit("HEAD") == nil ? [] : ["HEAD"]
        return try run(["rev-list", "--max-count=1"] + heads + ["--all", "--reflog", "--not", "--remotes"]).text.split(
            separator: "\n"
        ).map(String.init)
    }
}
