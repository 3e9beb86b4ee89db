import ArgumentParser
import Bus
import Tool

public struct LogVerb: Verb {
    public static let configuration = CommandConfiguration(verb: "log", abstract: "Print what happened.")
    @OptionGroup public var common: Common
    @Flag(name: .shortAndLong, help: "Go on as things happen.") var follow = false
    @Option(name: .long, help: "Only what this agent did, or what was done to it.") var agent: String?
    @Option(name: .long, help: "Only what concerns this task.") var task: String?
    public init() {}

    public func run(_ tool: Tool) throws {
        let bus = try tool.bus()
        let agent = try self.agent.map(Names.caller)
        let task = try self.task.map(Names.id)
        try bus.events(follow: follow) { event in
            if let agent, !event.tells(ofAgent: agent) { return }
            if let task, event["task"] != "\(task)" { return }
            if tool.common.quiet { return }
            if tool.common.json { Out.raw(event.line + [10]) } else { Out.line(fields: event.words) }
        } pause: { Out.flush() }
    }
}
