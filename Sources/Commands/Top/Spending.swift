import Bus
import Screen

/// What the agents of all projects have used, read again when something more was.
final class Spending {
    /// Sums of money and tokens, in the order of `Usage.fields`.
    struct Sums {
        var parts = Usage.fields.map { _ in Sum() }
        var models = Set<String>()

        mutating func add(_ spent: Bus.Spent) {
            for (n, field) in Usage.fields.enumerated() { parts[n].add(spent.used[keyPath: field]) }
            if let model = spent.model { models.insert(model) }
        }

        var money: Sum { parts[0] }
    }

    private let sources: [Source]
    private var stamps: [String?] = []
    /// By the agents' keys, since they were made or made again, and by day.
    private(set) var agents: [String: Sums] = [:]
    private(set) var days: [String: Sums] = [:]
    private(set) var total = Sums()

    init(_ sources: [Source]) { self.sources = sources }

    func read() throws {
        let now = try sources.map { try $0.bus.spentTodayChanged().map { "\($0.day) \($0.changed)" } }
        guard now != stamps else { return }
        stamps = now
        (agents, days, total) = ([:], [:], Sums())
        for (n, source) in sources.enumerated() {
            for spent in try source.bus.spent() {
                agents["\(n)/\(spent.agent)", default: Sums()].add(spent)
                days[spent.day, default: Sums()].add(spent)
                total.add(spent)
            }
        }
    }

    static func text(_ sum: Sum) -> String { sum.known.map { "\($0)" + (sum.isPartial ? "+" : "") } ?? "-" }
    static func money(_ sum: Sum) -> String { sum.known.map { Money.text($0) + (sum.isPartial ? "+" : "") } ?? "-" }

    func items(_ names: (String) -> String) -> [Item] {
        func item(_ key: String, _ name: String, _ sums: Sums) -> Item {
            Item(
                key,
                [
                    "of": Row(name, .bold), "money": Row(Spending.money(sums.money)),
                    "input": Row(Spending.text(sums.parts[1])), "cached": Row(Spending.text(sums.parts[2])),
                    "output": Row(Spending.text(sums.parts[3])),
                    "models": Row(sums.models.sorted().joined(separator: ", "), .dim),
                ])
        }
        if total == Sums() { return [] }
        return [item("total", "all", total), .heading("by day")]
            + days.sorted { $0.key > $1.key }.map { item($0.key, $0.key, $0.value) }
            + [.heading("by agent")]
            + agents.sorted { ($0.value.money.known ?? -1, $1.key) > ($1.value.money.known ?? -1, $0.key) }.map {
                item($0.key, names($0.key), $0.value)
            }
    }
}

extension Spending.Sums: Equatable {}
