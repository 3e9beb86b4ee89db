import ArgumentParser
import Bus
import CommandKit
import Landing
import Storage

package struct RecoverVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "recover", abstract: "Repair the bus after crashes.")
    @OptionGroup package var common: Common
    package init() {}

    package func run(_ tool: CommandContext) throws {
        var done = try tool.recover()
        try MergeRunner(tool.work()).recover()
        if try ConflictPrediction(tool.work()).heal() { done.healed += 1 }
        for id in done.released { tool.print(["\(id)", "released"], json: ["task": .int(id), "did": "released"]) }
        for name in done.dead { tool.print([name, "dead"], json: ["agent": .string(name), "did": "dead"]) }
        if done.healed > 0 { tool.say("healed \(done.healed)") }
        guard done.unsure.isEmpty else {
            for line in done.unsure { CommandRunner.complain(line) }
            throw Failure.unsure("nothing was released where that could not be told")
        }
    }
}
