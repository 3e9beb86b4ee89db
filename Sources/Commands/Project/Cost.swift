import ArgumentParser
import Bus
import CommandKit
import Storage

package struct CostVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "cost", abstract: "Print the usage of the agents: money and tokens.")
    @OptionGroup package var common: Common
    @Option(name: .long, help: "Group by agent, task, role or day. Default: one total.") var by: String?
    @OptionGroup var look: Look
    package init() {}

    /// What is told of one agent, task, role or day.
    private struct Row {
        var name: String?
        var sums = Usage.fields.map { _ in Sum() }
        var models = Set<String>()

        mutating func add(_ used: Usage) {
            for (at, field) in Usage.fields.enumerated() { sums[at].add(used[keyPath: field]) }
        }
    }

    package func run(_ tool: CommandContext) throws {
        let key: (Bus.Spent) -> String?
        switch by {
        case nil: key = { _ in "total" }
        case "agent": key = { $0.agent }
        case "task": key = { $0.task.map(String.init) }
        case "role": key = { $0.role }
        case "day": key = { $0.day }
        case let other?: throw Failure.usage("no cost by '\(Names.shown(other))': use agent, task, role or day")
        }
        let bus = try tool.bus()
        var rows: [Row] = []
        func at(_ name: String?) -> Int {
            if let at = rows.firstIndex(where: { $0.name == name }) { return at }
            rows.append(Row(name: name))
            return rows.count - 1
        }
        for part in try bus.spent() {
            let row = at(key(part))
            rows[row].add(part.used)
            if let model = part.model { rows[row].models.insert(model) }
        }
        // Who has used nothing that is known is there as well.
        if by == "agent" { for name in try bus.agentNames() { _ = at(name) } }
        tool.table(
            look,
            [(by ?? "of").uppercased(), "MONEY", "INPUT", "CACHED", "OUTPUT"] + (by == "agent" ? ["CONTEXT"] : []) + [
                "MODELS"
            ], empty: "nothing was used")
        for row in rows.sorted(by: CostVerb.isBefore) { try show(tool, bus, row) }
    }

    /// Tasks by their numbers, what is none last.
    private static func isBefore(_ a: Row, _ b: Row) -> Bool {
        guard let one = a.name, let other = b.name else { return a.name != nil }
        if let one = Int(one), let other = Int(other) { return one < other }
        return one < other
    }

    private func show(_ tool: CommandContext, _ bus: Bus, _ row: Row) throws {
        let isAgent = by == "agent"
        let fill = try isAgent ? row.name.flatMap(bus.fill) : nil
        let context = fill?.context
        let models = row.models.sorted()
        let words = row.sums.enumerated().map { at, sum in
            (sum.known.map { at == 0 ? Money.text($0) : "\($0)" } ?? "-")
                + (sum.known != nil && sum.isPartial ? "+" : "")
        }
        let name: JSONValue = by == "task" ? .number(row.name) : row.name.map { .string($0) } ?? .number(nil)
        var fields: [(String, JSONValue)] = [(by ?? "of", name)]
        for (at, what) in ["money", "input", "cached", "output"].enumerated() {
            fields.append((what, .number(row.sums[at].known.map { at == 0 ? Money.text($0, places: 6) : "\($0)" })))
        }
        fields.append(
            (
                "partial",
                .list(
                    zip(["money", "input", "cached", "output"], row.sums).filter { $0.1.known != nil && $0.1.isPartial }
                        .map { .string($0.0) })
            ))
        if isAgent { fields.append(("context", .number(context.map(String.init)))) }
        fields.append(("models", .list(models.map { .string($0) })))
        if tool.common.quiet { return }
        if tool.common.json { return Output.json(fields) }
        Output.line(
            fields: [row.name ?? "-"] + words + (isAgent ? [context.map { "\($0)%" } ?? "-"] : []) + [
                models.isEmpty ? "-" : models.joined(separator: ",")
            ])
    }
}
