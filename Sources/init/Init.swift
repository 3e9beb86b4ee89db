import ArgumentParser
import Bus
import Git
import Tool

public struct InitVerb: Verb {
    public static let configuration = CommandConfiguration(
        verb: "init", abstract: "Make the bus of this repository; show what commands its .cadre brings.")
    @OptionGroup public var common: Common
    public init() {}

    public func run(_ tool: Tool) throws {
        let bus = try tool.busOrNew()
        // Again in a repository that had no commit or no branch when the bus was made.
        if try bus.target() == nil, let branch = try tool.repository().checkedOut() { try bus.setTarget(branch) }
        try tool.becomeKnown()
        let settings = try tool.settings()
        let configured = try Configured(tool.git(), bus, target: settings.target)
        let target = settings.target.map { String($0.dropFirst("refs/heads/".count)) }
        tool.print(
            [bus.root.string],
            json: [
                "bus": .string(bus.root.string), "id": .string(bus.identity), "target": .string(target),
                "commands": .list(settings.brought.map { .string($0) }), "git": .list(configured.commands.map { .string($0) }),
            ])
        if let target { tool.say("work lands on '\(target)'") } else {
            tool.say("no target branch: check one out that has a commit and run this again, or choose one with 'git config cadre.target BRANCH'")
        }
        let mistakes = settings.mistakes()
        for one in mistakes.unknown + mistakes.wrong { tool.say(one) }
        guard try !settings.brought.isEmpty || !bus.seenCommands().isEmpty || !configured.approvable.isEmpty || !bus.approvedCommands().isEmpty else { return }
        guard try tool.superior() == "human" else {
            if !configured.unseen.isEmpty { throw Failure.no("git's configuration brings commands that only a person lets run") }
            if !settings.unseen.isEmpty { throw Failure.no("'.cadre' brings commands that only a person lets run") }
            return
        }
        if !settings.brought.isEmpty { tool.say("'.cadre' brings these commands, which run from now on:") }
        for line in settings.brought { tool.say("  \(line)") }
        try bus.setSeenCommands(settings.brought)
        try bus.closeAsk(named: "commands", by: "human", "seen")
        if !configured.commands.isEmpty { tool.say("git's configuration of this repository brings these commands, which run from now on:") }
        for line in configured.commands { tool.say("  \(Names.shown(line))") }
        try bus.setApprovedCommands(configured.approvable)
        try bus.closeAsk(named: "git", by: "human", "seen")
        // With them, since they bind agents too.
        try tool.becomeKnown()
    }
}
