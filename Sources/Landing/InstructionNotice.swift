import Bus
import Storage

// Agent programs read instruction files of the project when they start, and don't read them again. So when an entry
// that changes one lands, every living agent but its author gets mail:
//
//   1  the target holds the commit
//   2  mail to each agent                    after a crash here the next runner skips agents that have the mail unread
//   3  the entry is landed
extension MergeRunner {
    private static let instructions: Set = ["CLAUDE.md", "AGENTS.md", "GEMINI.md"]

    private static func isInstructions(_ path: String) -> Bool {
        path.split(separator: "/").last.map { instructions.contains(String($0)) } ?? false
    }

    static func hasInstructions(_ paths: [String]) -> Bool { paths.contains(where: isInstructions) }

    /// Tells what landed with this entry, if it is such a file.
    func tellInstructions(_ entry: Entry, _ commit: String) throws {
        let names = try git.attempt(["diff-tree", "-r", "-z", "--name-only", "--no-renames", entry.base, entry.tip])
            .output.split(separator: 0)
        let changed = names.map { String(decoding: $0, as: UTF8.self) }.filter(MergeRunner.isInstructions)
        guard !changed.isEmpty else { return }
        let short = String(commit.prefix(12))
        let shown = changed.prefix(10).map { Names.shown($0) }
        let subject = "\(shown.joined(separator: ", ")) changed with \(short)"
        let title = try bus.header(entry.id).map { " (\(Names.shown($0.title)))" } ?? ""
        var text =
            "Task \(entry.id)\(title) of '\(entry.author)' has landed on '\(work.targetName)' as \(short) and changed "
            + "what agents are to go by:\n\n"
        for path in shown { text += "  git show \(short):\(path)\n" }
        if changed.count > shown.count { text += "  and \(changed.count - shown.count) more\n" }
        text +=
            "\nWhat you read of it at your start is old. Your worktree has it once 'cadre merge update' brings "
            + "'\(work.targetName)' in.\n"
        for name in try bus.agentNames() where name != entry.author {
            guard let agent = try bus.agent(named: name), agent.alive else { continue }
            if try bus.messages(of: name).contains(where: { try bus.message($0.id, of: name)?.subject == subject }) {
                continue
            }
            // Retired meanwhile: there is nobody to tell.
            do { _ = try bus.send(from: "cadre", to: name, subject: subject, body: Array(text.utf8)) } catch let failure
                as Failure where failure.kind == .no
            {}
        }
    }
}
