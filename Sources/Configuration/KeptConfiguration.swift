import Bus
import Git
import Glibc
import Storage
import SystemPackage

// What git is configured to do, and what the target says of it, kept on the bus, so that verbs that programs call all
// the time start no git for it. It counts for as long as everything that git has read, or would read if it were there,
// is as it was:
//
//   the system's, the user's and the repository's own files, that of the main worktree, and what they include, whether
//   the condition holds or not; of a condition about a branch the repository's HEAD
//   the commit that the target holds, of which git reads `.cadre`, and the bus's file that names the target
//   the variables that name such files
//
// A file is known by its device, inode, size, and both times in nanoseconds. One that was changed just before it was
// read may be changed again without another time: nothing is kept then, and the next who asks sees to it. Nor is
// anything kept of an include whose path git alone can tell, or of a target that the repository's files do not tell.
// Where only the target holds another commit, git is asked for its two files alone.

/// The file `configuration` of the bus. The body is `KEY\nVALUE\0` for each line of git's configuration, after a
/// `+` if it is of the repository's own and a `-` if it is the user's or the system's, and then of `.cadre`.
struct KeptFields: RecordFields {
    let environment = Field<[String]>("Environment")
    /// Paths, and what stamps they had: `none` for one that was not there.
    let paths = Field<[String]>("Paths")
    let stamps = Field<[String]>("Stamps")
    /// The branch that work lands on, the commit that it holds, and the ids that this has for `Settings.sources`.
    let target = Field<String>("Target")
    let commit = Field<String>("Commit")
    let files = Field<[String]>("Files")
    /// How many bytes of the body are of git's configuration.
    let count = Field<Int>("Own")

    init() {}
}

extension Settings {
    /// What git says.
    struct Source {
        /// Its configuration, as it reads it.
        var lines: [Configured.Line]
        /// `.cadre` of the target: `KEY\nVALUE\0` for each.
        var theirs: [UInt8] = []
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
        guard let (kept, record) = try kept(git, bus) else { return try ask(git, bus) }
        let commit: String?
        switch try kept.target.map(git.filed) {
        case nil: commit = nil
        case .holds(let id): commit = id
        case .absent where kept.commit == nil: commit = nil
        case .absent, .unknown: return try ask(git, bus)
        }
        if commit == kept.commit { return kept }
        let new = try read(git, commit, into: kept)
        try? bus.keepConfiguration(filled(record, new).bytes)
        return new
    }

    /// As it is kept, whatever the target holds now; nil if anything else has changed since, or nothing is kept.
    private static func kept(_ git: Git, _ bus: Bus) throws -> (Source, TypedRecord<KeptFields>)? {
        guard let record = try? TypedRecord<KeptFields>.read(bus.configurationFile),
            record.environment == environment, let count = record.count, (0...record.body.count).contains(count),
            let paths = record.paths, let stamps = record.stamps, paths.count == stamps.count,
            let files = record.files, files.count == sources.count
        else { return nil }
        for (path, stamp) in zip(paths, stamps) where Files.stamp(FilePath(path))?.text ?? none != stamp { return nil }
        let lines = record.body[..<count].split(separator: 0).map { entry in
            let isOwn = entry.first == UInt8(ascii: "+")
            return Configured.Line(entry.dropFirst(), isOwn: isOwn)
        }
        return (
            Source(
                lines: lines, theirs: Array(record.body[count...]), target: record.target, commit: record.commit,
                files: files), record
        )
    }

    /// Keeps what git said after `start`, by the files that it names; nothing if that can't be known.
    static func keep(_ source: Source, _ origins: [Origin], _ git: Git, _ bus: Bus, since start: Double) throws {
        if let target = source.target, try git.filed(target) == .unknown { return }
        guard let paths = paths(origins, git, bus) else { return }
        let read = Set(origins.compactMap(\.file))
        var record = TypedRecord<KeptFields>()
        var stamps: [String] = []
        for path in paths {
            let stamp = Files.stamp(FilePath(path))
            guard stamp != nil || !read.contains(path), stamp.map({ $0.changed < start - racy }) ?? true else { return }
            stamps.append(stamp?.text ?? none)
        }
        record.environment = environment
        record.paths = paths
        record.stamps = stamps
        try bus.keepConfiguration(filled(record, source).bytes)
    }

    private static func filled(_ record: TypedRecord<KeptFields>, _ source: Source) -> TypedRecord<KeptFields> {
        var record = record
        record.target = source.target
        record.commit = source.commit
        record.files = source.files
        let mine = source.lines.flatMap { Array("\($0.isOwn ? "+" : "-")\($0.entry)\0".utf8) }
        record.count = mine.count
        record.body = mine + source.theirs
        return record
    }

    static let none = "-"
    /// Seconds of the clock by which file systems tell when a file was changed, and some more.
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
