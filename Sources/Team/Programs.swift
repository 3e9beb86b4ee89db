import AgentPrograms
import Bus
import Git
import Glibc
import Processes
import SystemPackage

extension Team {
    /// What is known of a program; nil for a command.
    func known(_ program: String) throws -> AgentProgram? { try Team.known(program, settings) }

    private static func known(_ program: String, _ settings: Settings) throws -> AgentProgram? {
        guard Names.isName(program) else { return nil }
        return try AgentProgram(program, file: Share.file("programs/\(program)"), set: settings.list)
    }

    /// The programs that are known, by name, each with whether it can be run here: those that come with cadre, and those
    /// that the user has set a command of.
    public static func programs(_ settings: Settings) throws -> [(name: String, isThere: Bool)] {
        let files = try Share.file("programs").flatMap { try Files.list($0) } ?? []
        return try Set(files + settings.names(of: "program", with: "command")).sorted().compactMap { name in
            try known(name, settings).map { (name, word($0.command).map(isThere) ?? true) }
        }
    }

    /// Throws `Failure.no` if the program can't be there. It gets our PATH: tmux gives a pane that of the client that asks
    /// for it.
    public func requireProgram(_ request: SpawnRequest) throws {
        guard let word = try Team.word(command(request)), !Team.isThere(word) else { return }
        // What the shell knows by itself.
        if try !word.contains("/") && Program(["/bin/sh", "-c", "command -v -- \"$1\"", "sh", word]).run().status == 0 { return }
        if settings.unseen.contains(where: { $0.hasPrefix("program.\(request.program).") }) {
            throw Failure.no("'\(request.program)' is a program of '.cadre' that you have not seen: 'cadre init' shows it")
        }
        let what = "no program '\(Names.shown(word))'\(word.contains("/") ? "" : " on PATH")"
        throw try Failure.no(
            known(request.program) == nil
                ? "\(what): 'cadre spawn --programs' lists those that are known" : "'\(Names.shown(request.program))' is not installed: \(what)")
    }

    /// The first word of a command line, if it stands for a program whatever the directory; nil where the shell makes
    /// something else of it.
    private static func word(_ command: String) -> String? {
        let words = command.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" })
        guard let word = words.first(where: { $0 != "exec" }), !word.contains(where: { "$\"'\\`&;|<>()={}*?~[]#!".contains($0) }),
            word.hasPrefix("/") || !word.contains("/")
        else { return nil }
        return String(word)
    }

    private static func isThere(_ word: String) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        if word.hasPrefix("/") { return access(word, X_OK) == 0 }
        return ([Share.bin.string] + path.split(separator: ":").map(String.init)).contains { access("\($0)/\(word)", X_OK) == 0 }
    }
}
