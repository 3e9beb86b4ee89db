import Bus
import Git
import Glibc
import Storage
import SystemPackage

// A copy of git's configuration and of the target's files, kept on the bus, so that verbs that programs call all the
// time start no git for it. It is valid as long as everything that git has read, or would read if it existed, is
// unchanged:
//
//   the system's, the user's and the repository's own files, the main worktree's, and the files that they include,
//   whether the condition holds or not; for a condition about a branch, the repository's HEAD
//   the target's commit, whose `.cadre` git reads, and the bus's file that names the target
//   the variables that name such files
//
// A file's stamp is its device, inode, size, and both times in nanoseconds. A file that changed just before it was read
// may change again within the same stamp: then nothing is kept, and the next verb tries. Nothing is kept either if only
// git can resolve an include's path, or if the repository's files don't tell the target's commit. If only the target's
// commit has changed, git reads just the target's two files.
//
// The file `configuration` of the bus is a list of strings, each with a NUL behind it: the variables; the paths, each
// followed by its stamp; an empty string; the target, its commit, and the id of each of `sources` there; the number of
// configuration lines; those lines, with `+` in front if they are the repository's own and `-` if they are the user's
// or the system's; the lines of `.cadre`; `end`. It is no record, because verbs read it so often.
extension Settings {
    /// What git says.
    struct Source {
        /// Its configuration, as it reads it.
        var lines: [Configured.Line]
        /// `.cadre` of the target: `KEY\nVALUE` for each.
        var theirs: [ArraySlice<UInt8>] = []
        var target: String?
        /// What the target holds, and the ids of what it has at `sources`, `none` where it has nothing.
        var commit: String?
        var files: [String] = [none, none]

        /// The id of a branch's `.lfsconfig`; nil if it has none.
        func server(of branch: String, _ git: Git) throws -> String? {
            guard branch == target else { return try git.reference("\(branch):.lfsconfig") }
            return files[1] == none ? nil : files[1]
        }
    }

    /// Files of the target that configure something.
    static let sources = [".cadre", ".lfsconfig"]

    /// Of now: as it is kept, else as git says it.
    static func source(_ git: Git, _ bus: Bus?) throws -> Source {
        guard let bus else { return try ask(git, nil) }
        guard let (kept, stamps) = kept(bus) else { return try ask(git, bus) }
        let commit: String?
        switch try kept.target.map(git.filed) {
        case nil: commit = nil
        case .holds(let id): commit = id
        case .absent where kept.commit == nil: commit = nil
        case .absent, .unknown: return try ask(git, bus)
        }
        if commit == kept.commit { return kept }
        let new = try read(git, commit, into: kept)
        try? bus.keepConfiguration(bytes(new, stamps))
        return new
    }

    /// The kept copy, whatever commit the target has now, with the paths and stamps; nil if anything else has changed,
    /// or nothing is kept.
    private static func kept(_ bus: Bus) -> (Source, stamps: [String])? {
        guard let bytes = try? Files.read(bus.configurationFile) else { return nil }
        var parts = bytes.split(separator: 0, omittingEmptySubsequences: false)[...]
        func next() -> String { String(decoding: parts.popFirst() ?? [], as: UTF8.self) }
        for variable in environment where next() != variable { return nil }
        var stamps: [String] = []
        while case let path = next(), !path.isEmpty {
            let stamp = next()
            guard stamp == Files.stamp(FilePath(path))?.text ?? none else { return nil }
            stamps += [path, stamp]
        }
        let (target, commit, files) = (next(), next(), sources.map { _ in next() })
        guard let count = Int(next()), parts.count >= 2, (0...parts.count - 2).contains(count),
            parts.dropLast().last?.elementsEqual(end.utf8) == true
        else { return nil }
        let lines = parts.prefix(count).map { Configured.Line($0.dropFirst(), isOwn: $0.first == UInt8(ascii: "+")) }
        let source = Source(
            lines: lines, theirs: Array(parts.dropFirst(count).dropLast(2)), target: target.isEmpty ? nil : target,
            commit: commit.isEmpty ? nil : commit, files: files)
        return (source, stamps)
    }

