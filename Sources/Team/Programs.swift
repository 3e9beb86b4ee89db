import AgentPrograms
import Bus
import Git
import Glibc
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
            try known(name, settings).map { (name, isThere($0.command)) }
        }
    }

    /// Whether the first word of a command line is a program. Of one that the shell makes something else of that can't be
    /// told, and it may be.
    private static func isThere(_ command: String) -> Bool {
        let words = command.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" })
        guard let word = words.first(where: { $0 != "exec" }), !word.contains(where: { "$\"'\\`&;|<>()={}*?~".contains($0) }) else { return true }
        if word.contains("/") { return access(String(word), X_OK) == 0 }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains { access("\($0)/\(word)", X_OK) == 0 }
    }
}
