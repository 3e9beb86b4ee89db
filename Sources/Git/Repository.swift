import Bus
import Glibc
import SystemPackage

/// A git repository, as found on the disk without starting git (gitrepository-layout(5)).
public struct Repository {
    /// What all worktrees share: `.git` of the main worktree, or the bare repository itself.
    public let commonDirectory: FilePath
    /// This worktree's own git directory.
    public let gitDirectory: FilePath
    /// The worktree that was started from; nil in a bare repository or inside a git directory.
    public let worktree: FilePath?

    /// Looks for `.git` from `start` upwards; `GIT_DIR` and `GIT_COMMON_DIR` count where they are set, unless `plain`.
    /// Throws `Failure.unsure` if there is no repository.
    public static func find(from start: FilePath, plain: Bool = false) throws -> Repository {
        var at = try real(start)
        if !plain, let set = getenv("GIT_DIR") {
            let directory = try real(start.pushing(FilePath(String(cString: set))))
            return Repository(commonDirectory: try common(directory), gitDirectory: directory, worktree: nil)
        }
        while true {
            let dot = at.appending(".git")
            if let st = try Files.status(dot) {
                let directory = st.st_mode & S_IFMT == S_IFREG ? try pointed(dot, at) : dot
                if try isGit(directory) {
                    return Repository(commonDirectory: try common(directory, plain), gitDirectory: directory, worktree: at)
                }
            }
            if try isGit(at) { return Repository(commonDirectory: try common(at, plain), gitDirectory: at, worktree: nil) }
            guard let last = at.lastComponent, !last.string.isEmpty else { break }
            at.removeLastComponent()
        }
        throw Failure.unsure("'\(Names.shown(start.string))' is not in a git repository: run this in one, or use -C DIR")
    }

    /// The branch checked out in the main worktree, as `refs/heads/…`; nil if it is detached or has no commit yet.
    public func checkedOut() throws -> String? {
        let head = Repository.line(try Files.read(commonDirectory.appending("HEAD")) ?? [])
        guard head.hasPrefix("ref: refs/heads/") else { return nil }
        let name = String(head.dropFirst(5))
        return try Git(common: commonDirectory).reference(name) == nil ? nil : name
    }

    private static func isGit(_ directory: FilePath) throws -> Bool {
        try Files.exists(directory.appending("HEAD"))
            && (Files.exists(directory.appending("objects")) || Files.exists(directory.appending("commondir")))
    }

    /// The directory in a `.git` file: `gitdir: PATH`, relative to the file.
    private static func pointed(_ file: FilePath, _ base: FilePath) throws -> FilePath {
        let text = line(try Files.read(file) ?? [])
        guard text.hasPrefix("gitdir: ") else { throw Failure.unsure("'\(file.string)' is not a git file") }
        return try real(base.pushing(FilePath(String(text.dropFirst(8)))))
    }

    private static func common(_ directory: FilePath, _ plain: Bool = false) throws -> FilePath {
        if !plain, let set = getenv("GIT_COMMON_DIR") { return try real(FilePath(String(cString: set))) }
        guard let bytes = try Files.read(directory.appending("commondir")) else { return directory }
        return try real(directory.pushing(FilePath(line(bytes))))
    }

    private static func line(_ bytes: [UInt8]) -> String { String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self) }

    /// The C function is `realpath`.
    private static func real(_ path: FilePath) throws -> FilePath {
        let found = path.withPlatformString { realpath($0, nil) }
        guard let found else {
            throw Failure.unsure("unable to enter '\(Names.shown(path.string))': \(String(cString: strerror(errno)))")
        }
        defer { free(found) }
        return FilePath(platformString: found)
    }
}
