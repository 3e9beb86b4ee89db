import Bus
import Screen

/// Who worked on what when: spans of time from a claim to its end, as the journal tells of them.
struct Day {
    struct Span {
        let agent: String
        let task: Int
        let from: Int
        /// Nil while it goes on.
        var to: Int?
        /// `claimed` while it goes on, else how it ended: `submitted`, `done`, `failed`, `released`, `taken`.
        var end = "claimed"
    }

    private(set) var spans: [Span] = []
    /// Work that landed, and when.
    private(set) var landings: [(task: Int, at: Int)] = []

    /// Of these events, oldest first.
    init(_ events: some Sequence<Event>) {
        var open: [Int: Int] = [:]
        for event in events {
            guard let what = event["event"], let task = event["task"].flatMap({ Int($0) }), let time = event["time"].flatMap({ Time.point($0) }) else { continue }
            switch what {
            case "claimed":
                close(&open, task, time, "taken")
                open[task] = spans.count
                spans.append(Span(agent: event["by"] ?? "?", task: task, from: time))
            case "submitted", "done", "failed", "released", "taken", "cancelled": close(&open, task, time, what)
            case "landed":
                close(&open, task, time, "done")
                landings.append((task, time))
            default: break
            }
        }
    }

    private mutating func close(_ open: inout [Int: Int], _ task: Int, _ time: Int, _ how: String) {
        guard let n = open.removeValue(forKey: task) else { return }
        spans[n].to = time
        spans[n].end = how
    }

    var agents: [String] { Array(Set(spans.map(\.agent))).sorted() }

    /// A row for each agent, with bars from `from` to `to` in so many columns.
    func rows(from: Int, to: Int, width: Int, titles: (Int) -> String) -> [Item] {
        let names = 14
        let room = max(1, width - names - 1)
        func column(_ time: Int) -> Int { max(0, min(room, (time - from) * room / max(1, to - from))) }
        var axis = Row(String(repeating: " ", count: names + 1))
        let marks = max(1, room / 12)
        for n in 0..<marks {
            axis.pad(to: names + 1 + n * room / marks)
            axis.add(String(Time.text(from + (to - from) * n / marks).dropFirst(11).prefix(5)), .dim)
        }
        var items = [Item(nil, ["": axis])]
        for agent in agents {
            var row = Row()
            row.add(agent, columns: names, .bold)
            row.add(" ")
            for span in spans where span.agent == agent && (span.to ?? to) >= from {
                let (start, end) = (column(span.from), max(column(span.to ?? to), column(span.from) + 1))
                let at = names + 1 + start
                guard at >= row.width else { continue }
                row.pad(to: at)
                let style = Style {
                    $0.isReversed = true
                    $0.foreground = .index(span.end == "claimed" ? 2 : ["failed", "taken", "released", "cancelled"].contains(span.end) ? 1 : 4)
                }
                row.add("\(span.task) \(titles(span.task))", columns: min(end, room) - start, style)
            }
            items.append(Item("0/\(agent)", ["": row]))
        }
        return items
    }
}
