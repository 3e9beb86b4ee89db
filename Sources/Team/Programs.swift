import AgentPrograms
import Bus
import Configuration
import Git
import Glibc
import Processes
import Storage
import SystemPackage

extension Team {
    /// What is known of a program; nil for a command.
    package func known(_ program: String) throws -> AgentProgram? { try Team.known(program, settings) }

    private static func known(_ program: String, _ settings: Settings) throws -> AgentProgram? {
        let (name, options) = split(program)
        guard Names.isName(name), options.isEmpty || name != "sh", !isScript(options) else { return nil }
        return try AgentProgram(name, options: options, file: Installation.file("programs/\(name)"), set: settings.list)
    }

    /// A command's first word, and the rest, which are options if that is a program that is known.
    private static func split(_ program: String) -> (name: String, options: String) {
        let parts = program.split(separator: " ", maxSplits: 1).map(String.init)
        return (parts.first ?? "", parts.count == 2 ? parts[1] : "")
    }

    /// Whether the shell would make more of these options than words: a prompt would not be put behind them.
    private static func isScript(_ options: String) -> Bool {
        var quote: Character?
        var isEscaped = false
        for character in options {
            if isEscaped {
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if ";&|<>()\n".contains(character) {
                return true
            }
        }
        return quote != nil
    }

    /// What is to be said of a command that names a known program and is not taken for it; nil of any other.
    package func unrecognized(_ program: String) throws -> String? {
        guard try known(program) == nil else { return nil }
        let names = try Set(Team.programNames(settings))
        let words = program.split(whereSeparator: { " ;&|()".contains($0) }).map { $0.split(separator: "/").last ?? "" }
        guard let name = words.lazy.map(String.init).first(where: names.contains), name != "sh" else { return nil }
        return
            "'\(Names.shown(program))' is a command of yours: nothing is known of what '\(name)' does then, and it is "
            + "given no prompt; for that use --agent '\(name) OPTION...', and cadre.program.\(name).command and "
            + ".environment for how it is called"
    }

    /// A known program with further options, each a word of its own.
    package func program(_ name: String, options: [String]) throws -> String {
        guard try known(name) != nil else {
            throw Failure.usage(
                "options after -- are for a program that is known, '\(Names.shown(name))' is a command: write them "
                    + "there"
            )
        }
        let program = ([name] + options.map { "'" + $0.replacing("'", with: "'\\''") + "'" }).joined(separator: " ")
        guard try known(program) != nil else { throw Failure.usage("'\(Names.shown(name))' takes no options") }
        return program
    }

    /// The names of the programs that are known, sorted.
    package static func programNames(_ settings: Settings) throws -> [String] {
        let files = try Installation.file("programs").flatMap { try Files.list($0) } ?? []
        return Set(files + settings.names(of: "program", with: "command")).filter(Names.isName).sorted()
    }

    /// The programs that are known, by name, each with whether it can be run here: those that come with cadre, and
    /// those that the user has set a command of.
    package static func programs(_ settings: Settings) throws -> [(name: String, isThere: Bool)] {
        try programNames(settings).compactMap { name in
            try known(name, settings).map { known in
                (name, word(known.command).map { $0.contains("/") && !$0.hasPrefix("/") || isThere($0) } ?? true)
            }
        }
    }

    /// The programs that are known and here, and that can be told in words what to do.
    static func modelPrograms(_ settings: Settings) throws -> [String] {
        let set = settings.names(of: "program", with: "command")
        return try programNames(settings).filter { name in
            // A shipped program's command has the program's name: if that is not installed, don't read its file.
            guard set.contains(name) || isThere(name), let known = try known(name, settings), known.isTold else {
                return false
            }
            return word(known.command).map(isThere) ?? true
        }
    }

    /// The program of an agent for which nobody named one: the configured one, else the only one that is installed, and
    /// `say` gets its name. If none is installed it is `sh`, except for a prompt, which is no script.
    package static func program(_ settings: Settings, forPrompt: Bool, say: (String) -> Void) throws -> String {
        if let set = settings.string("program") { return set }
        let here = try modelPrograms(settings)
        if here.count > 1 {
            let names = here.map { "'\($0)'" }.joined(separator: " and ")
            throw Failure.usage(
                "which program? \(names) are here: name one with --agent, or for good with 'git config cadre.program "
                    + "\(here[0])'"
            )
        }
        if let one = here.first {
            say("the program is '\(one)', the only one that is here ('git config cadre.program' names another)")
            return one
        }
        if forPrompt {
            let known = try programNames(settings).filter { $0 != "sh" }.joined(separator: ", ")
            throw Failure.usage(
                "no program to give a prompt to is here (\(known)): name one with --agent or 'git config "
                    + "cadre.program'; "
                    + "'sh' runs a prompt as a script")
        }
        say("the program is 'sh', which runs what its tasks say as scripts: no other is here")
        return "sh"
    }

    /// The program whose tasks alone the agent takes; nil if it takes any. Only `sh` is limited so, beside other
    /// programs: it would run as a script what those read as words.
    package func takes(_ program: String?) throws -> String? {
        guard program == "sh", settings.string("program") != "sh", try !Team.modelPrograms(settings).isEmpty else {
            return nil
        }
        return program
    }

    /// What is to be said of a program that is here in a version which it was not seen with; nil if there is nothing.
    package func untried(_ program: String) throws -> String? {
        guard let known = try known(program), !known.tried.isEmpty, let version = try known.runningVersion(),
            !known.tried.contains(version)
        else { return nil }
        return
            "'\(program)' is of version \(Names.shown(version)) here, and what is known of it was seen with "
            + "\(known.tried.joined(separator: ", "))"
    }

    /// Throws `Failure.no` if the program is not installed for the agent. The agent searches our PATH, because tmux
    /// gives a pane the PATH of the client that opens it.
    package func requireProgram(_ request: SpawnRequest) throws {
        guard let word = try Team.word(command(request)) else { return }
        if word.contains("/"), !word.hasPrefix("/") { return try requireRelative(word, request) }
        guard !Team.isThere(word) else { return }
        // What the shell knows by itself.
        if try !word.hasPrefix("/") && Program(["/bin/sh", "-c", "command -v -- \"$1\"", "sh", word]).run().status == 0
        {
            return
        }
        if settings.unseen.contains(where: { $0.hasPrefix("program.\(Team.split(request.program).name).") }) {
            throw Failure.no(
                "'\(request.program)' is a program of '.cadre' that you have not seen: 'cadre init' shows it")
        }
        let what = "no program '\(Names.shown(word))'\(word.hasPrefix("/") ? "" : " on PATH")"
        throw try Failure.no(
            known(request.program) == nil
                ? "\(what): 'cadre spawn --programs' lists those that are known"
                : "'\(Names.shown(request.program))' is not installed: \(what)")
    }

    /// Throws `Failure.no` if no such path will be where the agent is to work.
    private func requireRelative(_ word: String, _ request: SpawnRequest) throws {
        guard request.worktree else {
            let home = try home()
            if access(home.pushing(FilePath(word)).string, X_OK) == 0 { return }
            throw Failure.no("no program '\(Names.shown(word))' in '\(home.string)'")
        }
        // Where a worktree is does not depend on whose it is, as far as is told from outside of it.
        let at = try worktreePath("agent")
        let path = at.pushing(FilePath(word)).lexicallyNormalized()
        var inside = path
        if inside.removePrefix(at) {
            let commit = try startCommit(request)
            let found = try git.run(
                ["cat-file", "--batch-check", "--follow-symlinks"], input: Array("\(commit):\(inside.string)\n".utf8)
            ).text
            let isPlain = try git.run(["ls-tree", commit, "--", inside.string]).text.hasPrefix("100644")
            if !isPlain,
                !["missing", "dangling ", "loop ", "notdir "].contains(where: {
                    found.hasSuffix($0) || found.hasPrefix($0)
                })
            {
                return
            }
            let home = try home()
            if settings.string("setup") != nil { return }
            if try Files.exists(home.appending(".git")),
                try work.equipment(of: Git(directory: git.directory, worktree: home)).contains(inside.string)
            {
                return
            }
        } else if access(path.string, X_OK) == 0 {
            return
        }
        throw Failure.no("no program '\(Names.shown(word))' in the worktree, which has what is committed")
    }

    /// The first word of a command line; nil where the shell makes something else of it.
    private static func word(_ command: String) -> String? {
        let words = command.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" })
        guard let word = words.first(where: { $0 != "exec" }),
            !word.contains(where: { "$\"'\\`&;|<>()={}*?~[]#!".contains($0) })
        else { return nil }
        return String(word)
    }

    private static func isThere(_ word: String) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        if word.hasPrefix("/") { return access(word, X_OK) == 0 }
        return ([Installation.bin.string] + path.split(separator: ":").map(String.init)).contains {
            access("\($0)/\(word)", X_OK) == 0
        }
    }
}
