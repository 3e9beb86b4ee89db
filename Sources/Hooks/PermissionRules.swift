import Bus
import Glibc
import Storage
import SystemPackage
import Team

// Rules that give permissions, `cadre.allow`: a tool, or a tool and in parentheses what it may be used on, as the words
// of a command or as a path in the worktree.
//
// A rule is about one simple command. If a shell would do more with the text than split it into words, no rule matches:
// several commands, pipes, redirections, substitutions, variables, globs, braces, assignments, comments, backslashes,
// newlines. So the shell runs exactly the words that matched. Quotes are understood if all between them is plain.
//
// A rule counts inside the agent's own worktree. A star never matches a path out of it, a hidden name (the settings of
// git, cadre and the programs have such names), or a program that reaches the network or the bus or runs other
// programs. A rule that spells one of these out does allow it. A rule must spell out the program, and the subcommand if
// the program has subcommands: nothing else tells what the rest may do.
//
// An error is no permission: the person is asked.
struct Rules {
    /// The directory that the tool is to be used in, and the worktree, as real paths.
    let directory: FilePath
    let worktree: FilePath
    let bus: FilePath

    /// Nil outside of the agent's worktree.
    init?(directory: String, worktree: FilePath, bus: Bus) {
        guard let here = Rules.real(FilePath(directory)), let tree = Rules.real(worktree),
            let bus = Rules.real(bus.root)
        else { return nil }
        self.directory = here
        self.worktree = tree
        self.bus = bus
        guard here.starts(with: tree) else { return nil }
    }

    /// The first of the rules that gives this permission.
    func allowing(_ rules: [String], tool: String, _ input: Value) -> String? {
        rules.first { rule in
            guard let open = rule.firstIndex(of: "(") else { return rule == tool && isPlainTool(tool, input) }
            guard rule[..<open] == tool, rule.last == ")" else { return false }
            let pattern = String(rule[rule.index(after: open)...].dropLast())
            if Rules.files.contains(tool) { return allows(path: pattern, input) }
            return tool == "Bash" && allows(command: pattern, input)
        }
    }

    /// Tools that take a path, and the fields that may stand beside it.
    private static let files: Set = ["Edit", "MultiEdit", "NotebookEdit", "Read", "Write"]
    private static let fileFields: Set = [
        "file_path", "notebook_path", "content", "old_string", "new_string", "replace_all", "edits", "cell_id",
        "cell_type", "edit_mode",
        "new_source", "offset", "limit", "pages",
    ]
    private static let commandFields: Set = ["command", "description", "timeout", "run_in_background"]

    /// A tool that is allowed whatever it is used on; of one that takes a path any in the worktree.
    private func isPlainTool(_ tool: String, _ input: Value) -> Bool {
        if tool == "Bash" { return false }
        return Rules.files.contains(tool) ? allows(path: "**", input) : true
    }

    // MARK: paths

    private func allows(path pattern: String, _ input: Value) -> Bool {
        guard Set(input.keys).isSubset(of: Rules.fileFields),
            input["file_path"] == nil || input["notebook_path"] == nil,
            let named = (input["file_path"] ?? input["notebook_path"])?.string, let path = inside(named)
        else { return false }
        let parts = path.components.dropFirst(worktree.components.count).map(\.string)
        return Rules.matches(
            pattern.split(separator: "/", omittingEmptySubsequences: false).map(String.init)[...], parts[...])
    }

    /// The real path of what is named, if it is inside the worktree; of one that is not there yet as it will be.
    private func inside(_ named: String) -> FilePath? {
        guard !named.isEmpty, !named.unicodeScalars.contains(where: Names.isControl) else { return nil }
        var path = FilePath(named)
        guard !path.components.contains(where: { $0.kind == .parentDirectory }) else { return nil }
        if path.isRelative { path = directory.pushing(path) }
        path.lexicallyNormalize()
        var rest: [FilePath.Component] = []
        while true {
            if let found = Rules.real(path) {
                let whole = rest.reversed().reduce(found) { $0.appending($1) }
                return whole.starts(with: worktree) && !whole.starts(with: bus) ? whole : nil
            }
            // A link that leads nowhere may lead anywhere later; what can't be looked at is not known.
            do { if try Files.status(path) != nil { return nil } } catch { return nil }
            guard let last = path.lastComponent, path.removeLastComponent() else { return nil }
            rest.append(last)
        }
    }

