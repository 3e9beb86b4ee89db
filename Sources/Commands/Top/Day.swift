import Bus
import Screen
import Storage

/// Who worked on what when: a row for each agent with bars of time, above them an axis.
struct Day {
    /// Of each project, in the order of the sources.
    var spans: [Spans] = []

    /// The last 24 hours, or less where nothing is older, but never less than ten minutes. `title` is asked with a
    /// task's key, `0/12`; agents of several projects are called by project, too.
    func items(_ projects: [String], now: Int, width: Int, title: (String) -> String) -> [Item] {
        let first = spans.flatMap(\.all).map(\.from).min() ?? now
        let from = min(max(first, now - 86_400), now - 600)
        let names = 14
        let room = max(1, width - names - 1)
        func column(_ time: Int) -> Int { max(0, min(room, (time - from) * room / (now - from))) }
        var axis = Row(" UTC", .dim)
        let marks = max(1, room / 12)
        for n in 0..<marks {
            axis.pad(to: names + 1 + n * room / marks)
            axis.add(String(Time.text(from + (now - from) * n / marks).dropFirst(11).prefix(5)), .dim)
        }
        var items = [Item(nil, ["": axis])]
        for (project, spans) in spans.enumerated() {
            for agent in spans.agents {
                var row = Row()
                row.add(projects.count > 1 ? "\(projects[project])/\(agent)" : agent, columns: names, .bold)
                row.add(" ")
                let own = spans.all.filter { $0.agent == agent && ($0.to ?? now) >= from }
                for (n, columns) in Day.places(own.map { (column($0.from), column($0.to ?? now)) }, room) {
                    row.pad(to: names + 1 + columns.lowerBound)
                    guard let n else {
                        row.add(
                            "+",
                            Style {
                                $0.isReversed = true
                                $0.isBold = true
                            })
                        continue
                    }
                    let span = own[n]
                    let style = Style {
                        $0.isReversed = true
                        $0.foreground = .index(span.end == "claimed" ? 2 : span.isLost ? 1 : 4)
                    }
                    row.add("\(span.task) \(title("\(project)/\(span.task)"))", columns: columns.count, style)
                }
                items.append(Item("\(project)/\(agent)", ["": row]))
            }
        }
        return items
    }

    /// Assigns columns to spans, from the left. A short span hides a longer one; nil is a column of several spans, of
    /// which at least one has no column of its own.
    private static func places(_ spans: [(from: Int, to: Int)], _ room: Int) -> [(span: Int?, columns: Range<Int>)] {
        let ranges = spans.map { span in
            let first = min(span.from, room - 1)
            return first..<min(max(span.to, first + 1), room)
        }
        var cells = [Int?](repeating: nil, count: room)
        for n in ranges.indices.sorted(by: { (-ranges[$0].count, $0) < (-ranges[$1].count, $1) }) {
            for at in ranges[n] { cells[at] = n }
        }
        var several = Set<Int>()
        for (n, range) in ranges.enumerated() where !range.contains(where: { cells[$0] == n || several.contains($0) }) {
            several.insert(range.lowerBound)
        }
        var out: [(span: Int?, columns: Range<Int>)] = []
        for (at, n) in cells.enumerated() {
            guard let n else { continue }
            if several.contains(at) {
                out.append((nil, at..<at + 1))
            } else if let last = out.last, last.span == n, last.columns.upperBound == at {
                out[out.count - 1].columns = last.columns.lowerBound..<at + 1
            } else {
                out.append((n, at..<at + 1))
            }
        }
        return out
    }
}
