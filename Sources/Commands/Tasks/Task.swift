import ArgumentParser
import Bus
import CommandKit
import Storage

package struct TaskVerb: ParsableCommand {
    package static let configuration = CommandConfiguration(
        verb: "task", abstract: "Add, list and change the tasks of the shared list.",
        subcommands: [
            Add.self, List.self, Show.self, Edit.self, Note.self, Dep.self, Done.self, Fail.self, Cancel.self,
            Reopen.self,
            Wait.self, Graph.self, Import.self,
        ])
    package init() {}
}

/// What a task may be given, on its making and later.
struct TaskOptions: ParsableArguments {
    @Option(name: [.customShort("p", allowingJoined: true), .long], help: "0 (first) to 4 (last). Default: 2.")
    var priority: String?
    @Option(name: .long, help: "The parent task (epic).") var parent: String?
    @Option(name: .long, help: "Only for this role.") var role: String?
    @Option(name: .long, help: ArgumentHelp("Only for agents of this program.", valueName: "program")) var agent:
        String?
    @Option(name: .long, help: "Only for this agent.") var to: String?
    @Option(name: .long, help: "A command that its agent runs before it is done.") var verify: String?
    @Flag(name: .long, inversion: .prefixedNo, help: "Needs an approved plan before work begins.") var plan: Bool?
    @Flag(name: .long, inversion: .prefixedNo, help: "Whether its work is commits that land.") var merge: Bool?
    @Option(name: .long, help: "Not before this time: RFC 3339, or 30s, 5m, 2h, 3d from now.") var `defer`: String?

    /// As none of them is given.
    static var plain: TaskOptions {
        var options = TaskOptions()
        options.priority = nil
        options.parent = nil
        options.role = nil
        options.agent = nil
        options.to = nil
        options.verify = nil
        options.plan = nil
        options.merge = nil
        options.defer = nil
        return options
    }

    func apply(_ header: inout TaskHeader, _ tool: CommandContext) throws {
        if let priority {
            guard let n = Int(priority), (0...4).contains(n), priority.utf8.count == 1 else {
                throw Failure.usage("bad priority '\(Names.shown(priority))', use 0 to 4")
            }
            header.priority = n
        }
        if let parent { header.parent = parent.isEmpty ? nil : try Names.id(parent) }
        if let role { header.role = role.isEmpty ? nil : try Names.role(role) }
        if let agent { header.program = agent.isEmpty ? nil : try TaskOptions.program(agent, tool) }
        if let to {
            header.to = to.isEmpty ? nil : try Names.caller(to)
            header.toUntil = 0
        }
        if let verify { header.verify = verify.isEmpty ? nil : try tool.line(verify, what: "command") }
        if let plan { header.plan = plan }
        if let merge { header.merge = merge }
        if let text = `defer` {
            guard let time = text.isEmpty ? 0 : Time.point(text) else {
                throw Failure.usage("bad time '\(Names.shown(text))', use RFC 3339 or 30s, 5m, 2h, 3d")
            }
            header.deferred = time
        }
    }

    /// Says so where there is no agent of the name yet, and one of nearly the same.
    func hint(_ tool: CommandContext, _ bus: Bus) throws {
        guard let to, !to.isEmpty, try !bus.canReceive(to), try Names.nearest(to, bus.agentNames()) != nil else {
            return
        }
        tool.say(bus.noAgent(to).message)
    }

    /// The name of a program that is known: of another there would never be an agent.
    static func program(_ name: String, _ tool: CommandContext) throws -> String {
        let known = try tool.programNames()
        guard known.contains(name) else {
            throw Failure.usage("no program '\(Names.shown(name))' is known: use " + known.joined(separator: ", "))
        }
        return name
    }
}
