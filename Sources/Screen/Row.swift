/// How characters look.
public struct Style: Hashable {
    public enum Color: Hashable {
        case plain
        /// One of the terminal's palette of 256; the first 8 are the ANSI colours.
        case index(UInt8)
    }

    public var foreground = Color.plain
    public var background = Color.plain
    public var isBold = false
    public var isDim = false
    public var isItalic = false
    public var isUnderlined = false
    public var isReversed = false

    public init() {}

    public static let plain = Style()
    public static let bold = Style { $0.isBold = true }
    public static let dim = Style { $0.isDim = true }
    public static let reversed = Style { $0.isReversed = true }
    public static func color(_ index: UInt8) -> Style { Style { $0.foreground = .index(index) } }

    public init(_ change: (inout Style) -> Void) { change(&self) }

    /// This style, changed.
    public func with(_ change: (inout Style) -> Void) -> Style {
        var style = self
        change(&style)
        return style
    }
}

/// One row of the screen: pieces of text, each in one style. What is in it can be drawn as it is: see `clean`.
public struct Row: Equatable {
    public struct Piece: Equatable {
        public var text: String
        public var style: Style
    }

    public private(set) var pieces: [Piece] = []
    /// Columns that the text takes.
    public private(set) var width = 0
    /// What the columns behind the text look like.
    public var fill = Style.plain

    public init() {}

    public init(_ text: String, _ style: Style = .plain) { add(text, style) }

    public var text: String { pieces.map(\.text).joined() }

    /// Adds text, made clean.
    public mutating func add(_ text: String, _ style: Style = .plain) {
        let (text, columns) = Cells.clean(text)
        guard !text.isEmpty else { return }
        width += columns
        if pieces.last?.style == style {
            pieces[pieces.count - 1].text += text
        } else {
            pieces.append(Piece(text: text, style: style))
        }
    }

    public mutating func add(_ row: Row) {
        for piece in row.pieces { add(piece.text, piece.style) }
    }

    /// Adds text in exactly so many columns: cut, with `…` at its end, or followed by blanks; with `right`, behind
    /// them.
    public mutating func add(_ text: String, columns: Int, _ style: Style = .plain, right: Bool = false) {
        guard columns > 0 else { return }
        var piece = Row(text, style)
        piece.cut(columns)
        let blanks = String(repeating: " ", count: columns - piece.width)
        if right { add(blanks, style) }
        add(piece)
        if !right { add(blanks, style) }
    }

    /// Blanks up to this column.
    public mutating func pad(to columns: Int, _ style: Style = .plain) {
        if columns > width { add(String(repeating: " ", count: columns - width), style) }
    }

    /// Cuts it to so many columns; `…` takes the place of what does not fit. A wide character is never halved.
    public mutating func cut(_ columns: Int, mark: String = "…") {
        guard width > columns else { return }
        let room = max(0, columns - (mark.isEmpty ? 0 : 1))
        var left = room
        var kept: [Piece] = []
        var last = Style.plain
        outer: for piece in pieces {
            last = piece.style
            var text = String.UnicodeScalarView()
            for scalar in piece.text.unicodeScalars {
                let columns = Cells.width(scalar)
                if columns > left {
                    if !text.isEmpty { kept.append(Piece(text: String(text), style: piece.style)) }
                    break outer
                }
                left -= columns
                text.append(scalar)
            }
            kept.append(Piece(text: String(text), style: piece.style))
        }
        pieces = kept
        width = room - left
        if columns > 0, !mark.isEmpty { add(mark, last) }
    }

    /// What is left without the first so many columns; a wide character that begins before them is a blank.
    public func dropping(_ columns: Int) -> Row {
        var out = Row()
        out.fill = fill
        var at = 0
        for piece in pieces {
            var text = String.UnicodeScalarView()
            for scalar in piece.text.unicodeScalars {
                let next = at + Cells.width(scalar)
                if at >= columns { text.append(scalar) } else if next > columns { text.append(" ") }
                at = next
            }
            out.add(String(text), piece.style)
        }
        return out
    }

    /// All of it in another style.
    public func styled(_ change: (inout Style) -> Void) -> Row {
        var out = self
        for n in out.pieces.indices { change(&out.pieces[n].style) }
        change(&out.fill)
        return out
    }
}
