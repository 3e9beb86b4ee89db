import Bus
import Git
import Storage
import SystemPackage

// Repositories within the work. git stores only the commit id of a nested repository, so its content must be available
// elsewhere when that lands: in the superproject's own copy of the submodule (`modules/NAME`), or at the submodule's
// remote. The copy in an agent's worktree goes with that worktree.
extension TaskBranches {
    /// Throws `Failure.no`, with the path, if a commit that the work points to is in nobody's hands but its author's.
    func requireContent(_ base: String, _ tip: String) throws {
        let fields = try repository.run(["diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", base, tip])
            .output.split(separator: 0)
        var links: [(path: String, commit: String)] = []
        for n in stride(from: 0, to: fields.count - 1, by: 2) {
            let words = String(decoding: fields[n], as: UTF8.self).split(separator: " ").map(String.init)
            if words.count == 5, words[1] == "160000" {
                links.append((String(decoding: fields[n + 1], as: UTF8.self), words[3]))
            }
        }
        guard !links.isEmpty else { return }
        let names = try submodules(tip)
        for (path, commit) in links {
            guard let name = names[path] else { throw TaskBranches.linkAlone(path) }
            if let why = try lost(commit, of: name, at: path) {
                throw Failure.no("'\(Names.shown(path))' points to commit \(commit.prefix(12)), which \(why)")
            }
        }
    }

    static func linkAlone(_ path: String) -> Failure {
        Failure.no(
            "'\(Names.shown(path))' is a git repository of its own, of which only a commit's id would land: "
                + "move it out, remove its '.git', or add it as a submodule")
    }

    /// Throws `Failure.no` if the worktree still has a repository that the commit which it has left pointed to: it
    /// would count as the next task's work. The files of a submodule go, if they can be had again from its git
    /// directory.
    func requireNoneBehind(_ worktree: Git, _ old: String) throws {
        let nested = try worktree.nested()
        guard !nested.isEmpty else { return }
        let known = try submodules(old)
        let behind = try nested.filter {
            try known[String($0.dropLast())] == nil || !leave(submodule: String($0.dropLast()), worktree)
        }
        guard behind.isEmpty else {
            throw Failure.no(
                "'\(worktree.worktree?.string ?? "")' holds what no commit can: \(Names.list(behind)): move it away "
                    + "first"
            )
        }
    }

    /// Removes the files of a submodule; false, and nothing is done, if one of them is in no commit of it, or its git
    /// directory is not one below the worktree's.
    private func leave(submodule path: String, _ worktree: Git) throws -> Bool {
        let copies = worktree.directory.appending("modules")
        guard let place = worktree.worktree?.pushing(FilePath(path)),
            let directory = try TaskBranches.link(place.appending(".git"), from: place, after: "gitdir: "),
            try directory.starts(with: copies) || TaskBranches.same(directory.removingLastComponent(), copies)
        else { return false }
        let held = try holdings(of: Git(directory: directory, worktree: place))
        guard held.isEmpty, held.underWay == nil else { return false }
        try Files.removeAll(place)
        return true
    }

    /// The submodules of a commit: their names by their paths.
    private func submodules(_ commit: String) throws -> [String: String] {
        guard try repository.reference("\(commit):.gitmodules") != nil else { return [:] }
        let found = try repository.attempt([
            "config", "--null", "--blob", "\(commit):.gitmodules", "--get-regexp", "^submodule\\..*\\.path$",
        ])
        var names: [String: String] = [:]
        for entry in found.output.split(separator: 0) {
            let parts = entry.split(separator: 10, maxSplits: 1).map { String(decoding: $0, as: UTF8.self) }
            if parts.count == 2 {
                names[parts[1]] = String(parts[0].dropFirst("submodule.".count).dropLast(".path".count))
            }
        }
        return names
    }

    /// Why nobody else can get a submodule's commit: only a worktree's copy has it. Nil if another copy has it, or none
    /// does: then nobody made it here.
    private func lost(_ commit: String, of name: String, at path: String) throws -> String? {
        guard
            !name.split(separator: "/", omittingEmptySubsequences: false).contains(where: { $0 == ".." || $0.isEmpty })
        else { return "is of a submodule with a bad name" }
        // A copy may be one that gets what it lacks from its remote: not now.
        let offline: [String: String?] = ["GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"]
        func has(_ copy: Git) throws -> Bool {
            try Files.exists(copy.directory.appending("HEAD"))
                && copy.attempt(["cat-file", "-e", "\(commit)^{commit}"], environment: offline).status == 0
        }
        if try has(Git(common: repository.directory.appending("modules").pushing(FilePath(name)))) { return nil }
        var copies: [FilePath] = []
        for worktree in try Files.list(repository.directory.appending("worktrees")) ?? [] {
            copies.append(
                repository.directory.appending("worktrees").appending(worktree).appending("modules").pushing(
                    FilePath(name)))
        }
        for worktree in try worktrees() { copies.append(worktree.path.pushing(FilePath(path)).appending(".git")) }
        var seen = false
        for copy in copies.map({ Git(common: $0) }) where try has(copy) {
            seen = true
            let holders = try copy.attempt(
                [
                    "for-each-ref", "--count=1", "--format=%(refname)", "--contains", commit, "refs/remotes",
                    "refs/tags",
                ], environment: offline)
            if holders.status == 0, !holders.text.isEmpty { return nil }
        }
        return seen ? "is in no repository but that of the worktree: push it to the submodule's remote first" : nil
    }
}
