import ArgumentParser
import Bus
import CommandKit
import Storage

package struct PeekVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "peek", abstract: "Print the screen of an agent.")
    @OptionGroup package var common: Common
    @Option(
        name: .customShort("n", allowingJoined: true),
        help: "The number of last lines, with scrollback. Default: the screen.") var n: String?
    @Argument(help: "The agent.") var name: String
    package init() {}

    package func run(_ tool: CommandContext) throws {
        let lines = try n.map { text -> Int in
            guard let n = Int(text), n > 0 else { throw Failure.usage("bad number of lines '\(Names.shown(text))'") }
            return n
        }
        try tool.checkUsage(agents: [name])
        var all = try tool.screen(of: name, lines: lines).split(separator: "\n", omittingEmptySubsequences: false)
        while all.last?.allSatisfy(\.isWhitespace) ?? false { all.removeLast() }
        for line in lines.map({ all.suffix($0) }) ?? all[...] {
            tool.print([String(line)], json: ["line": .string(String(line))])
        }
    }
}
