import Bus
import Glibc
import Storage
import SystemPackage

/// A git repository, as found on the disk without starting git (gitrepository-layout(5)).
package struct Repository {
    /// What all worktrees share: `.git` of the main worktree, or the bare repository itself.
    package let commonDirectory: FilePath
    /// This worktree's own git directory.
    package let gitDirectory: FilePath
    /// The worktree that was started from; nil in a bare repository or inside a git directory.
    package let worktree: FilePath?

    /// Looks for `.git` from `start` upwards; `GIT_DIR` and `GIT_COMMON_DIR` count where they are set, unless `plain`.
    /// Throws `Failure.unsure` if there is no repository.
    package static func find(from start: FilePath, plain: Bool = false) throws -> Repository {
        var at = try real(start)
        if !plain, let set = getenv("GIT_DIR") {
            let directory = try real(start.pushing(FilePath(String(cString: set))))
            var worktree = try getenv("GIT_WORK_TREE").map { try real(start.pushing(FilePath(String(cString: $0)))) }
            if worktree == nil, let here = try? find(from: start, plain: true), here.gitDirectory == directory {
                worktree = here.worktree
            }
            return Repository(commonDirectory: try common(directory), gitDirectory: directory, worktree: worktree)
        }
        while true {
            if let directory = try directory(of: at) {
                return Repository(commonDirectory: try common(directory, plain), gitDirectory: directory, worktree: at)
            }
            if try Files.status(at.appending(".git")).map({ $0.st_mode & S_IFMT == S_IFREG }) == true {
                throw Failure.unsure(
                    "'\(Names.shown(at.string))' was a git worktree, but its .git leads nowhere: git worktree repair "
                        + "may mend it"
                )
            }
            if try isGit(at) {
                return Repository(commonDirectory: try common(at, plain), gitDirectory: at, worktree: nil)
            }
            guard let last = at.lastComponent, !last.string.isEmpty else { break }
            at.removeLastComponent()
        }
        throw Failure.unsure(
            "'\(Names.shown(start.string))' is not in a git repository: run this in one, or use -C DIR")
    }

    /// The repository whose worktree is at this very path; nil if there is none, or none any more: a worktree may be
    /// removed at any time.
    package static func at(_ path: FilePath) throws -> Repository? {
        guard let directory = try directory(of: path) else { return nil }
        return Repository(commonDirectory: try common(directory, true), gitDirectory: directory, worktree: path)
    }

    /// The branch checked out in the main worktree, as `refs/heads/…`; nil if it is detached or has no commit yet.
    package func checkedOut() throws -> String? {
        let head = Repository.line(try Files.read(commonDirectory.appending("HEAD")) ?? [])
        guard head.hasPrefix("ref: refs/heads/") else { return nil }
        let name = String(head.dropFirst(5))
        return try Git(common: commonDirectory).reference(name) == nil ? nil : name
    }

    private static func isGit(_ directory: FilePath) throws -> Bool {
        try Files.exists(directory.appending("HEAD"))
            && (Files.exists(directory.appending("objects")) || Files.exists(directory.appending("commondir")))
    }

    /// The git directory that `.git` in a worktree is or, as a file, names: `gitdir: PATH`, relative to the worktree.
    private static func directory(of worktree: FilePath) throws -> FilePath? {
        let dot = worktree.appending(".git")
        guard let st = try Files.status(dot) else { return nil }
        if st.st_mode & S_IFMT != S_IFREG { return try isGit(dot) ? dot : nil }
        let text = path(try Files.read(dot) ?? [])
        guard text.hasPrefix("gitdir: ") else { return nil }
        let named = worktree.pushing(FilePath(String(text.dropFirst(8))))
        return try isGit(named) ? real(named) : nil
    }

    private static func common(_ directory: FilePath, _ plain: Bool = false) throws -> FilePath {
        if !plain, let set = getenv("GIT_COMMON_DIR") { return try real(FilePath(String(cString: set))) }
        guard let bytes = try Files.read(directory.appending("commondir")) else { return directory }
        return try real(directory.pushing(FilePath(path(bytes))))
    }

    package static func line(_ bytes: [UInt8]) -> String { String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self) }

    /// A path that a file holds: all of it but the newlines at its end.
    private static func path(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(upTo: (bytes.lastIndex { $0 != 10 && $0 != 13 } ?? -1) + 1), as: UTF8.self)
    }

    /// The C function is `realpath`.
    private static func real(_ path: FilePath) throws -> FilePath {
        let found = path.withPlatformString { realpath($0, nil) }
        guard let found else {
            if path == ".", errno == ENOENT {
                throw Failure.unsure("the directory that this runs in was removed: go to another, or use -C DIR")
            }
            throw Failure.unsure("unable to enter '\(Names.shown(path.string))': \(String(cString: strerror(errno)))")
        }
        defer { free(found) }
        return FilePath(platformString: found)
    }
}
