import ArgumentParser
import Bus
import CommandKit
import Storage
import Team

package struct PauseVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "pause", abstract: "Stop agents, commit their work and remove their worktrees; branches stay.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Discard ignored files that .worktreeinclude does not name.") var discard = false
    @Argument(help: "Agents; - reads names from standard input.") var names: [String]
    package init() {}

    package func run(_ tool: CommandContext) throws {
        try tool.checkUsage(agents: names)
        let team = try tool.team()
        try tool.each(tool.names(names)) { name in
            try tool.requireSuperior(of: Names.agent(name))
            try team.pause(name, discard: discard, by: tool.caller())
            tool.print([name], json: ["name": .string(name)])
        }
        try team.recover()
    }
}
