import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

/// Configuration in git-config syntax: the user's `git config cadre.KEY`, then `.cadre` as the target has it, then a
/// default. Read when used.
///
/// Commands in `.cadre` count once the person has seen them: until then they are left out, and `unseen` names them.
package struct Settings {
    /// Keys whose values are run, let something run, or send work elsewhere. From `.cadre` they count only when seen.
    static let commands: Set<String> = [
        "gate", "setup", "sandbox", "mergemode", "program", "allow", "answerdialogs", "pushhook",
    ]

    private(set) var values: [(key: String, value: String)] = []
    /// `key = value` lines of `.cadre` that would be run and that the person has not seen.
    package private(set) var unseen: [String] = []
    /// All such lines, seen or not.
    package private(set) var brought: [String] = []
    /// The branch that work lands on, as `refs/heads/…`; nil if none is set.
    package private(set) var target: String?

    /// What was made to bind agents less and waits for a person's answer; see BindingSettings.
    package internal(set) var waiting: [Loosened] = []

    /// Reads all of it. `bus` is nil before there is one. With `holds` what binds agents less than a person knows
    /// waits.
    package init(_ git: Git, bus: Bus?, holds: Bool = true) throws {
        let source = try Settings.source(git, bus)
        let mine = source.lines.filter { $0.key.hasPrefix("cadre.") }.map { line in
            (key: String(line.key.dropFirst(6)), value: line.value ?? "true")
        }
        var theirs = Settings.parse(source.theirs)
        target = source.target
        brought = theirs.filter { Settings.isCommand($0.key) }.map { "\($0.key) = \(Settings.oneLine($0.value))" }
        let seen = try bus?.seenCommands() ?? []
        if brought != seen {
            unseen = brought
            theirs.removeAll { Settings.isCommand($0.key) }
        }
        values = theirs + mine
        if holds, let bus { try hold(bus) }
    }

    /// Takes the place of whatever is set.
    package mutating func set(_ key: String, _ value: String) { values.append((key.lowercased(), value)) }
    package mutating func set(_ key: String, to all: [String]) {
        values.removeAll { $0.key == key }
        values += all.map { (key, $0) }
    }

    /// A value with its newlines and backslashes escaped.
    static func oneLine(_ text: String) -> String {
        text.unicodeScalars.map { $0 == "\\" ? "\\\\" : $0 == "\n" ? "\\n" : String($0) }.joined()
    }

    private static func isCommand(_ key: String) -> Bool { commands.contains(key) || key.hasPrefix("program.") }

    /// Asks git, and keeps what it says for the next.
    static func ask(_ git: Git, _ bus: Bus?) throws -> Source {
        let start = Double(Time.micros()) / 1e6
        let origins = try origins(git)
        var source = Source(lines: origins.map(\.line))
        let set = source.lines.last { $0.key == "cadre.target" }.map { $0.value ?? "true" }
        source.target = try (set ?? bus?.target()).map { $0.hasPrefix("refs/") ? $0 : "refs/heads/\($0)" }
        if let gone = source.target, let now = try git.renamed(gone) {
            source.target = now
            if set == nil { try bus?.setTarget(now) }
        }
        source = try read(git, source.target.flatMap(git.reference), into: source)
        // If this process can't write the bus, the next one asks git again.
        if let bus { try? keep(source, origins, git, bus, since: start) }
        return source
    }

    /// Reads the target's configuration files that differ from those of `source`.
    static func read(_ git: Git, _ commit: String?, into source: Source) throws -> Source {
        var new = source
        new.commit = commit
        new.files = sources.map { _ in none }
        if let commit {
            let listed = try git.attempt(["ls-tree", "-z", "--full-tree", commit, "--"] + sources)
            // Where that can't be told it is asked again.
            if listed.status != 0 { new.commit = nil }
            for line in listed.output.split(separator: 0) {
                let fields = line.split(separator: 9, maxSplits: 1).map { String(decoding: $0, as: UTF8.self) }
                let words = fields[0].split(separator: " ")
                guard fields.count == 2, words.count == 3, let n = sources.firstIndex(of: fields[1]) else { continue }
                new.files[n] = String(words[2])
            }
        }
        guard new.files[0] != source.files[0] else { return new }
        new.theirs = []
        guard new.files[0] != none else { return new }
        let brought = try git.attempt(["config", "--null", "--blob", new.files[0], "--get-regexp", "^cadre\\."])
        new.theirs = try answer(brought, blob: new.files[0]).split(separator: 0)
        return new
    }

    /// All that git is configured to do, and the file that says so.
    private static func origins(_ git: Git) throws -> [Origin] {
        var program = git.program([])
        program.arguments = ["git", "--git-dir=\(git.directory.string)", "config", "--list", "--null"]
        program.arguments += ["--show-scope", "--show-origin"]
        let fields = try answer(program.run()).split(separator: 0, omittingEmptySubsequences: false)
        return stride(from: 0, to: fields.count - 2, by: 3).map { n in
            let scope = String(decoding: fields[n], as: UTF8.self)
            let origin = String(decoding: fields[n + 1], as: UTF8.self)
            return Origin(
                file: origin.hasPrefix("file:") ? String(origin.dropFirst(5)) : nil,
                line: Configured.Line(fields[n + 2], isOwn: !["system", "global"].contains(scope)))
        }
    }

    /// git's output; empty for status 1, which means that there is no such key. A blob that is not a configuration
    /// gives the same status with an error, which throws. A warning, such as about an unreadable file, is no error.
    private static func answer(_ result: Program.Result, blob: String? = nil) throws -> [UInt8] {
        let isError = String(decoding: result.error, as: UTF8.self).split(separator: "\n").contains {
            $0.hasPrefix("error: ")
        }
        guard result.status == 0 || result.status == 1 && !isError else {
            let complaint = blob.map { result.complaint.replacing("blob \($0)", with: "'.cadre' of the target") }
            throw Failure.unsure("unable to read the configuration: \(complaint ?? result.complaint)")
        }
        return result.output
    }

    private static func parse(_ entries: [ArraySlice<UInt8>]) -> [(key: String, value: String)] {
        entries.map { part in
            let line = Configured.Line(part, isOwn: true)
            return (String(line.key.dropFirst(6)), line.value ?? "true")
        }
    }

    /// The value that counts. Keys without a subsection have no case.
    package func string(_ key: String) -> String? {
        let key = key.contains(".") ? key : key.lowercased()
        return values.last { $0.key == key }?.value
    }

    /// All values, `.cadre`'s first; an empty one forgets those before it.
    package func list(_ key: String) -> [String] {
        let all = values.filter { $0.key == key.lowercased() }.map(\.value)
        return Array(all.suffix(from: (all.lastIndex(of: "").map { $0 + 1 }) ?? 0))
    }

    /// The names of a section's parts in which a key is set: of `program.NAME.command` the NAMEs, in the order of the
    /// values; a name that is set twice is there twice.
    package func names(of section: String, with key: String) -> [String] {
        values.map(\.key).filter {
            $0.hasPrefix("\(section).") && $0.hasSuffix(".\(key)") && $0.count > section.count + key.count + 2
        }
        .map { String($0.dropFirst(section.count + 1).dropLast(key.count + 1)) }
    }

    /// The number, of a duration in seconds.
    package func number(_ setting: NumberSetting) throws -> Int {
        guard let text = string(setting.key) else { return setting.otherwise }
        if setting.isTime {
            guard let seconds = Time.duration(text) else {
                throw Failure.usage(
                    "cadre.\(setting.key) is '\(Names.shown(text))', not a time such as 30s, 5m, 2h or 3d")
            }
            return seconds
        }
        guard let n = Int(text), n >= 0 else {
            throw Failure.usage("cadre.\(setting.key) is '\(Names.shown(text))', not a number")
        }
        return n
    }

    /// Whether a boolean is set, in git's words.
    package func flag(_ key: String) throws -> Bool {
        let text = string(key) ?? "false"
        if ["true", "yes", "on", "1"].contains(text.lowercased()) { return true }
        guard ["false", "no", "off", "0", ""].contains(text.lowercased()) else {
            throw Failure.usage("cadre.\(key) is '\(Names.shown(text))', use true or false")
        }
        return false
    }

    /// The value, which must be one of `choices`, or `otherwise` if none is set. Throws `Failure.usage` for another.
    package func choice(_ key: String, _ choices: [String], _ otherwise: String) throws -> String {
        guard let text = string(key) else { return otherwise }
        guard choices.contains(text) else {
            throw Failure.usage("cadre.\(key) is '\(Names.shown(text))', use \(choices.joined(separator: ", "))")
        }
        return text
    }
}
