import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// Files that git-lfs(1) keeps outside of git. The pushed commits hold pointers to them, so cadre uploads the files
// first, as git-lfs's own pre-push hook would, which cadre does not run.
//
// A branch never chooses the server that gets them: git-lfs runs in our own git directory. There the target's
// `.lfsconfig` counts, like the rest of the configuration, only as far as the person has seen it (see Configured,
// IsolatedGit).
extension IsolatedGit {
    /// Uploads what the commits need that a remote gets now: those reachable from `commit` and not from `known`. Why it
    /// can't be; nil if it is done, or there is nothing.
    func upload(_ commit: String, beyond known: [String], to remote: String) throws -> String? {
        let ids = try pointers(commit, beyond: known)
        guard !ids.isEmpty else { return nil }
        guard IsolatedGit.hasLarge else {
            return "files of git-lfs are to be uploaded first, and there is no git-lfs here"
        }
        guard try !configured().hidesServer else {
            return "'.lfsconfig' of '\(work.targetName)' names a server that you have not let be used: see 'cadre init'"
        }
        for start in stride(from: 0, to: ids.count, by: 500) {
            let result = try large(["push", "--object-id", remote] + ids[start..<min(start + 500, ids.count)])
            guard result.status == 0 else {
                return "files of git-lfs can't be uploaded to '\(remote)': \(result.complaint)"
            }
        }
        return nil
    }

    /// Brings what a commit's files need and is not here, so that it can be checked out. What can't be had is told
    /// there.
    func download(_ commit: String, from remote: String) throws {
        guard IsolatedGit.hasLarge, try isLarge(commit) else { return }
        _ = try large(["fetch", remote, commit])
    }

    /// Whether attributes in the tree of a commit name git-lfs.
    func isLarge(_ commit: String) throws -> Bool {
        guard let place = try merging(onto: commit).worktree else { return false }
        func any(_ directory: FilePath) throws -> Bool {
            for name in try Files.list(directory) ?? [] {
                let path = directory.appending(name)
                if name == ".gitattributes" {
                    if String(decoding: try Files.read(path) ?? [], as: UTF8.self).contains("filter=lfs") {
                        return true
                    }
                } else if try Files.status(path).map({ $0.st_mode & S_IFMT == S_IFDIR }) ?? false, try any(path) {
                    return true
                }
            }
            return false
        }
        return try any(place)
    }

    /// The ids of files that are here and that pointers among these commits name.
    private func pointers(_ commit: String, beyond known: [String]) throws -> [String] {
        let store = FilePath(try configured().value("lfs.storage") ?? work.repository.directory.appending("lfs").string)
            .appending("objects")
        guard try Files.exists(store) else { return [] }
        let listed = try work.repository.run(
            ["rev-list", "--objects", "--stdin"],
            input: Array(([commit] + known.map { "^\($0)" }).joined(separator: "\n").utf8) + [10])
        let objects = listed.output.split(separator: 10).map { $0.prefix { $0 != 32 } }
        let sizes = try work.repository.run(
            ["cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)"],
            input: Array(objects.joined(separator: [10])) + [10])
        let small = sizes.text.split(separator: "\n").compactMap { line -> Substring? in
            let words = line.split(separator: " ")
            return words.count == 3 && words[1] == "blob" && Int(words[2]) ?? .max < 1024 ? words[0] : nil
        }
        guard !small.isEmpty else { return [] }
        let contents = try work.repository.run(
            ["cat-file", "--batch"], input: Array((small.joined(separator: "\n") + "\n").utf8))
        var ids: [String] = []
        var follows = false
        for line in contents.output.split(separator: 10) {
            if line.elementsEqual("version https://git-lfs.github.com/spec/v1".utf8) {
                follows = true
                continue
            }
            guard follows, line.starts(with: "oid sha256:".utf8) else { continue }
            follows = false
            let id = String(decoding: line.dropFirst("oid sha256:".utf8.count), as: UTF8.self)
            guard id.utf8.count == 64, id.allSatisfy(\.isHexDigit), !ids.contains(id) else { continue }
            if try Files.exists(
                store.appending(String(id.prefix(2))).appending(String(id.dropFirst(2).prefix(2))).appending(id))
            {
                ids.append(id)
            }
        }
        return ids
    }

    /// git-lfs where it finds our git directory by itself: a variable would reach what it starts on the other side of a
    /// remote that is a path.
    private func large(_ arguments: [String]) throws -> Program.Result {
        _ = try plain()
        var program = Program(["git", "-c", "core.hooksPath=/dev/null", "lfs"] + arguments)
        program.environment = Git.environment.merging(Git.overNetwork) { $1 }
        program.directory = bus.mergeGit
        program.ownSession = true
        program.timeout = MergeRunner.networkTimeout
        return try program.run()
    }

    private static let hasLarge = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").contains {
        access("\($0)/git-lfs", X_OK) == 0
    }
}
