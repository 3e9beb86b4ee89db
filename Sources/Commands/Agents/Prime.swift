import ArgumentParser
import CommandKit
import Hooks
import Team

package struct PrimeVerb: HotVerb {
    package static let configuration = CommandConfiguration(
        verb: "prime", abstract: "Print an agent's briefing.")
    @OptionGroup package var common: Common
    package init() {}
    package static var words: [Word<Self>] { [] }

    package func run(_ tool: CommandContext) throws {
        let name = try tool.caller()
        let text = try tool.team().priming(name)
        if tool.common.quiet { return }
        if tool.common.json {
            Output.json(["name": .string(name), "text": .string(text)])
        } else {
            Output.raw(Array(text.utf8))
        }
    }
}
