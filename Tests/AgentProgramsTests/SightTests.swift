import SystemPackage
import Testing

@testable import AgentPrograms

/// Screens as the programs draw them, and what is read off them.
@Suite struct SightTests {
    private static let programs = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent().appending("shell").appending("programs")
    private func known(_ name: String) throws -> AgentProgram {
        try #require(try AgentProgram(name, file: SightTests.programs.appending(name)) { _ in [] })
    }

    private static let rule = String(repeating: "─", count: 60)
    /// What a model may say; every line of it is one of some dialog, or of a program at work.
    private static let words = """
        ● Do you want to proceed? Would you like to go on?
          ❯ 1. Yes
          Quick safety check: yes?
        ❯ 2. No
        › 1. Yes
          Trust this folder? It is mine.
          Hooks need review
          esc to interrupt
        \(rule)
        ❯\u{a0}

        """
    private static func box(_ line: String, _ footer: String = "  manual mode on") -> String {
        "\(rule)\n❯\u{a0}\(line)\n\(rule)\n\(footer)\n"
    }
    private static let block = "\u{1b}[7m \u{1b}[0m"

    private func read(_ program: String, _ drawn: String, line: String, shown: Bool = true, title: String = "") throws
        -> AgentProgram.Sight
    {
        let cursor = try #require(
            drawn.split(separator: "\n", omittingEmptySubsequences: false).lastIndex { $0.contains(line) })
        return try known(program).sight(Display(drawn, cursor: cursor, isCursorShown: shown, title: title))
    }

    @Test func claude() throws {
        let (words, box, block, rule) = (SightTests.words, SightTests.box, SightTests.block, SightTests.rule)
        let rows: [(String, String, AgentProgram.Sight)] = [
            (words + box(block, "  manual mode on"), block, .idle(isEmpty: true)),
            (words + box("my own draft\(block)", "  manual mode on"), "draft", .idle(isEmpty: false)),
            (
                words + box("\u{1b}[7mT\u{1b}[0;2mry\u{1b}[0m \u{1b}[2m\"fix it\"\u{1b}[0m", "  manual mode on"),
                "fix it", .idle(isEmpty: true)
            ),
            // In its shell mode, and in its view of the conversation.
            (
                words + "\(rule)\n!\u{a0}touch it\(block)\n\(rule)\n  ! for shell mode\n", "touch it",
                .idle(isEmpty: false)
            ),
            (
                words + "\(rule)\n  Showing detailed transcript · ctrl+o to toggle\n", "Showing",
                .other("Showing detailed transcript · ctrl+o to toggle")
            ),
            // One letter with the cursor on it is typed.
            (box("\u{1b}[7mx\u{1b}[0m", "  manual mode on"), "7mx", .idle(isEmpty: false)),
            (box("first line\n  second\(block)", "  manual mode on"), "second", .idle(isEmpty: false)),
            (box(block, "  manual mode on · esc to interrupt"), block, .working),
            (
                "\(words)\(rule)\n Bash command\n touch x\n Do you want to proceed?\n ❯ 1. Yes\n   2. No\n",
                " ❯ 1. Yes", .dialog("permission")
            ),
            (
                "\(rule)\n Accessing workspace:\n Quick safety check: Is this yours?\n ❯ No, exit\n   Yes, I trust "
                    + "this folder\n",
                "❯ No", .dialog("trust")
            ),
            // In place of the input line, but not below what frames it.
            (
                "Quick safety check: yes?\n\(rule)\n New MCP server found in .mcp.json: some\n ❯ 1. Use this\n   2. "
                    + "Leave it\n",
                "❯ 1. Use", .other("New MCP server found in .mcp.json: some ❯ 1. Use this 2. Leave it")
            ),
            (" \n", " ", .unknown),
        ]
        for (drawn, line, sight) in rows { #expect(try read("claude", drawn, line: line) == sight, "\(drawn)") }
    }

    @Test func codex() throws {
        let composer = "\u{1b}[1m›\u{1b}[0m \u{1b}[2mAsk Codex to do anything\u{1b}[0m\n\n  test default\n"
        let permission =
            "  Would you like to run the following command?\n\n› 1. Yes, proceed (y)\n  3. No\n\n  Press enter to "
            + "confirm\n"
        let rows: [(String, String, Bool, String, AgentProgram.Sight)] = [
            (SightTests.words + composer, "Ask Codex", true, "repository", .idle(isEmpty: true)),
            (SightTests.words + "› my own draft\n", "draft", true, "repository", .idle(isEmpty: false)),
            ("› my own draft\n  in two lines\n", "two lines", true, "repository", .idle(isEmpty: false)),
            (composer, "Ask Codex", true, "⠋ repository", .working),
            (permission, "Press enter", false, "[ ! ] Action Required | repository", .dialog("permission")),
            (
                "  Folder access\n  Trust this folder? Codex can read it.\n\n› 1. Trust and continue\n  2. Quit\n\n  "
                    + "enter continue\n",
                "enter continue", false, "", .dialog("trust")
            ),
        ]
        for (drawn, line, shown, title, sight) in rows {
            #expect(try read("codex", drawn, line: line, shown: shown, title: title) == sight, "\(drawn)")
        }
    }

    @Test func whatIsTypedAndWhatWentWrong() throws {
        let claude = try known("claude")
        let wrapped = Display(SightTests.box("You have mail from 'human':\n  'cadre inbox next' prints it."), cursor: 2)
        #expect(claude.typed(wrapped) == "You have mail from 'human': 'cadre inbox next' prints it.")
        let retry =
            "✻ 529 told to fail · retrying in 1s · attempt 4/10\n  ⎿  If it persists, check\n\n"
            + SightTests.box(SightTests.block, "  esc to interrupt")
        #expect(claude.trouble(Display(retry, cursor: 4)) == "529 told to fail · retrying in 1s · attempt 4/10")
        let said = "● 529 · retrying in 1s\n\n" + SightTests.box(SightTests.block)
        #expect(claude.trouble(Display(said, cursor: 3)) == nil)
    }

    @Test func furtherOptions() throws {
        let program = try #require(
            try AgentProgram("claude", options: "--effort low", file: SightTests.programs.appending("claude")) { _ in []
            })
        #expect(program.command.hasSuffix(#"--effort low "$@""#))
        #expect(program.resume?.hasSuffix(#"--effort low "$@""#) == true)
    }
}
