import ArgumentParser
import Bus
import CommandKit
import Storage
import Team

package struct DiffVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "diff", abstract: "Show an agent's changes against the target, committed or not.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Print a diffstat only.") var stat = false
    @Flag(name: .long, help: "Print file names only.") var nameOnly = false
    @OptionGroup var look: Look
    @Flag(name: .long, help: "Only changes since --mark-seen.") var sinceSeen = false
    @Flag(name: .long, help: "Mark the present changes as seen; print nothing.") var markSeen = false
    @Argument(help: "The agent.") var name: String
    package init() {}

    package func run(_ tool: CommandContext) throws {
        guard !tool.common.json || look.color != .always && !markSeen else {
            throw Failure.usage("--json is of files and how much they have changed: not with --color or --mark-seen")
        }
        try tool.checkUsage(agents: [name])
        let team = try tool.team()
        let agent = try team.agent(Names.agent(name))
        if markSeen { return try team.markSeen(agent) }
        let options = (stat ? ["--stat"] : []) + (nameOnly ? ["--name-only"] : [])
        if tool.common.quiet {
            throw try team.difference(agent, options + ["--quiet"], sinceSeen: sinceSeen).isEmpty
                ? ExitCode(0) : ExitCode(1)
        }
        if tool.common.json {
            return try files(team.difference(agent, ["--numstat", "-z", "--no-renames"], sinceSeen: sinceSeen))
        }
        let bytes = try team.difference(agent, options + ["--no-color"], sinceSeen: sinceSeen)
        guard look.isShown else { return Output.raw(bytes) }
        if look.color != .always { Output.page() }
        var painted = Painted()
        Output.painted(bytes) { line in
            guard look.hasColors else { return [(line[...], nil)] }
            return stat ? Painted.stat(line) : nameOnly ? [(line[...], nil)] : painted.pieces(line)
        }
    }

    /// One object a file, of git's `--numstat -z`: added, removed, and the path, divided by tabs; a binary file has
    /// `-`.
    private func files(_ bytes: [UInt8]) {
        for entry in bytes.split(separator: 0) {
            let parts = entry.split(separator: 9, maxSplits: 2, omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard parts.count == 3 else { continue }
            Output.json(["path": .string(parts[2]), "added": .int(Int(parts[0])), "removed": .int(Int(parts[1]))])
        }
    }
}
