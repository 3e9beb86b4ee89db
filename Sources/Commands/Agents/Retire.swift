import ArgumentParser
import Bus
import CommandKit
import Storage
import Team

package struct RetireVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "retire", abstract: "Remove agents and their worktrees.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Discard uncommitted changes and the branch of its task.") var discard = false
    @Argument(help: "Agents; - reads names from standard input.") var names: [String]
    package init() {}

    package func run(_ tool: CommandContext) throws {
        try tool.checkUsage(agents: names)
        let team = try tool.team()
        try tool.each(tool.names(names)) { name in
            try tool.requireSuperior(of: Names.agent(name))
            let farewell = try tool.farewell(name)
            try team.retire(name, discard: discard, by: tool.caller()) { tool.say($0) }
            if let farewell { tool.say(farewell) }
            tool.print([name], json: ["name": .string(name)])
        }
    }
}
