import ArgumentParser
import Bus
import CommandKit
import Glibc
import Screen
import Storage
import Supervision
import Team
import Tmux

package struct TopVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "top", abstract: "Run the team from one screen.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Show every project of the tmux server.") var all = false
    @Flag(name: .long, help: "Print rows instead of a screen; on a terminal, also each row that changes.") var plain =
        false
    package init() {}

    package func run(_ tool: CommandContext) throws {
        guard plain || !tool.common.json else { throw Failure.usage("--json is of rows: with --plain") }
        let sources = try all ? Team.all(in: Tmux.here()).map { try Source($0.bus) } : [Source(tool.bus())]
        guard !sources.isEmpty else { throw Failure.no("no project on this tmux server") }
        if plain { return Plain(sources, json: tool.common.json).run() }
        guard isatty(0) == 1, isatty(1) == 1 else {
            throw Failure.no("not a terminal: 'cadre top --plain' prints the rows")
        }
        let keys = try Keys(tool.settings())
        let screen = try Screen()
        defer { screen.close() }
        Session(screen, keys, sources).run()
    }
}