    /// The C function is `realpath`.
    private static func real(_ path: FilePath) -> FilePath? {
        guard let found = path.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(found) }
        return FilePath(platformString: found)
    }

    /// `**` is any number of directories, `*` any part of one name; neither is a hidden name.
    private static func matches(_ pattern: ArraySlice<String>, _ parts: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return parts.isEmpty }
        if first == "**" {
            if pattern.count == 1 { return !parts.isEmpty && !parts.contains(where: isHidden) }
            if matches(pattern.dropFirst(), parts) { return true }
            guard let part = parts.first, !isHidden(part) else { return false }
            return matches(pattern, parts.dropFirst())
        }
        guard let part = parts.first, !isHidden(part) || isHidden(first) else { return false }
        return isLike(Array(part.utf8)[...], Array(first.utf8)[...]) && matches(pattern.dropFirst(), parts.dropFirst())
    }

    private static func isHidden(_ name: String) -> Bool { name.utf8.first == UInt8(ascii: ".") }

    /// Byte by byte; a star is any number of them.
    private static func isLike(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == 42 {
            return isLike(text, pattern.dropFirst()) || (!text.isEmpty && isLike(text.dropFirst(), pattern))
        }
        return text.first == first && isLike(text.dropFirst(), pattern.dropFirst())
    }

    // MARK: commands

    /// Of these the first word says nothing of what they do.
    private static let withSubcommands: Set = [
        "apt", "apt-get", "brew", "bun", "bundle", "cadre", "cargo", "composer", "docker", "dotnet", "gem", "gh", "git",
        "go", "gradle", "jj", "kubectl",
        "mvn", "npm", "npx", "pip", "pip3", "pnpm", "podman", "poetry", "swift", "systemctl", "tmux", "uv", "yarn",
    ]
    /// They reach the network or the bus, or run what they are told to.
    private static let reaching: Set = [
        "ash", "awk", "bash", "busybox", "cadre", "chroot", "curl", "dash", "doas", "docker", "env", "eval", "exec",
        "fish", "ftp", "gh", "ksh", "lua", "nc",
        "ncat", "netcat", "nice", "node", "nohup", "npx", "parallel", "perl", "podman", "python", "python3", "rsync",
        "ruby", "scp", "setsid", "sftp", "sh",
        "socat", "source", "ssh", "su", "sudo", "telnet", "time", "timeout", "tmux", "unshare", "wget", "xargs", "zsh",
    ]

    private func allows(command pattern: String, _ input: Value) -> Bool {
        var wanted = pattern.split(separator: " ").map(String.init)
        guard Set(input.keys).isSubset(of: Rules.commandFields), let text = input["command"]?.string,
            let words = Rules.words(text),
            let last = wanted.last
        else { return false }
        // A star at the very end is any number of further words, none among them.
        let more = last.hasSuffix("*")
        if last == "*" { wanted.removeLast() } else if more, wanted.count == 1 { wanted[0].removeLast() }
        guard let first = wanted.first, !first.contains("*") else { return false }
        if Rules.withSubcommands.contains(Rules.base(first)) {
            guard wanted.count > 1, let letter = wanted[1].first, letter != "*", letter != "-" else { return false }
            // `diff*` is not `difftool`.
            if wanted.count == 2, wanted[1].hasSuffix("*") { wanted[1].removeLast() }
            guard !wanted[1].contains("*") else { return false }
        }
        guard words.count == wanted.count || (more && words.count > wanted.count) else { return false }
        for (index, word) in words.enumerated() {
            guard index < wanted.count else {
                guard isHarmless(word) else { return false }
                continue
            }
            if word.utf8.elementsEqual(wanted[index].utf8) { continue }
            guard wanted[index].contains("*"), Rules.isLike(Array(word.utf8)[...], Array(wanted[index].utf8)[...]),
                isHarmless(word)
            else { return false }
        }
        return true
    }

    private static func base(_ word: String) -> String { word.split(separator: "/").last.map(String.init) ?? word }

    /// The words of a simple command; nil if it is not one.
    static func words(_ text: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            guard !Names.isControl(scalar) else { return nil }
            if let open = quote {
                if scalar == open {
                    quote = nil
                } else if open == "\"", "$`\\!".unicodeScalars.contains(scalar) {
                    return nil
                } else {
                    word!.unicodeScalars.append(scalar)
                }
                continue
            }
            switch scalar {
            case "'", "\"":
                // The program is spelled out, and so is what a rule says of it.
                guard !words.isEmpty else { return nil }
                quote = scalar
                word = word ?? ""
            case " ":
                if let done = word { words.append(done) }
                word = nil
            case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", "/", ",", ":", "+", "@", "%", "=":
                word = word ?? ""
                // zsh looks for the program of this name.
                if scalar == "=", word!.isEmpty { return nil }
                word!.unicodeScalars.append(scalar)
            default: return nil
            }
        }
        guard quote == nil else { return nil }
        if let done = word { words.append(done) }
        // An assignment, a job.
        guard let first = words.first, !first.contains("="), !first.hasPrefix("%"), !first.hasPrefix("-") else {
            return nil
        }
        return words
    }

    /// Whether a star may stand for this word. By scalars: a mark that combines with a sign makes another character of
    /// it, and to a program it stays the sign.
    private func isHarmless(_ word: String) -> Bool {
        if Rules.reaching.contains(Rules.base(word).lowercased()) { return false }
        let scalars = Array(word.unicodeScalars)
        func isName(_ at: Int) -> Bool {
            guard scalars.indices.contains(at) else { return false }
            return ("a"..."z").contains(scalars[at]) || ("A"..."Z").contains(scalars[at])
                || ("0"..."9").contains(scalars[at]) || scalars[at] == "_"
        }
        // Letters of several options and a value may stand together.
        if scalars.first == "-", !scalars.starts(with: "--".unicodeScalars),
            scalars.contains("/") || scalars.contains(".")
        {
            return false
        }
        for (at, scalar) in scalars.enumerated() {
            let next = at + 1 < scalars.count ? scalars[at + 1] : nil
            if scalar == ".", next == ".", !isName(at - 1) || !isName(at + 2) { return false }
            if scalar == ".", !isName(at - 1), at == 0 || !"-.".unicodeScalars.contains(scalars[at - 1]), let next,
                next != "/"
            {
                return false
            }
            if scalar == "/", at > 0, !isName(at - 1), !"-./".unicodeScalars.contains(scalars[at - 1]) { return false }
        }
        // It may be a path, or end in one, and that may be a link that leads elsewhere.
        let values =
            scalars.split { "=:,@".unicodeScalars.contains($0) }.map { String(String.UnicodeScalarView($0)) } + [word]
        return values.allSatisfy { inside($0) != nil }
    }
}
