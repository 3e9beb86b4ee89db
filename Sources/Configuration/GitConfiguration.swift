import Bus
import Git
import Processes
import Storage
import SystemPackage

/// What git is configured to do in a repository, and which of it the person lets run.
///
/// The user's and the system's files are the person's, but every agent can write the repository's own. If git would run
/// a command because of those (filters, merge drivers, signing programs), the setting counts only after the person has
/// approved it: by `cadre init`, or by `spawn` or `up` while no agent lives. All settings of one filter, driver or
/// program count together, or none does.
package struct Configured {
    package struct Line: Equatable {
        package var key: String
        package var value: String?
        package var isOwn: Bool

        init(key: String, value: String?, isOwn: Bool) {
            self.key = key
            self.value = value
            self.isOwn = isOwn
        }

        /// As `git config --null` prints it: `KEY\nVALUE`, without the newline where there is no value.
        init(_ entry: ArraySlice<UInt8>, isOwn: Bool) {
            let parts = entry.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
            key = String(decoding: parts[0], as: UTF8.self)
            value = parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : nil
            self.isOwn = isOwn
        }

        var entry: String { value.map { "\(key)\n\($0)" } ?? key }
        /// For people and for the record of what is let run.
        package var text: String { "\(key) = \(Settings.oneLine(value ?? "true"))" }
    }

    /// As git reads them: what comes later counts.
    package let lines: [Line]
    /// Names of groups of the repository's own that make git run something, as `filter.x`, and are not let run.
    package let refused: Set<String>

    /// What `.lfsconfig` of the target says of where files are sent; its keys begin with `lfs`.
    package let server: [Line]
    /// The texts of lines (`Line.text`) that the person has let run.
    package let approved: Set<String>

    package init(_ git: Git, _ bus: Bus?, target: String?) throws {
        let source = try Settings.source(git, bus)
        lines = source.lines
        approved = Set(try bus?.approvedCommands() ?? [])
        var server: [Line] = []
        if let target, let file = try source.server(of: target, git) {
            let result = try git.attempt(["config", "--null", "--blob", file, "--list"])
            server = result.output.split(separator: 0).map { Line($0, isOwn: true) }.filter {
                ["lfs.url", "lfs.pushurl"].contains($0.key)
                    || $0.key.hasPrefix("remote.")
                        && ["lfsurl", "lfspushurl"].contains(Configured.parts($0.key).variable)
            }
            .map { Line(key: Configured.lfs + $0.key, value: $0.value, isOwn: true) }
        }
        self.server = server
        var refused = Set<String>()
        for line in Configured.news(lines) where !approved.contains(line.text) {
            refused.insert(Configured.group(line.key)!)
        }
        self.refused = refused
    }

    /// What tells keys of `.lfsconfig` from git's own.
    package static let lfs = ".lfsconfig "

    /// The commands of the repository's own configuration, and where its `.lfsconfig` sends files, as they are
    /// recorded.
    package var commands: [String] { Configured.news(lines).map(\.text) + server.map(\.text) }
    /// Those that are not let run.
    package var unseen: [String] {
        Configured.news(lines).filter { refused.contains(Configured.group($0.key)!) }.map(\.text)
            + server.map(\.text).filter { !approved.contains($0) }
    }
    /// Whether the target names a server for files that the person has not seen.
    package var hidesServer: Bool { server.contains { !approved.contains($0.text) } }

    /// The lines of the repository's own files in groups that run something, unless the user's files say the same.
    private static func news(_ lines: [Line]) -> [Line] {
        let theirs = lines.filter { !$0.isOwn }
        let own = lines.filter { line in
            line.isOwn && group(line.key) != nil && !theirs.contains { $0.key == line.key && $0.value == line.value }
        }
        let run = Set(own.filter { runs($0.key) && $0.value != "" }.map { group($0.key)! })
        return own.filter { run.contains(group($0.key)!) }
    }

    /// `filter.x` of `filter.x.clean`: settings that count together, since one of them is run. Nil for all that run
    /// nothing.
    static func group(_ key: String) -> String? {
        let (section, name, _) = parts(key)
        switch section {
        case "filter", "merge": return name.map { "\(section).\($0)" }
        case "gpg": return "gpg"
        default: return nil
        }
    }

    /// Whether the value of a key in a group is run.
    private static func runs(_ key: String) -> Bool {
        ["clean", "smudge", "process", "driver", "program", "defaultkeycommand"].contains(parts(key).variable)
    }

    /// A key's parts: of `filter.x.y.clean` they are `filter`, `x.y` and `clean`. Nil for a key without a name.
    package static func parts(_ key: String) -> (section: String, name: String?, variable: String) {
        guard let first = key.firstIndex(of: "."), let last = key.lastIndex(of: ".") else { return (key, nil, "") }
        return (
            String(key[..<first]), first == last ? nil : String(key[key.index(after: first)..<last]),
            String(key[key.index(after: last)...])
        )
    }

    /// The last value of a key among the lines that count.
    package func value(_ key: String) -> String? {
        lines.last { $0.key == key && counts($0) }.map { $0.value ?? "true" }
    }

    /// Whether a line is in force: the user's are, and the repository's own unless their group was refused.
    package func counts(_ line: Line) -> Bool {
        !line.isOwn || Configured.group(line.key).map { !refused.contains($0) } ?? true
    }

    /// The environment of a call in a person's worktree with the whole configuration: it turns off the filters that are
    /// not approved.
    package var tame: [String: String?] {
        var all: [(key: String, value: String)] = []
        for group in refused.sorted() where group.hasPrefix("filter.") {
            for (variable, otherwise) in [("clean", ""), ("smudge", ""), ("process", ""), ("required", "false")] {
                let key = "\(group).\(variable)"
                all.append((key, value(key) ?? otherwise))
            }
        }
        guard !all.isEmpty else { return [:] }
        var environment: [String: String?] = ["GIT_CONFIG_COUNT": "\(all.count)"]
        for (n, one) in all.enumerated() {
            environment["GIT_CONFIG_KEY_\(n)"] = one.key
            environment["GIT_CONFIG_VALUE_\(n)"] = one.value
        }
        return environment
    }

    // MARK: over the network

    /// The repository's own lines about reaching a remote (nil: any) that are not approved, as `Line.text`. Through
    /// them an agent might send the work elsewhere, or run a program.
    package func strange(_ remote: String?) -> [String] { reach(remote).filter { !approved.contains($0) } }

    /// All of the repository's own lines about reaching a remote, approved or not, as `Line.text`.
    package func reach(_ remote: String?) -> [String] {
        lines.filter { line in
            guard line.isOwn else { return false }
            let (section, name, variable) = Configured.parts(line.key)
            switch section {
            case "remote":
                return (remote == nil || name == remote)
                    && !["fetch", "prune", "prunetags", "tagopt", "promisor", "partialclonefilter"].contains(variable)
            case "core": return ["sshcommand", "gitproxy", "askpass", "alternaterefscommand"].contains(variable)
            case "credential", "http", "url": return true
            case "lfs":
                return ["url", "pushurl", "storage", "standalonetransferagent"].contains(variable)
                    || (name ?? "").hasPrefix("customtransfer") || (name ?? "").hasPrefix("extension")
            default: return false
            }
        }.map(\.text)
    }
}
