import Bus
import Git
import Glibc
import Storage
import SystemPackage

// What git says of `cadre.*`, kept on the bus, so that verbs that programs call all the time start no git for it. It
// counts for as long as everything that git has read, or would read if it were there, is as it was:
//
//   the system's, the user's and the repository's own files, that of the main worktree, and what they include, whether
//   the condition holds or not; of a condition about a branch the repository's HEAD
//   the files that hold the target's reference, of which git reads `.cadre`, and the bus's file that names the target
//   the variables that name such files
//
// A file is known by its device, inode, size, and both times in nanoseconds. One that was changed just before it was
// read may be changed again without another time: nothing is kept then, and the next who asks sees to it. Nor is
// anything kept of an include whose path git alone can tell, or of a target that is a symbolic reference.

//
// The file `configuration` of the bus is strings, each with a NUL behind it: the variables; the paths, and behind each
// its stamp; an empty one; the target; how many values are the configuration's; those, then those of `.cadre`; `end`.
// It is read too often for a record.
extension Settings {
    /// What git says: `KEY\nVALUE` for each.
    struct Source {
        var mine: [ArraySlice<UInt8>]
        var theirs: [ArraySlice<UInt8>]
        var target: String?
    }

    /// As it is kept; nil if something has changed since, or nothing is kept.
    static func kept(_ bus: Bus) -> Source? {
        guard let bytes = try? Files.read(bus.configurationFile) else { return nil }
        var parts = bytes.split(separator: 0, omittingEmptySubsequences: false)[...]
        func next() -> ArraySlice<UInt8> { parts.popFirst() ?? [] }
        for variable in environment where !next().elementsEqual(variable.utf8) { return nil }
        while let path = parts.popFirst(), !path.isEmpty {
            let stamp = Files.stamp(FilePath(String(decoding: path, as: UTF8.self)))?.text ?? none
            guard next().elementsEqual(stamp.utf8) else { return nil }
        }
        let target = String(decoding: next(), as: UTF8.self)
        guard let count = Int(String(decoding: next(), as: UTF8.self)), (0...parts.count - 2).contains(count),
            parts.dropLast().last?.elementsEqual(Settings.end.utf8) == true
        else { return nil }
        return Source(
            mine: Array(parts.prefix(count)), theirs: Array(parts.dropFirst(count).dropLast(2)),
            target: target.isEmpty ? nil : target)
    }

    /// Keeps what git said after `start`, by the files that it names; nothing if that can't be known.
    static func keep(_ source: Source, _ lines: [Origin], _ git: Git, _ bus: Bus, since start: Double) throws {
        guard let paths = try paths(lines, git, bus, source.target) else { return }
        var strings = environment
        let read = Set(lines.compactMap(\.file))
        for path in paths {
            let stamp = Files.stamp(FilePath(path))
            guard stamp != nil || !read.contains(path), stamp.map({ $0.changed < start - racy }) ?? true else { return }
            strings += [path, stamp?.text ?? none]
        }
        strings += ["", source.target ?? "", "\(source.mine.count)"]
        let values = (source.mine + source.theirs).flatMap { $0 + [0] }
        try bus.keepConfiguration(strings.flatMap { Array($0.utf8) + [0] } + values + Array("\(end)\0".utf8))
    }

    private static let end = "end"
    private static let none = "-"
    /// Seconds of the clock by which file systems tell when a file was changed, and some more.
    private static let racy = 0.05

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The variables that name files. Others of git's that have values are not passed on to it.
    private static var environment: [String] {
        ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "HOME", "XDG_CONFIG_HOME"]
            .map { "\($0)=\(variable($0) ?? "")" }
    }

    /// A value, and the file that has it.
    struct Origin {
        var file: String?
        var key: String
        var value: String
    }

    /// All paths whose change may change what git says.
    private static func paths(_ lines: [Origin], _ git: Git, _ bus: Bus, _ target: String?) throws -> [String]? {
        let home = variable("HOME") ?? ""
        let common = git.directory
        var all = lines.compactMap(\.file)
        all += ["config", "config.worktree"].map { common.appending($0).string }
        all +=
            variable("GIT_CONFIG_GLOBAL").map { [$0] } ?? [
                home + "/.gitconfig", (variable("XDG_CONFIG_HOME") ?? home + "/.config") + "/git/config",
            ]
        all += variable("GIT_CONFIG_SYSTEM").map { [$0] } ?? systemFiles()
        for line in lines {
            let (section, condition, name) = Configured.parts(line.key)
            guard section == "include" || section == "includeif", name == "path" else { continue }
            if let condition {
                if condition.hasPrefix("onbranch:") {
                    all.append(common.appending("HEAD").string)
                } else if !["gitdir:", "gitdir/i:", "hasconfig:remote.*.url:"].contains(where: condition.hasPrefix) {
                    return nil
                }
            }
            guard let file = line.file, let path = included(line.value, by: file, home) else { return nil }
            all.append(path)
        }
        all.append(bus.targetFile.string)
        if let target {
            let reference = common.pushing(FilePath(target))
            if let bytes = try? Files.read(reference), bytes.starts(with: Array("ref:".utf8)) { return nil }
            all += [reference.string, common.appending("packed-refs").string]
            all.append(common.appending("reftable").appending("tables.list").string)
        }
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
