import Screen

/// One line of a list: a heading, or something that can be chosen.
struct Item {
    /// Nil for a heading.
    let key: String?
    /// By the names of the columns. A heading has one text.
    var cells: [String: Row]
    var indent = 0

    init(_ key: String?, _ cells: [String: Row], indent: Int = 0) {
        self.key = key
        self.cells = cells
        self.indent = indent
    }

    static func heading(_ text: String) -> Item { Item(nil, ["": Row(text, .bold)]) }

    var text: String { cells.values.map(\.text).joined(separator: " ") }
}

/// Columns beside each other. Where not all fit, those that matter least are left out, and the wide ones share what is
/// left.
struct Table {
    struct Column {
        let name: String
        /// Columns that it takes, or at least and at most, if it takes what is left.
        let width: ClosedRange<Int>
        /// The smaller, the sooner it is left out.
        let weight: Int
        var right = false

        init(_ name: String, _ width: ClosedRange<Int>, _ weight: Int, right: Bool = false) {
            self.name = name
            self.width = width
            self.weight = weight
            self.right = right
        }
    }

    let columns: [Column]

    /// With no column wider than what is in it.
    func fitted(_ items: [Item]) -> Table {
        Table(
            columns: columns.enumerated().map { n, column in
                let widest =
                    items.map { ($0.cells[column.name]?.width ?? 0) + (n == 0 ? 2 * min($0.indent, 8) : 0) }.max() ?? 0
                let upper = max(column.width.lowerBound, min(column.width.upperBound, widest))
                return Column(column.name, column.width.lowerBound...upper, column.weight, right: column.right)
            })
    }

    /// How many columns of the screen each takes, of those that fit.
    func widths(_ room: Int) -> [(column: Column, width: Int)] {
        var kept = columns
        func needed() -> Int { kept.map(\.width.lowerBound).reduce(0, +) + max(0, kept.count - 1) }
        while kept.count > 1, needed() > room {
            guard let least = kept.indices.min(by: { kept[$0].weight < kept[$1].weight }) else { break }
            kept.remove(at: least)
        }
        var widths = kept.map(\.width.lowerBound)
        var left = room - needed()
        if left < 0 { widths = [max(0, room)] }
        // Who may grow grows in turn, by what matters most.
        for n in kept.indices.sorted(by: { kept[$0].weight > kept[$1].weight }) where left > 0 {
            let more = min(left, kept[n].width.upperBound - widths[n])
            widths[n] += more
            left -= more
        }
        return Array(zip(kept, widths)).map { (column: $0, width: $1) }
    }

    func header(_ widths: [(column: Column, width: Int)]) -> Row {
        var row = Row()
        for (n, (column, width)) in widths.enumerated() {
            if n > 0 { row.add(" ", .dim) }
            row.add(column.name, columns: width, .dim, right: column.right)
        }
        return row
    }

    func row(_ item: Item, _ widths: [(column: Column, width: Int)]) -> Row {
        var row = Row()
        guard item.key != nil else { return item.cells[""] ?? row }
        for (n, (column, width)) in widths.enumerated() {
            if n > 0 { row.add(" ") }
            var cell = Row()
            if n == 0, item.indent > 0 { cell.add(String(repeating: "  ", count: min(item.indent, 8))) }
            if let content = item.cells[column.name] { cell.add(content) }
            cell.cut(width)
            let blanks = String(repeating: " ", count: max(0, width - cell.width))
            if column.right { row.add(blanks) }
            row.add(cell)
            if !column.right { row.add(blanks) }
        }
        return row
    }
}
