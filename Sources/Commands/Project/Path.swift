import ArgumentParser
import Bus
import CommandKit
import Storage
import SystemPackage

package struct PathVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "path", abstract: "Print paths of the bus.")
    @OptionGroup package var common: Common
    @Flag(name: .customShort("l"), help: "List all paths.") var list = false
    @Argument(help: "bus, status, journal, merge, inbox NAME, agent NAME, worktree NAME, task ID") var what: [String] =
        []
    package init() {}

    package func run(_ tool: CommandContext) throws {
        try checkUsage()
        let bus = try tool.bus()
        if list {
            for name in ["bus", "status", "journal", "merge"] { try show(tool, [name], bus) }
            for name in ["human"] + (try bus.agentNames()) { try show(tool, ["inbox", name], bus) }
            for name in try bus.agentNames() {
                try show(tool, ["agent", name], bus)
                if try bus.agent(named: name)?.worktree != nil { try show(tool, ["worktree", name], bus) }
            }
            for task in try bus.list() { try show(tool, ["task", "\(task.id)"], bus) }
            return
        }
        let path = try find(what, bus)
        tool.print([path.string], json: ["path": .string(path.string)])
    }

    private func checkUsage() throws {
        if list { return }
        guard let first = what.first else {
            throw Failure.usage(
                "which path? bus, status, journal, merge, inbox NAME, agent NAME, worktree NAME, task ID")
        }
        switch (first, what.count) {
        case ("bus", 1), ("status", 1), ("journal", 1), ("merge", 1): break
        case ("inbox", 2): _ = try Names.caller(what[1])
        case ("agent", 2), ("worktree", 2): _ = try Names.agent(what[1])
        case ("task", 2): _ = try Names.id(what[1])
        default:
            throw Failure.usage(
                "no path '\(Names.shown(what.joined(separator: " ")))': bus, status, journal, merge, inbox NAME, agent "
                    + "NAME, worktree NAME, task ID"
            )
        }
    }

    private func show(_ tool: CommandContext, _ words: [String], _ bus: Bus) throws {
        let path = try find(words, bus)
        tool.print(
            [words.joined(separator: " "), path.string],
            json: ["name": .string(words.joined(separator: " ")), "path": .string(path.string)])
    }

    private func find(_ words: [String], _ bus: Bus) throws -> FilePath {
        let name = words.count == 2 ? words[1] : nil
        switch (words[0], name) {
        case ("bus", nil): return bus.root
        case ("status", nil): return bus.statusFile
        case ("journal", nil): return bus.journal
        case ("merge", nil): return bus.merge
        case ("inbox", let name?):
            guard try bus.canReceive(Names.caller(name)) else { throw bus.noAgent(name) }
            return bus.box(name)
        case ("agent", let name?):
            guard try bus.agent(named: Names.agent(name)) != nil else { throw bus.noAgent(name) }
            return bus.agent(name)
        case ("worktree", let name?):
            guard let agent = try bus.agent(named: Names.agent(name)) else { throw bus.noAgent(name) }
            guard let worktree = agent.worktree else { throw Failure.no("agent '\(name)' has no worktree") }
            return worktree
        case ("task", let id?):
            let id = try Names.id(id)
            guard try Files.exists(bus.task(id)) else { throw Failure.no("no task \(id)") }
            return bus.task(id)
        default: throw Failure.bug("no path '\(words[0])'")
        }
    }
}
