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
        let mine = try Settings.parse(git.attempt(["config", "--null", "--get-regexp", "^cadre\\."]))
        let set = mine.last { $0.key == "target" }?.value
        target = try (set ?? bus?.target()).map { $0.hasPrefix("refs/") ? $0 : "refs/heads/\($0)" }
        if let gone = target, let now = try git.renamed(gone) {
            target = now
            if set == nil { try bus?.setTarget(now) }
        }
        var theirs: [(key: String, value: String)] = []
        if let target, try git.reference("\(target):.cadre") != nil {
            theirs = try Settings.parse(
                git.attempt(["config", "--null", "--blob", "\(target):.cadre", "--get-regexp", "^cadre\\."]))
        }
        brought = theirs.filter { Settings.isCommand($0.key) }.map { "\($0.key) = \(Settings.oneLine($0.value))" }
        let seen = try bus?.seenCommands() ?? []
        if brought != seen {
            unseen = brought
            theirs.removeAll { Settings.isCommand($0.key) }
        }
        values = theirs + mine
        if holds, let bus { try hold(bus) }
    }

    /// Whether anything is set at all, as a glance at the files tells: no configuration file of git's names cadre or
    /// includes another, none is named by the environment, and the main worktree has no `.cadre`. For the hot verbs.
    package static func mayBeSet(_ common: FilePath) throws -> Bool {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        for name in ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"]
        where variable(name) != nil { return true }
        if try common.lastComponent?.string != ".git"
            || Files.exists(common.removingLastComponent().appending(".cadre"))
        {
            return true
        }
        let home = variable("HOME") ?? "/"
        let files = [
            common.appending("config"), common.appending("config.worktree"), FilePath(home + "/.gitconfig"),
            FilePath((variable("XDG_CONFIG_HOME") ?? home + "/.config") + "/git/config"), "/etc/gitconfig",
        ]
        return try files.contains { file in
            guard let bytes = try Files.readAny(file) else { return false }
            let text = String(decoding: bytes, as: UTF8.self).lowercased()
            return text.contains("cadre") || text.contains("include")
        }
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

    /// `KEY\nVALUE\0` for each; a key without value has no newline and is true.
    private static func parse(_ result: Program.Result) throws -> [(key: String, value: String)] {
        // 1 is that there is no such key; a blob that is no configuration is told by the same status, with an error. A
        // warning, such as of a file that may not be read, is none.
        let isError = String(decoding: result.error, as: UTF8.self).split(separator: "\n").contains {
            $0.hasPrefix("error: ")
        }
        guard result.status == 0 || result.status == 1 && !isError else {
            throw Failure.unsure("unable to read the configuration: \(result.complaint)")
        }
        return result.output.split(separator: 0).map { entry in
            let parts = entry.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(decoding: parts[0].dropFirst(6), as: UTF8.self)
            return (key, parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : "true")
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

    /// The names of a section's parts in which a key is set: of `program.NAME.command` the NAMEs.
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

    /// The value, which must be one of these.
    package func choice(_ key: String, _ choices: [String], _ otherwise: String) throws -> String {
        guard let text = string(key) else { return otherwise }
        guard choices.contains(text) else {
            throw Failure.usage("cadre.\(key) is '\(Names.shown(text))', use \(choices.joined(separator: ", "))")
        }
        return text
    }
}
