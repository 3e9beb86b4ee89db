import Bus
import Screen

/// Who worked on what when: a row for each agent with bars of time, above them an axis.
struct Day {
    /// Of each project, in the order of the sources.
    var spans: [Spans] = []

    /// The last 24 hours, or less where nothing is older, but never less than ten minutes. `title` is asked with a task's
    /// key, `0/12`; agents of several projects are called by project, too.
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
                for span in spans.all where span.agent == agent && (span.to ?? now) >= from {
                    let (start, end) = (column(span.from), max(column(span.to ?? now), column(span.from) + 1))
                    let at = names + 1 + start
                    guard at >= row.width else { continue }
                    row.pad(to: at)
                    let style = Style {
                        $0.isReversed = true
                        $0.foreground = .index(span.end == "claimed" ? 2 : span.isLost ? 1 : 4)
                    }
                    row.add("\(span.task) \(title("\(project)/\(span.task)"))", columns: min(end, room) - start, style)
                }
                items.append(Item("\(project)/\(agent)", ["": row]))
            }
        }
        return items
    }
}
