/// How characters look.
package struct Style: Hashable {
    package enum Color: Hashable {
        case plain
        /// One of the terminal's palette of 256; the first 8 are the ANSI colours.
        case index(UInt8)
    }

    package var foreground = Color.plain
    package var background = Color.plain
    package var isBold = false
    package var isDim = false
    package var isItalic = false
    package var isUnderlined = false
    package var isReversed = false

    package init() {}

    package static let plain = Style()
    package static let bold = Style { $0.isBold = true }
    package static let dim = Style { $0.isDim = true }
    package static let reversed = Style { $0.isReversed = true }
    package static func color(_ index: UInt8) -> Style { Style { $0.foreground = .index(index) } }

    package init(_ change: (inout Style) -> Void) { change(&self) }

    /// This style, changed.
    package func with(_ change: (inout Style) -> Void) -> Style {
        var style = self
        change(&style)
        return style
    }
}

/// One row of the screen: pieces of text, each in one style. What is in it can be drawn as it is: see `clean`.
package struct Row: Equatable {
    package struct Piece: Equatable {
        package var text: String
        package var style: Style
    }

    package private(set) var pieces: [Piece] = []
    /// Columns that the text takes.
    package private(set) var width = 0
    /// What the columns behind the text look like.
    package var fill = Style.plain

    package init() {}

    package init(_ text: String, _ style: Style = .plain) { add(text, style) }

    package var text: String { pieces.map(\.text).joined() }

    /// Adds text, made clean.
    package mutating func add(_ text: String, _ style: Style = .plain) {
        let (text, columns) = Cells.clean(text)
        guard !text.isEmpty else { return }
        width += columns
        if pieces.last?.style == style {
            pieces[pieces.count - 1].text += text
        } else {
            pieces.append(Piece(text: text, style: style))
        }
    }

    package mutating func add(_ row: Row) {
        for piece in row.pieces { add(piece.text, piece.style) }
    }

    /// Adds text in exactly so many columns: cut, with `…` at its end, or followed by blanks; with `right`, behind
    /// them.
    package mutating func add(_ text: String, columns: Int, _ style: Style = .plain, right: Bool = false) {
        guard columns > 0 else { return }
        var piece = Row(text, style)
        piece.cut(columns)
        let blanks = String(repeating: " ", count: columns - piece.width)
        if right { add(blanks, style) }
        add(piece)
        if !right { add(blanks, style) }
    }

    /// Blanks up to this column.
    package mutating func pad(to columns: Int, _ style: Style = .plain) {
        if columns > width { add(String(repeating: " ", count: columns - width), style) }
    }

    /// Cuts it to so many columns; `…` takes the place of what does not fit. A wide character is never halved.
    package mutating func cut(_ columns: Int, mark: String = "…") {
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
    package func dropping(_ columns: Int) -> Row {
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
    package func styled(_ change: (inout Style) -> Void) -> Row {
        var out = self
        for n in out.pieces.indices { change(&out.pieces[n].style) }
        change(&out.fill)
        return out
    }
}
