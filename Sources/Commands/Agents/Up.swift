import ArgumentParser
import Bus
import CommandKit
import Storage
import Supervision
import Team
import Tmux

package struct UpVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "up", abstract: "Start agents that should be running and are not: all, or the ones named.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Only agents whose supervisor died, as tmux's hook does.") var dead = false
    @Flag(name: .long, help: "All projects of this tmux server; refresh its status.") var server =
        false
    @Option(name: .long, help: ArgumentHelp("The project that this pane was opened for.", visibility: .hidden))
    var pane: String?
    @Argument(help: "Agents to start, in any state; - reads names from standard input.") var names: [String] = []
    package init() {}

    package func run(_ tool: CommandContext) throws {
        if server {
            guard names.isEmpty else { throw Failure.usage("--server is for all agents: give no names") }
            return try tool.each(Team.all(in: Tmux.here())) { team in
                try team.recover()
                try start(team, tool)
                try team.show()
            }
        }
        if pane == nil { try tool.checkUsage(agents: names) }
        if let pane { try tool.useBus(of: pane) }
        if !dead { try tool.becomeKnown() }
        let team = try tool.team()
        try team.recover()
        if !dead, try tool.superior() == "human" { try team.letRun { tool.say($0) } }
        if names.isEmpty {
            if try !dead && tool.isPersonAtTerminal() { try team.renewEnvironment(of: tool.bus().agentNames()) }
            return try start(team, tool)
        }
        try tool.each(tool.names(names)) { name in
            try tool.requireSuperior(of: Names.agent(name))
            if try tool.isPersonAtTerminal() { try team.renewEnvironment(of: [name]) }
            try team.bringUp(name, by: tool.caller()) { tool.say($0) }
            tool.print([name], json: ["name": .string(name)])
        }
    }

    private func start(_ team: Team, _ tool: CommandContext) throws {
        var refused: [Failure] = []
        // Stopped agents too: no start would mend what a move has left of their worktrees.
        if !dead { _ = try team.mendWorktrees() }
        for name in try team.revive(all: !dead, say: { tool.say($0) }, refused: { refused.append($0) }) {
            tool.print([name], json: ["name": .string(name)])
        }
        try tool.each(refused) { throw $0 }
    }
}
