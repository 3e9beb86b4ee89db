import ArgumentParser
import Bus
import CommandKit
import Configuration
import Landing
import Storage
import SystemPackage
import Team

package struct InitVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "init", abstract: "Create the repository's bus; list the commands that its .cadre sets.")
    @OptionGroup package var common: Common
    package init() {}

    package func run(_ tool: CommandContext) throws {
        let bus = try tool.busOrNew()
        try tool.becomeKnown()
        let settings = try tool.settings()
        let configured = try Configured(tool.git(), bus, target: settings.target)
        let target = settings.target.map { String($0.dropFirst("refs/heads/".count)) }
        tool.print(
            [bus.root.string],
            json: [
                "bus": .string(bus.root.string), "id": .string(bus.identity), "target": .string(target),
                "commands": .list(settings.brought.map { .string($0) }),
                "git": .list(configured.commands.map { .string($0) }),
            ])
        let branches = try TaskBranches(bus: bus, repository: tool.git(), settings: settings)
        if let gone = try branches.targetIsGone() {
            tool.say(gone)
        } else if let target {
            tool.say("work lands on '\(target)'")
        } else {
            tool.say(
                "no target branch: work will land on the first that is checked out and has a commit when an agent is "
                    + "started, or on what 'git config cadre.target BRANCH' chooses"
            )
        }
        if try tool.advises() { try advise(tool, settings) }
        let mistakes = settings.mistakes()
        for one in mistakes.unknown + mistakes.wrong { tool.say(one) }
        guard
            try !settings.brought.isEmpty || !bus.seenCommands().isEmpty || !configured.approvable.isEmpty
                || !bus.approvedCommands().isEmpty
        else { return }
        guard try tool.superior() == "human" else {
            if !configured.unseen.isEmpty {
                throw Failure.no("git's configuration brings commands that only a person lets run")
            }
            if !settings.unseen.isEmpty { throw Failure.no("'.cadre' brings commands that only a person lets run") }
            return
        }
        if !settings.brought.isEmpty { tool.say("'.cadre' brings these commands, which run from now on:") }
        for line in settings.brought { tool.say("  \(line)") }
        try bus.setSeenCommands(settings.brought)
        try bus.closeAsk(named: "commands", by: "human", "seen")
        if !configured.commands.isEmpty {
            tool.say("git's configuration of this repository brings these commands, which run from now on:")
        }
        for line in configured.commands { tool.say("  \(Names.shown(line))") }
        try bus.setApprovedCommands(configured.approvable)
        try bus.closeAsk(named: "git", by: "human", "seen")
        // With them, since they bind agents too.
        try tool.becomeKnown()
    }

    /// What was found, and what a person would set.
    private func advise(_ tool: CommandContext, _ settings: Settings) throws {
        let programs = try Team.programs(settings).filter { $0.1 && $0.0 != "sh" }.map(\.0)
        tool.say(
            programs.isEmpty
                ? "no agent program that is known is installed: see 'cadre spawn --programs'"
                : "agent programs: \(programs.joined(separator: ", "))")
        guard !settings.brought.contains(where: { $0.hasPrefix("gate = ") }) else { return }
        guard settings.list("gate").isEmpty else {
            return tool.say("gate: \(settings.list("gate").map(Names.shown).joined(separator: "; "))")
        }
        let found = try tool.git().directory.removingLastComponent()
        let gate = try InitVerb.gate(found)
        tool.say(
            "no gate: you review what lands; set a test command: git config cadre.gate "
                + "\(gate.map { "'\($0)'" } ?? "COMMAND")"
        )
    }

    /// The command by which a repository of this kind is usually tested, as its files tell; nil if none does.
    static func gate(_ top: FilePath) throws -> String? {
        func text(_ name: String) throws -> String {
            String(decoding: try Files.readAny(top.appending(name)) ?? [], as: UTF8.self)
        }
        let lines = try ["Makefile", "makefile", "GNUmakefile"].flatMap { try text($0).split(separator: "\n") }
        for goal in ["test", "check"] where lines.contains(where: { $0.hasPrefix("\(goal):") }) {
            return "make \(goal)"
        }
        // `npm init` writes a test that always fails.
        let package = try text("package.json")
        if package.contains("\"test\":"), !package.contains("no test specified") { return "npm test" }
        let others = [
            ("Cargo.toml", "cargo test"), ("Package.swift", "swift test"), ("go.mod", "go test ./..."),
            ("pytest.ini", "pytest"), ("pyproject.toml", "pytest"),
            ("tox.ini", "tox"),
        ]
        return try others.first { try Files.exists(top.appending($0.0)) }?.1
    }
}
