import ArgumentParser
import Bus
import CommandKit
import Hooks
import Storage
import Supervision
import Team
import Tmux

package struct StatusVerb: HotVerb {
    package static let configuration = CommandConfiguration(
        verb: "status", abstract: "Print the state of the team, and what waits for you.")
    @OptionGroup package var common: Common
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The line, with %(NAME) for numbers: working, idle, waiting, dead, agents, ready, blocked, claimed, "
                + "review, failed, asks, mail, queue, conflicts.",
            valueName: "f"))
    var format: String?
    @Flag(name: .long, help: "Set the line and its parts in tmux instead of printing it.") var tmux = false
    package init() {}
    package static var words: [Word<Self>] {
        [.option(["--format"]) { $0.format = $1 }, .flag(["--tmux"]) { $0.tmux = $1 }]
    }

    package func run(_ tool: CommandContext) throws {
        if tmux {
            guard try tool.team().show() else {
                throw Failure.no("no tmux server that has loaded the plugin: see cadre-tmux(7)")
            }
            return
        }
        try StatusVerb.show(tool, format: format)
    }

    package static func show(_ tool: CommandContext, format: String? = nil) throws {
        let bus = try tool.bus()
        let team = try bus.team()
        let counts = try bus.counts(team)
        if tool.common.quiet { return }
        if let format, !tool.common.json { return Output.line(try fill(format, counts)) }
        let attention = try Attention.all(bus, team)
        if tool.common.json {
            let waiting = attention.map {
                JSONValue.object([
                    ("subject", .string($0.subject)), ("what", .string($0.what)),
                    ("next", .string($0.next.map(Time.text))), ("wrong", .bool($0.isWrong)),
                ])
            }
            return Output.json(counts.map { ($0.name, .int($0.count)) } + [("attention", .list(waiting))])
        }
        let line = Segments(counts).line
        Output.line(line)
        for one in attention { Output.line(one.subject, one.text) }
        bus.keepStatus(line)
    }

    private static func fill(_ format: String, _ counts: [(name: String, count: Int)]) throws -> String {
        var out = ""
        var rest = Substring(format)
        while let start = rest.range(of: "%(") {
            out += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: ")") else {
                throw Failure.usage("no ) after %( in '\(Names.shown(format))'")
            }
            let name = rest[start.upperBound..<end]
            guard let found = counts.first(where: { $0.name == name }) else {
                throw Failure.usage(
                    "no number '\(Names.shown(String(name)))': use " + counts.map(\.name).joined(separator: ", "))
            }
            out += "\(found.count)"
            rest = rest[rest.index(after: end)...]
        }
        return out + rest
    }
}

extension Substring {
    /// The first place of a text in this one.
    fileprivate func range(of text: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
