import ArgumentParser
import Bus
import CommandKit
import Storage
import Team

package struct ResumeVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "resume", abstract: "Resume agents that were paused, frozen, stopped or are resting.")
    @OptionGroup package var common: Common
    @Argument(help: "Agents; - reads names from standard input.") var names: [String]
    package init() {}

    package func run(_ tool: CommandContext) throws {
        try tool.checkUsage(agents: names)
        try tool.becomeKnown()
        let team = try tool.team()
        try tool.each(tool.names(names)) { name in
            try tool.requireSuperior(of: Names.agent(name))
            if try tool.isPersonAtTerminal() { try team.renewEnvironment(of: [name]) }
            try team.bringUp(name, by: tool.caller()) { tool.say($0) }
            tool.print([name], json: ["name": .string(name)])
        }
    }
}
