import ArgumentParser
import Bus
import CommandKit
import Storage
import Team

package struct HandoffVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "handoff", abstract: "End my session and start a fresh one with these notes.")
    @OptionGroup package var common: Common
    @Option(
        name: .customShort("F", allowingJoined: true),
        help: ArgumentHelp("Read the notes from FILE.", valueName: "file")) var file: String?
    @Argument(help: "The notes; - reads them from standard input.") var notes: String?
    package init() {}

    package func run(_ tool: CommandContext) throws {
        let notes = try tool.body(notes, file: file)
        let worker = try tool.worker()
        guard let session = worker.session else {
            if let name = common.as, case let bus = try tool.bus(), try !bus.canReceive(name) {
                throw bus.noAgent(name)
            }
            throw Failure.no(
                "'\(worker.name)' is no agent that runs here: an agent hands over to itself, a person has it do so "
                    + "with --as NAME"
            )
        }
        try tool.team().handOff(worker.name, notes, session: session, byItself: common.as == nil)
    }
}
