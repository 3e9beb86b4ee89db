import ArgumentParser
import Bus
import Team
import Tool

public struct DiffVerb: Verb {
    public static let configuration = CommandConfiguration(
        verb: "diff", abstract: "Show what an agent has changed since the target, committed or not.")
    @OptionGroup public var common: Common
    @Flag(name: .long, help: "Only which files, and how much.") var stat = false
    @Flag(name: .long, help: "Only the files' names.") var nameOnly = false
    @Flag(name: .long, help: "Print as on a terminal, for a pager.") var color = false
    @Flag(name: .long, help: "Only what has changed since it was marked as seen.") var sinceSeen = false
    @Flag(name: .long, help: "Mark what there is now as seen, and print nothing.") var markSeen = false
    @Argument(help: "The agent.") var name: String
    public init() {}

    public func run(_ tool: Tool) throws {
        let team = try tool.team()
        let agent = try team.agent(Names.agent(name))
        if markSeen { return try team.markSeen(agent) }
        let options = (stat ? ["--stat"] : []) + (nameOnly ? ["--name-only"] : [])
        if tool.common.quiet { throw try team.difference(agent, options + ["--quiet"], sinceSeen: sinceSeen).isEmpty ? ExitCode(0) : ExitCode(1) }
        Out.raw(try team.difference(agent, options + (color || Out.colors ? ["--color=always"] : []), sinceSeen: sinceSeen), colors: true, drawn: color || Out.isTerminal)
    }
}
