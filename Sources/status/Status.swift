import ArgumentParser
import Bus
import Tool

public struct StatusVerb: Verb {
    public static let configuration = CommandConfiguration(
        verb: "status", abstract: "Print one line on the whole team.")
    @OptionGroup public var common: Common
    @Option(name: .long, help: ArgumentHelp("The line, with %(NAME) for numbers: working, idle, waiting, dead, agents, ready, blocked, claimed, review, asks, mail, queue, conflicts.", valueName: "f"))
    var format: String?
    public init() {}

    public func run(_ tool: Tool) throws { try StatusVerb.show(tool, format: format) }

    public static func show(_ tool: Tool, format: String? = nil) throws {
        let counts = try tool.bus().counts()
        if tool.common.quiet { return }
        if tool.common.json { return Out.json(counts.map { ($0.name, .int($0.count)) }) }
        if let format { return Out.line(try fill(format, counts)) }
        func count(_ name: String) -> Int { counts.first { $0.name == name }?.count ?? 0 }
        func some(_ names: [String]) -> String { names.filter { count($0) > 0 }.map { "\(count($0)) \($0)" }.joined(separator: " ") }
        let groups = [
            some(["working", "idle", "waiting", "stuck", "dead"]), some(["ready", "claimed", "blocked", "review"]), some(["asks", "mail", "conflicts"]),
        ].filter { !$0.isEmpty }
        let line = groups.isEmpty ? "nothing to do" : groups.joined(separator: " | ")
        Out.line(line)
        try tool.bus().keepStatus(line)
    }

    private static func fill(_ format: String, _ counts: [(name: String, count: Int)]) throws -> String {
        var out = ""
        var rest = Substring(format)
        while let start = rest.range(of: "%(") {
            out += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: ")") else { throw Failure.usage("no ) after %( in '\(Names.shown(format))'") }
            let name = rest[start.upperBound..<end]
            guard let found = counts.first(where: { $0.name == name }) else {
                throw Failure.usage("no number '\(Names.shown(String(name)))': use " + counts.map(\.name).joined(separator: ", "))
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
