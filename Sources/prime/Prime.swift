import ArgumentParser
import Team
import Tool

public struct PrimeVerb: Verb {
    public static let configuration = CommandConfiguration(
        verb: "prime", abstract: "Print what an agent must know now.")
    @OptionGroup public var common: Common
    public init() {}

    public func run(_ tool: Tool) throws {
        let name = try tool.caller()
        let text = try tool.team().priming(name)
        if tool.common.quiet { return }
        if tool.common.json {
            Out.json(["name": .string(name), "text": .string(text)])
        } else {
            Out.raw(Array(text.utf8))
        }
    }
}