    /// Keeps what git said after `start`, by the files that it names; nothing if that can't be known.
    static func keep(_ source: Source, _ origins: [Origin], _ git: Git, _ bus: Bus, since start: Double) throws {
        if let target = source.target, try git.filed(target) == .unknown { return }
        guard let paths = paths(origins, git, bus) else { return }
        let read = Set(origins.compactMap(\.file))
        var stamps: [String] = []
        for path in paths {
            let stamp = Files.stamp(FilePath(path))
            guard stamp != nil || !read.contains(path), stamp.map({ $0.changed < start - racy }) ?? true else { return }
            stamps += [path, stamp?.text ?? none]
        }
        try bus.keepConfiguration(bytes(source, stamps))
    }

    private static func bytes(_ source: Source, _ stamps: [String]) -> [UInt8] {
        let strings =
            environment + stamps + ["", source.target ?? "", source.commit ?? ""] + source.files
            + ["\(source.lines.count)"] + source.lines.map { ($0.isOwn ? "+" : "-") + $0.entry }
        return strings.flatMap { Array($0.utf8) + [0] } + source.theirs.flatMap { $0 + [0] } + Array("\(end)\0".utf8)
    }

    private static let end = "end"
    static let none = "-"
    /// Seconds of the clock that stamps files, rounded up.
    private static let racy = 0.05

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The variables that name files. Others of git's that have values are not passed on to it.
    private static var environment: [String] {
        ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "HOME", "XDG_CONFIG_HOME"]
            .map { "\($0)=\(variable($0) ?? "")" }
    }

    /// A line of git's configuration, and the file that has it.
    struct Origin {
        var file: String?
        var line: Configured.Line
    }

    /// All paths whose change may change what git says of its configuration, and of which target.
    private static func paths(_ lines: [Origin], _ git: Git, _ bus: Bus) -> [String]? {
        let home = variable("HOME") ?? ""
        let common = git.directory
        var all = lines.compactMap(\.file)
        all += ["config", "config.worktree"].map { common.appending($0).string }
        all +=
            variable("GIT_CONFIG_GLOBAL").map { [$0] } ?? [
                home + "/.gitconfig", (variable("XDG_CONFIG_HOME") ?? home + "/.config") + "/git/config",
            ]
        all += variable("GIT_CONFIG_SYSTEM").map { [$0] } ?? systemFiles()
        for (file, line) in lines.map({ ($0.file, $0.line) }) {
            let (section, condition, name) = Configured.parts(line.key)
            guard section == "include" || section == "includeif", name == "path" else { continue }
            if let condition {
                if condition.hasPrefix("onbranch:") {
                    all.append(common.appending("HEAD").string)
                } else if !["gitdir:", "gitdir/i:", "hasconfig:remote.*.url:"].contains(where: condition.hasPrefix) {
                    return nil
                }
            }
            guard let file, let path = included(line.value ?? "", by: file, home) else { return nil }
            all.append(path)
        }
        all.append(bus.targetFile.string)
        var seen = Set<String>()
        return all.allSatisfy { $0.hasPrefix("/") } ? all.filter { seen.insert($0).inserted } : nil
    }

    /// The path that a file includes (git-config(1), "Includes"); nil where only git can tell.
    private static func included(_ value: String, by file: String, _ home: String) -> String? {
        if value.hasPrefix("~/") { return home + value.dropFirst() }
        if value.hasPrefix("~") || value.hasPrefix("%(") { return nil }
        return FilePath(file).removingLastComponent().pushing(FilePath(value)).string
    }

    /// Where the system's file may be: git has it below the prefix that it was built for, or in /etc.
    private static func systemFiles() -> [String] {
        let programs = (variable("PATH") ?? "").split(separator: ":").map { String($0) + "/git" }
        guard let git = programs.first(where: { access($0, X_OK) == 0 }) else { return ["/etc/gitconfig"] }
        let prefix = FilePath(git).removingLastComponent().removingLastComponent()
        return ["/etc/gitconfig", prefix.appending("etc/gitconfig").string]
    }
}
