import ArgumentParser
import ClaimCommand
import CommandKit
import HeartbeatCommand
import InboxCommand
import MergeCommand
import SendCommand
import SpawnCommand
import Top

/// A verb as the table has it.
package struct Command {
    /// What a newcomer looks for it under.
    package enum Theme: String, CaseIterable { case begin, tasks, agents, talk, land, repair }

    package let name: String
    package let type: any ParsableCommand.Type
    /// Nil for those that a newcomer is not shown.
    package let theme: Theme?
    /// Whether only programs call it.
    package let isForMachines: Bool

    init(_ name: String, _ type: any ParsableCommand.Type, _ theme: Theme? = nil, isForMachines: Bool = false) {
        self.name = name
        self.type = type
        self.theme = theme
        self.isForMachines = isForMachines
    }
}

/// All verbs, once. From it come the one binary, help, completion and the links beside the binary.
package enum CommandTable {
    package static let all: [Command] = [
        Command("init", InitVerb.self, .begin),
        Command("path", PathVerb.self),
        Command("task", TaskVerb.self, .tasks),
        Command("claim", ClaimVerb.self, .tasks),
        Command("send", SendVerb.self, .talk),
        Command("inbox", InboxVerb.self, .talk),
        Command("ask", AskVerb.self, .talk),
        Command("plan", PlanVerb.self),
        Command("heartbeat", HeartbeatVerb.self),
        Command("handoff", HandoffVerb.self),
        Command("recover", RecoverVerb.self),
        Command("doctor", DoctorVerb.self, .repair),
        Command("log", LogVerb.self),
        Command("cost", CostVerb.self),
        Command("spawn", SpawnVerb.self, .begin),
        Command("agents", AgentsVerb.self, .agents),
        Command("peek", PeekVerb.self),
        Command("attach", AttachVerb.self, .agents),
        Command("stop", StopVerb.self, .agents),
        Command("up", UpVerb.self),
        Command("pause", PauseVerb.self),
        Command("resume", ResumeVerb.self),
        Command("retire", RetireVerb.self),
        Command("diff", DiffVerb.self, .land),
        Command("prime", PrimeVerb.self),
        Command("status", StatusVerb.self, .begin),
        Command("push", PushVerb.self),
        Command("supervise", SuperviseVerb.self, isForMachines: true),
        Command("merge", MergeVerb.self, .land),
        Command("hook", HookVerb.self, isForMachines: true),
        Command("completions", CompletionsVerb.self),
        Command("top", TopVerb.self, .begin),
    ]

    package static func find(_ name: String) -> Command? { all.first { $0.name == name } }

    /// The usage of cadre itself: the verbs by theme, or all of them.
    package static func overview(all isWhole: Bool) -> String {
        let verbs =
            isWhole
            ? "\n\(lines(all))\n\n'cadre help VERB' shows a verb's manual page, 'cadre VERB --help' its options."
            : Command.Theme.allCases.map { theme in "\n\(theme)\n\(lines(all.filter { $0.theme == theme }))\n" }
                .joined()
                + "\n'cadre help VERB' shows a verb's manual page, 'cadre help -a' lists all verbs,\n'cadre help "
                + "cadre' tells the ideas."
        return "usage: cadre [-C DIR] VERB [OPTION]... [ARGUMENT]...\n" + verbs
    }

    private static func lines(_ commands: [Command]) -> String {
        commands.map { command in
            let gap = String(repeating: " ", count: max(1, 11 - command.name.count))
            return "  \(command.name)\(gap)\(command.type.configuration.abstract)"
        }.joined(separator: "\n")
    }
}
