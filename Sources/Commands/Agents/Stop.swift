import ArgumentParser
import Bus
import CommandKit
import Storage
import Team

package struct StopVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "stop", abstract: "Stop agents; their tasks are offered again.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Kill the program without asking it to end.") var now = false
    @Flag(name: .long, help: "Freeze it in place; 'cadre resume' continues it.") var freeze = false
    @Argument(help: "Agents; - reads names from standard input.") var names: [String]
    package init() {}

    package func run(_ tool: CommandContext) throws {
        guard !(now && freeze) else { throw Failure.usage("--now or --freeze, not both") }
        try tool.checkUsage(agents: names)
        let team = try tool.team()
        try tool.each(tool.names(names)) { name in
            try tool.requireSuperior(of: Names.agent(name))
            let farewell = try freeze ? nil : tool.farewell(name)
            try team.stop(name, now ? .now : freeze ? .freeze : .gently, by: tool.caller())
            if let farewell { tool.say(farewell) }
            tool.print([name], json: ["name": .string(name), "state": .string(freeze ? "frozen" : "resting")])
        }
        if !freeze { try team.recover() }
    }
}
