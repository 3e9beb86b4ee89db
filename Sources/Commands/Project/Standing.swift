import Bus
import CommandKit
import Storage
import Supervision
import Team
import Tmux

extension StatusVerb {
    /// How many lines there are at most of what waits and of what landed.
    private static let most = 5
    private static let steps = 3

    /// What `cadre` alone shows in a project: the line of `status`, what does not go on, what landed today, and what a
    /// person would do next.
    package static func standing(_ tool: CommandContext) throws {
        let bus = try tool.bus()
        let team = try bus.team()
        let counts = try bus.counts(team)
        if tool.common.quiet { return }
        if tool.common.json { return try show(tool) }
        let line = Segments(counts).line
        Output.line(line)
        let attention = try Attention.all(bus, team)
        for one in attention.prefix(most) { Output.line("  \(one.subject): \(one.text)") }
        if attention.count > most { Output.line("  and \(attention.count - most) more: 'cadre status'") }
        let landed = try landedToday(tool)
        if !landed.isEmpty {
            Output.line("landed today: \(landed.count)")
            for title in landed.prefix(most) { Output.line("  \(Names.shown(title))") }
            if landed.count > most { Output.line("  and \(landed.count - most) more: 'cadre log'") }
        }
        Output.line("next:")
        let next = try next(tool, counts, hasTeam: !team.isEmpty).prefix(steps)
        let width = next.map(\.command.count).max() ?? 0
        for (command, why) in next {
            Output.line("  \(command)\(String(repeating: " ", count: width - command.count))  \(why)")
        }
    }

    /// The titles of what has landed since midnight here, newest first.
    private static func landedToday(_ tool: CommandContext) throws -> [String] {
        guard let target = try tool.settings().target else { return [] }
        let result = try tool.git().attempt([
            "log", "--since=midnight", "--first-parent", "--grep=^Cadre-Task: ", "--format=%s", target, "--",
        ])
        return result.output.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What a person would do, what others wait for first.
    private static func next(_ tool: CommandContext, _ counts: [(name: String, count: Int)], hasTeam: Bool) throws -> [(
        command: String, why: String
    )] {
        func count(_ name: String) -> Int { counts.first { $0.name == name }?.count ?? 0 }
        func of(_ n: Int, _ one: String, _ more: String) -> String { "\(n) \(n == 1 ? one : more)" }
        var all: [(command: String, why: String)] = []
        if count("asks") > 0 {
            all.append(("cadre ask list", "\(of(count("asks"), "question waits", "questions wait")) for you"))
        }
        if count("mail") > 0 { all.append(("cadre inbox", "\(of(count("mail"), "letter", "letters")) to you")) }
        if count("failed") > 0 {
            all.append(("cadre task list --state failed", "\(of(count("failed"), "task has", "tasks have")) failed"))
        }
        if count("dead") > 0 { all.append(("cadre up", "\(of(count("dead"), "agent is", "agents are")) dead")) }
        if !hasTeam { all.append(("cadre spawn", "start an agent")) }
        if try tool.settings().list("gate").isEmpty {
            all.append(
                ("git config cadre.gate COMMAND", "set a test that lets work land; without it you review all"))
        }
        all.append(("cadre task add TITLE", "give work to whoever is free"))
        all.append(("cadre top", "watch, answer and steer"))
        all.append(("cadre help", "the verbs"))
        return all
    }
}
