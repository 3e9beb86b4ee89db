import ArgumentParser
import Bus
import Team
import Tmux
import Tool

public struct UpVerb: Verb {
    public static let configuration = CommandConfiguration(
        verb: "up", abstract: "Start agents that should run and don't: all, or these.")
    @OptionGroup public var common: Common
    @Flag(name: .long, help: "Only those that died without a word, as tmux's hook does.") var dead = false
    @Option(name: .long, help: ArgumentHelp("The project that this pane was opened for.", visibility: .hidden)) var pane: String?
    @Argument(help: "Agents, whatever state they are in; - reads names from standard input.") var names: [String] = []
    public init() {}

    public func run(_ tool: Tool) throws {
        if let pane { try tool.useBus(of: pane) }
        let team = try tool.team()
        try team.recover()
        if names.isEmpty {
            var refused: [Failure] = []
            for name in try team.revive(all: !dead, refused: { refused.append($0) }) { tool.print([name], json: ["name": .string(name)]) }
            return try tool.each(refused) { throw $0 }
        }
        try tool.each(tool.names(names)) { name in
            try tool.requireSuperior(of: Names.agent(name))
            try team.bringUp(name, by: tool.caller())
            tool.print([name], json: ["name": .string(name)])
        }
    }
}
