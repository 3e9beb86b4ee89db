import ArgumentParser
import Glibc
import Screen

// Lists for a person. Through a pipe a list is records with tabs between the fields, for scripts. On a terminal the
// same records are columns below a header, which fit the terminal's width: the widest columns are cut to one width,
// except the first, whose names other verbs take. A colour only repeats what a word says.

/// How what is printed looks.
package struct Look: ParsableArguments {
    package enum When: String, ExpressibleByArgument, CaseIterable { case auto, always, never }

    @Option(name: .long, help: ArgumentHelp("Colours and columns: auto, always or never.", valueName: "when"))
    package var color: When = .auto

    package init() {}

    /// Whether it is for a person's eyes: on a terminal, or as it would be there.
    package var isShown: Bool { Output.isTerminal || color == .always }
    /// Whether it has colours.
    package var hasColors: Bool { color == .always || color == .auto && Output.colors }
}

struct Table {
    let heads: [String]
    let hasColors: Bool
    private var rows: [[(text: String, columns: Int)]] = []
    private var widths: [Int]
    private var isBegun = false

    /// What is said in place of a list that is empty.
    let empty: String?
    /// Whether what there is should be drawn: of a long list columns may grow on the way.
    var isFull: Bool { rows.count >= 1000 }
    var isEmpty: Bool { rows.isEmpty && !isBegun }

    init(_ heads: [String], colors: Bool, empty: String?) {
        Cells.setLocale()
        self.heads = heads
        hasColors = colors
        self.empty = empty
        widths = heads.map(\.utf8.count)
    }

    mutating func add(_ fields: [String]) {
        let row = (fields + Array(repeating: "", count: max(0, heads.count - fields.count))).prefix(heads.count).map(
            Cells.clean)
        for (at, cell) in row.enumerated() where at < widths.count { widths[at] = max(widths[at], cell.columns) }
        rows.append(row)
    }

    /// The rows that were added since, and before the first of all the header.
    mutating func drawn() -> String {
        guard !rows.isEmpty else { return "" }
        let widths = Table.fitting(widths, Table.columns())
        // Numbers stand below each other by their last digit.
        let right = heads.indices.map { at in at > 0 && isNumeric(at) }
        var out = ""
        if !isBegun { out += line(heads.map { ($0, $0.utf8.count) }, widths, right) { _, _ in "1" } }
        isBegun = true
        for row in rows {
            out += line(row, widths, right) { at, text in
                if text == "-" { return "2" }
                return heads[at] == "STATE" ? Table.color(of: text) : nil
            }
        }
        rows = []
        return out
    }

    private func isNumeric(_ at: Int) -> Bool {
        rows.contains { $0[at].text.contains(where: \.isNumber) }
            && rows.allSatisfy { $0[at].text.allSatisfy { "0123456789.+%-".contains($0) } }
    }

    private func line(
        _ row: [(text: String, columns: Int)], _ widths: [Int], _ right: [Bool], color: (Int, String) -> String?
    ) -> String {
        var out = ""
        for (at, cell) in row.enumerated() {
            let room = widths[at]
            let text = cell.columns > room ? Cells.cut(cell.text, to: room) : cell
            let blanks = String(repeating: " ", count: max(0, room - text.columns))
            if right[at] { out += blanks }
            if hasColors, let color = color(at, cell.text) {
                out += "\u{1b}[\(color)m\(text.text)\u{1b}[m"
            } else {
                out += text.text
            }
            if at < row.count - 1 { out += (right[at] ? "" : blanks) + "  " }
        }
        return out + "\n"
    }

    /// Narrows the widest columns after the first to one width, so that all fit with two blanks between them.
    static func fitting(_ widths: [Int], _ columns: Int?) -> [Int] {
        guard let columns, widths.count > 1 else { return widths }
        let room = columns - widths[0] - 2 * (widths.count - 1)
        var most = widths.dropFirst().max() ?? 0
        while most > 4, widths.dropFirst().reduce(0, { $0 + min($1, most) }) > room { most -= 1 }
        return [widths[0]] + widths.dropFirst().map { min($0, most) }
    }

    /// Of a state, by its first word.
    private static func color(of state: String) -> String? {
        switch state.prefix(while: { $0.isLetter }) {
        case "working", "claimed", "starting": "32"
        case "review", "queued", "gating", "gated", "landing", "unread": "36"
        case "waiting", "stuck", "held", "blocked", "deferred", "frozen": "33"
        case "failed", "dead", "quarantined", "rejected": "31"
        case "done", "landed", "cancelled", "resting", "read": "2"
        default: nil
        }
    }

    /// Columns of the terminal, or as `COLUMNS` says; nil if nothing tells. The C function is `ioctl` with
    /// `TIOCGWINSZ`.
    private static func columns() -> Int? {
        var size = winsize()
        if ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        return getenv("COLUMNS").flatMap { Int(String(cString: $0)) }
    }
}
