import Bus
import CNcurses
import Glibc
import Storage

/// A terminal as a grid of cells, by ncurses(3X). There is one at a time, used by one thread.
package final class Screen {
    package private(set) var rows = 0
    package private(set) var columns = 0
    /// Whether colours are used: not where the terminal has none, or `NO_COLOR` is set.
    package let hasColors: Bool

    private var drawn: [Row] = []
    private var pairs: [UInt32: Int32] = [:]
    /// What has come of a text that is being pasted, and when the last of it came.
    private var pasted: (text: String, time: Double)?

    /// Takes over the terminal at the standard descriptors. Throws `Failure.unsure` if there is none, or none that is
    /// known.
    package init() throws {
        guard isatty(0) == 1, isatty(1) == 1 else { throw Failure.unsure("not a terminal") }
        Restoring.remember()
        Cells.setLocale()
        let term = getenv("TERM").map { String(cString: $0) } ?? ""
        // tmux's own entries describe a mouse that reaches no further than column 222.
        let names =
            (term.hasPrefix("tmux") || term.hasPrefix("screen") ? ["xterm-256color"] : []) + [
                term, "xterm-256color", "xterm", "vt100",
            ]
        guard names.contains(where: { cncurses_newterm($0) != nil }) else {
            throw Failure.unsure(
                "the terminal '\(Names.shown(term))' is not known here, nor is xterm: set TERMINFO to where "
                    + "terminfo(5) files are"
            )
        }
        guard Screen.capability("cup") != nil else {
            endwin()
            throw Failure.unsure(
                "the terminal '\(Names.shown(term))' has no screen: 'cadre top --plain' prints the rows")
        }
        hasColors = getenv("NO_COLOR") == nil && has_colors()
        if hasColors {
            start_color()
            use_default_colors()
        }
        raw()
        noecho()
        nonl()
        curs_set(0)
        set_escdelay(25)
        let window = cncurses_screen()
        keypad(window, true)
        nodelay(window, true)
        // The whole screen is drawn anew row by row, and by what differs.
        idlok(window, true)
        leaveok(window, true)
        mousemask(cncurses_all_events(), nil)
        mouseinterval(0)
        // xterm's bracketed paste, of terminals whose terminfo(5) tells of it.
        for (name, code) in [("PS", Screen.pasteBegins), ("PE", Screen.pasteEnds)] {
            if let sequence = Screen.capability(name) { define_key(sequence, code) }
        }
        bracket(true)
        Restoring.begin()
        measure()
    }

    private static let pasteBegins: Int32 = 0o2000
    private static let pasteEnds: Int32 = 0o2001

    /// A string of the terminal's description; nil if it has none. The C function is tigetstr(3X).
    private static func capability(_ name: String) -> UnsafeMutablePointer<CChar>? {
        let found = name.withCString { tigetstr(UnsafeMutablePointer(mutating: $0)) }
        // -1 for what is no string.
        return Int(bitPattern: found) == -1 ? nil : found
    }

    /// Whether pasted text is told from keys.
    private func bracket(_ isOn: Bool) {
        guard let sequence = Screen.capability(isOn ? "BE" : "BD") else { return }
        putp(sequence)
        cncurses_flush()
    }

    /// Gives the terminal back as it was.
    package func close() {
        bracket(false)
        Restoring.end()
        endwin()
    }

    /// Gives the terminal to something else meanwhile.
    package func lend<T>(_ body: () throws -> T) rethrows -> T {
        bracket(false)
        Restoring.end()
        endwin()
        defer {
            Restoring.begin()
            bracket(true)
            redraw()
        }
        return try body()
    }

    /// Draws all again, whatever the terminal shows.
    package func redraw() {
        measure()
        drawn = []
        clearok(cncurses_screen(), true)
    }

    private func measure() {
        rows = Int(cncurses_lines())
        columns = Int(cncurses_columns())
    }

    /// Shows these rows, from the top; what is behind them is blank. `cursor`: where it blinks, if anywhere.
    package func draw(_ rows: [Row], cursor: (row: Int, column: Int)? = nil) {
        let window = cncurses_screen()
        var shown = rows.prefix(self.rows).map { row in
            var row = row
            row.cut(columns)
            return row
        }
        while shown.count < self.rows { shown.append(Row()) }
        for (y, row) in shown.enumerated() where y >= drawn.count || drawn[y] != row {
            wmove(window, Int32(y), 0)
            for piece in row.pieces {
                set(piece.style)
                waddnstr(window, piece.text, -1)
            }
            guard row.width < columns else { continue }
            set(row.fill)
            if row.fill == .plain {
                wclrtoeol(window)
            } else {
                waddnstr(window, String(repeating: " ", count: columns - row.width), -1)
            }
        }
        drawn = shown
        leaveok(window, cursor == nil)
        curs_set(cursor == nil ? 0 : 1)
        if let cursor { wmove(window, Int32(cursor.row), Int32(cursor.column)) }
        wrefresh(window)
    }

    /// Styles of curs_attr(3X): the bits are those of `NCURSES_BITS`, which C has as macros.
    private func set(_ style: Style) {
        var bits: attr_t = 0
        func add(_ isOn: Bool, _ bit: Int) { if isOn { bits |= attr_t(1) << (bit + 8) } }
        add(style.isUnderlined, 9)
        add(style.isReversed, 10)
        add(style.isDim, 12)
        add(style.isBold, 13)
        add(style.isItalic, 23)
        var pair = self.pair(style.foreground, style.background)
        withUnsafeMutablePointer(to: &pair) { _ = wattr_set(cncurses_screen(), bits, 0, UnsafeMutableRawPointer($0)) }
    }

    /// The number of a pair of colours, which is made the first time. Where there is room for no more, the plain one.
    private func pair(_ foreground: Style.Color, _ background: Style.Color) -> Int32 {
        func number(_ color: Style.Color) -> Int32 {
            guard case .index(let index) = color else { return -1 }
            let count = cncurses_colors()
            if Int32(index) < count { return Int32(index) }
            // Of the bright ones the dark; of a palette that is not there none.
            return index < 16 ? Int32(index) % 8 : -1
        }
        guard hasColors, foreground != .plain || background != .plain else { return 0 }
        let (f, b) = (number(foreground), number(background))
        let key = UInt32(UInt16(bitPattern: Int16(f))) << 16 | UInt32(UInt16(bitPattern: Int16(b)))
        if let known = pairs[key] { return known }
        let next = Int32(pairs.count + 1)
        guard next < cncurses_pairs(), init_extended_pair(next, f, b) == 0 else { return 0 }
        pairs[key] = next
        return next
    }

    // MARK: what comes

    /// The next event from the terminal; nil if there is none yet. When descriptor 0 is readable, call it until it
    /// returns nil.
    package func next() -> ScreenEvent? {
        let window = cncurses_screen()
        while true {
            var code = wint_t()
            let kind = wget_wch(window, &code)
            if kind == -1 {
                // A paste whose end never came does not keep the keys.
                if let (text, time) = pasted, Time.monotonic() - time > 1 {
                    pasted = nil
                    return .paste(text)
                }
                return nil
            }
            if kind == 0, var text = pasted?.text {
                let scalar: Unicode.Scalar? = code == 13 ? "\n" : Unicode.Scalar(UInt32(code))
                if let scalar { text.unicodeScalars.append(scalar) }
                pasted = (text, Time.monotonic())
                continue
            }
            if kind == 0 {
                if code == 27 {
                    // A key that came with Meta held down follows at once.
                    var more = wint_t()
                    guard wget_wch(window, &more) == 0 else { return .key("Escape") }
                    return .key(Key(stringLiteral: "M-" + Screen.name(more)))
                }
                return .key(Key(stringLiteral: Screen.name(code)))
            }
            switch Int32(bitPattern: UInt32(code)) {
            case Screen.pasteBegins: pasted = ("", Time.monotonic())
            case Screen.pasteEnds:
                guard let (text, _) = pasted else { continue }
                pasted = nil
                return .paste(text)
            case _ where pasted != nil: continue
            case 0o632:
                measure()
                return .resize
            case 0o631:
                if let event = mouse() { return event }
            case let other:
                return .key(Key(stringLiteral: name(ofKey: other)))
            }
        }
    }

    private static func name(_ code: wint_t) -> String {
        switch code {
        case 9: return "Tab"
        case 10, 13: return "Enter"
        case 27: return "Escape"
        case 32: return "Space"
        case 8, 127: return "BSpace"
        case 0: return "C-Space"
        case 1...26: return "C-" + String(UnicodeScalar(UInt8(code) + 96))
        case 28...31: return "C-" + String(UnicodeScalar(UInt8(code) + 64))
        default: return Unicode.Scalar(UInt32(code)).map { String($0) } ?? "?"
        }
    }

    /// The keys that have codes, by curs_getch(3X); those with modifiers have names that terminfo extends.
    private func name(ofKey code: Int32) -> String {
        switch code {
        case 0o402: return "Down"
        case 0o403: return "Up"
        case 0o404: return "Left"
        case 0o405: return "Right"
        case 0o406: return "Home"
        case 0o407: return "BSpace"
        case 0o411...0o424: return "F\(code - 0o410)"
        case 0o512: return "DC"
        case 0o513: return "IC"
        case 0o522: return "PgDn"
        case 0o523: return "PgUp"
        case 0o527: return "Enter"
        case 0o541: return "BTab"
        case 0o550: return "End"
        default: break
        }
        guard let name = keyname(code).map({ String(cString: $0) }) else { return "?" }
        let kinds = [
            "kUP": "Up", "kDN": "Down", "kLFT": "Left", "kRIT": "Right", "kHOM": "Home", "kEND": "End", "kNXT": "PgDn",
            "kPRV": "PgUp",
        ]
        let modifiers = ["3": "M-", "4": "M-S-", "5": "C-", "6": "C-S-", "7": "C-M-"]
        for (kind, plain) in kinds where name.hasPrefix(kind) {
            return (modifiers[String(name.dropFirst(kind.count))] ?? "S-") + plain
        }
        return name
    }

    private func mouse() -> ScreenEvent? {
        var event = MEVENT()
        guard getmouse(&event) == 0 else { return nil }
        // Five bits for each button: released, pressed, clicked, double clicked, triple clicked.
        func told(_ button: Int, _ bits: Int) -> Bool { Int(event.bstate) >> ((button - 1) * 5) & bits != 0 }
        let (row, column) = (Int(event.y), Int(event.x))
        if told(4, 0b10) { return .mouse(.wheelUp, row: row, column: column) }
        if told(5, 0b10) { return .mouse(.wheelDown, row: row, column: column) }
        if told(1, 0b1000) { return .mouse(.doubleClick, row: row, column: column) }
        if told(1, 0b110) { return .mouse(.click, row: row, column: column) }
        return nil
    }
}
