import ArgumentParser
import Bus
import CommandKit
import Glibc
import Storage
import Tmux

package struct AttachVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "attach", abstract: "Go to an agent's pane.")
    @OptionGroup package var common: Common
    @Argument(help: "The agent.") var name: String
    package init() {}

    package func run(_ tool: CommandContext) throws {
        try tool.checkUsage(agents: [name])
        let (tmux, pane, _) = try tool.pane(of: name)
        if try tool.isPersonAtTerminal() { try tool.team().refreshEnvironment(of: name) }
        try tmux.run(["select-window", "-t", pane, ";", "select-pane", "-t", pane])
        let socket = try tmux.socket()
        if tool.environment("TMUX")?.split(separator: ",").first.map(String.init) == socket {
            try tmux.run(["switch-client"] + (tmux.ownClient().map { ["-c", $0] } ?? []) + ["-t", pane])
            return
        }
        guard isatty(0) == 1, isatty(1) == 1 else {
            throw Failure.no("not a terminal: 'cadre peek \(name)' prints the screen")
        }
        let session = try tmux.run(["display-message", "-p", "-t", pane, "#{session_id}"])
        unsetenv("TMUX")
        let command = tmux.command(["attach-session", "-t", session])
        CommandContext.exec(command[0], Array(command.dropFirst()))
        throw Failure.unsure("unable to run 'tmux'")
    }
}
