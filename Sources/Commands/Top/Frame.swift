import Bus
import Screen

/// The whole screen as rows: a line of what there is, the list, the detail beside or below it, and a line of what can
/// be done.
struct Frame {
    /// What is needed to draw, apart from the list and the detail.
    let desk: Desk
    let keys: Keys
    let counts: [String: Int]
    let problem: String?
    let rows: Int
    let columns: Int

    /// How the room between first and last line is divided.
    var split: (list: (rows: Int, columns: Int), detail: (rows: Int, columns: Int, row: Int, column: Int)?) {
        let body = max(0, rows - 2)
        if desk.view.tabs.isEmpty { return ((body, columns), nil) }
        if desk.isZoomed { return ((0, 0), (body, columns, 1, 0)) }
        if columns >= 110 {
            let list = columns * 11 / 20
            return ((body, list), (body, columns - list - 1, 1, list + 1))
        }
        if body >= 16 {
            let list = max(6, body * 2 / 5)
            return ((list, columns), (body - list, columns, 1 + list, 0))
        }
        return ((body, columns), nil)
    }

    /// Puts it all together. `list` and `detail` have as many rows as `split` says, or less.
    func compose(list: [Row], detail: [Row]) -> (rows: [Row], cursor: (row: Int, column: Int)?) {
        let split = split
        var out = [bar()]
        for n in 0..<max(0, rows - 2) {
            var row = Row()
            if split.list.rows > 0, n < split.list.rows {
                if n < list.count { row = list[n] }
                row.cut(split.list.columns)
            }
            if let place = split.detail, n + 1 >= place.row {
                let at = n + 1 - place.row
                if place.column > 0 {
                    row.pad(to: place.column - 1, row.fill)
                    row.fill = .plain
                    row.add("│", .dim)
                }
                if at < detail.count {
                    var piece = detail[at]
                    piece.cut(place.columns)
                    row.add(piece)
                    if place.column == 0 { row.fill = piece.fill }
                }
            }
            out.append(row)
        }
        guard rows > 1 else { return (out, nil) }
        let (last, cursor) = foot()
        out.append(last)
        return (out, cursor.map { (rows - 1, $0) })
    }

    /// The views' names as the first line has them, from its left. Where there is no room for all of them only the one
    /// that is shown has its name.
    var labels: [(view: View, text: String)] {
        let named = View.allCases.enumerated().map { n, view in
            (
                view: view, number: n + 1,
                count: [.asks: "asks", .merge: "queue", .mail: "mail", .agents: "agents"][view].flatMap { counts[$0] }
                    ?? 0
            )
        }
        let whole = named.map {
            (view: $0.view, text: " \($0.number) \($0.view.title)" + ($0.count > 0 ? " \($0.count) " : " "))
        }
        if whole.map(\.text.count).reduce(0, +) <= columns { return whole }
        return zip(named, whole).map { short, long in
            long.view == desk.view
                ? long : (short.view, " \(short.number)" + (short.count > 0 ? ":\(short.count) " : " "))
        }
    }

    /// The counts at the right end of the first line, the conflicts last.
    private var tally: String {
        let parts = ["working", "idle", "waiting", "stuck", "dead", "ready", "blocked", "conflicts"].compactMap {
            name -> String? in
            counts[name].flatMap { $0 > 0 ? Bus.counted($0, name) : nil }
        }
        return parts.joined(separator: ", ") + " "
    }

    /// Whether the first line has the number of conflicts in a column.
    func hasConflicts(at column: Int) -> Bool {
        guard let count = counts["conflicts"], count > 0, problem == nil else { return false }
        return column >= columns - 1 - Bus.counted(count, "conflicts").count
    }

    private func bar() -> Row {
        let back = Style.reversed
        var row = Row()
        row.fill = back
        for (view, label) in labels {
            row.add(
                label,
                view == desk.view
                    ? Style {
                        $0.isReversed = true
                        $0.isBold = true
                        $0.isUnderlined = true
                    } : back)
        }
        // Rows that are not shown must not be taken for none.
        if let filter = desk.filter[desk.view], !filter.isEmpty, desk.input?.purpose != .filter {
            row.add(" ")
            var sign = Row("/\(filter)")
            sign.cut(24)
            row.add(
                sign.text,
                Style {
                    $0.isReversed = true
                    $0.foreground = .index(3)
                    $0.isBold = true
                })
            row.add(" ", back)
        }
        if let problem {
            row.add(
                " ! \(problem)",
                Style {
                    $0.isReversed = true
                    $0.foreground = .index(1)
                    $0.isBold = true
                })
        } else {
            let (clean, width) = Cells.clean(tally)
            if row.width + width < columns {
                row.pad(to: columns - width, back)
                row.add(clean, back)
            }
        }
        return row
    }

    private func foot() -> (Row, cursor: Int?) {
        if let input = desk.input {
            // What went wrong with the text goes before what it is for.
            var row = Row(input.trouble.map { "\($0):" } ?? input.prompt, .bold)
            // Room for what is typed.
            if !input.purpose.isChoice { row.cut(max(columns / 2, columns - 60)) }
            row.add(" ")
            guard input.purpose.isChoice else {
                let before = Row(String(String.UnicodeScalarView(input.text.unicodeScalars.prefix(input.at))))
                var text = Row(input.text)
                // What is typed last stays in sight.
                let room = max(1, columns - row.width - 1)
                let hidden = max(0, before.width - room)
                text = text.dropping(hidden)
                let cursor = row.width + before.width - hidden
                row.add(text)
                return (row, min(cursor, columns - 1))
            }
            return (row, nil)
        }
        if !desk.message.isEmpty { return (Row(desk.message), nil) }
        var row = Row()
        for action in hints {
            guard let key = keys.key(action), let help = keys.bindings.first(where: { $0.action == action })?.help
            else { continue }
            row.add("\(key) ", .bold)
            row.add("\(help.split(separator: ",").first ?? "")  ", .dim)
        }
        return (row, nil)
    }

    private var hints: [String] {
        let own: [String]
        switch desk.view {
        case .agents: own = ["new", "attach", "send", "waiting", "stop"]
        case .tasks: own = ["new-task", "cancel", "group"]
        case .asks: own = ["approve", "reject", "answer"]
        case .merge: own = ["approve", "reject", "retry"]
        case .mail: own = ["reply", "acknowledge"]
        case .day, .cost: own = []
        }
        return ["help", "quit"] + own + ["filter"]
    }
}
