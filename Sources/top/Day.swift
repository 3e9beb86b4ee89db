import Bus
import Screen

extension Spans {
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
            for span in all where span.agent == agent && (span.to ?? to) >= from {
                let (start, end) = (column(span.from), max(column(span.to ?? to), column(span.from) + 1))
                let at = names + 1 + start
                guard at >= row.width else { continue }
                row.pad(to: at)
                let style = Style {
                    $0.isReversed = true
                    $0.foreground = .index(span.end == "claimed" ? 2 : span.isLost ? 1 : 4)
                }
                row.add("\(span.task) \(titles(span.task))", columns: min(end, room) - start, style)
            }
            items.append(Item("0/\(agent)", ["": row]))
        }
        return items
    }
}
