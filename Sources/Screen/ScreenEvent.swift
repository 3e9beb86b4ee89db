/// What a terminal tells.
package enum ScreenEvent: Equatable {
    case key(Key)
    /// A click, or a turn of the wheel, at a place counted from 0.
    case mouse(Mouse, row: Int, column: Int)
    /// Text that was pasted, of terminals that tell.
    case paste(String)
    /// The screen has another size.
    case resize
    /// The terminal is gone.
    case end

    package enum Mouse: Equatable { case click, doubleClick, wheelUp, wheelDown }
}

/// A key by the name that tmux(1) has for it: `a`, `A`, `Space`, `Enter`, `Up`, `C-a`, `M-x`, `F1`, `PgUp`.
package struct Key: Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let name: String

    package init(stringLiteral name: String) { self.name = name }
    package var description: String { name }

    /// The character that it types; nil if it types none.
    package var character: String? {
        if name == "Space" { return " " }
        return name.unicodeScalars.count == 1 ? name : nil
    }

    /// The key of this name; nil if there is none.
    package init?(named name: String) {
        var rest = Substring(name)
        while rest.hasPrefix("C-") || rest.hasPrefix("M-") || rest.hasPrefix("S-") { rest = rest.dropFirst(2) }
        guard rest.unicodeScalars.count == 1 || Key.names.contains(String(rest)) else { return nil }
        self.name = name
    }

    private static let names: Set<String> = [
        "Space", "Enter", "Tab", "BTab", "Escape", "BSpace", "Up", "Down", "Left", "Right", "Home", "End", "PgUp",
        "PgDn", "IC", "DC",
        "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12",
    ]
}
