import ArgumentParser
import Bus
import Tool

public struct InitVerb: Verb {
    public static let configuration = CommandConfiguration(
        verb: "init", abstract: "Make the bus of this repository.")
    @OptionGroup public var common: Common
    public init() {}

    public func run(_ tool: Tool) throws {
        let bus = try tool.busOrNew()
        tool.print([bus.root.string], json: ["bus": .string(bus.root.string), "id": .string(bus.identity)])
    }
}
