import Bus
import Storage

/// The screen of a terminal as tmux draws it: its lines, and the style of each character in the cursor's line.
package struct Display {
    struct Cell {
        var scalar: Unicode.Scalar
        var isFaint: Bool
        var isInverse: Bool
        var isBlank: Bool { scalar == " " || scalar == "\u{a0}" }
    }

    package let lines: [String]
    /// The line that the cursor is in, and whether the program lets it be seen.
    package let cursor: Int
    package let isCursorShown: Bool
    /// The terminal's title, as the program has set it.
    package let title: String
    let cells: [Cell]

    /// `drawn`: the lines with the sequences of ECMA-48 that tell how they are drawn, as `capture-pane -e` prints them.
    package init(_ drawn: String, cursor: Int, isCursorShown: Bool = true, title: String = "") {
        var rows: [[Cell]] = [[]]
        var isFaint = false
        var isInverse = false
        var scalars = Array(drawn.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\n": rows.append([])
            case "\u{1b}":
                guard let kind = scalars.popFirst() else { break }
                if kind == "]" {
                    // A link: up to BEL, or ESC \.
                    while let next = scalars.popFirst(), next != "\u{7}", next != "\u{1b}" {}
                    if scalars.first == "\\" { scalars.removeFirst() }
                }
                guard kind == "[" else { continue }
                let words = scalars.prefix { !("@"..."~").contains($0) }
                scalars = scalars.dropFirst(words.count)
                guard scalars.popFirst() == "m" else { continue }
                var numbers = String(String.UnicodeScalarView(words)).split(
                    separator: ";", omittingEmptySubsequences: false
                ).map { Int($0) ?? 0 }[...]
                while let number = numbers.popFirst() {
                    switch number {
                    case 0: (isFaint, isInverse) = (false, false)
                    case 2: isFaint = true
                    case 22: isFaint = false
                    case 7: isInverse = true
                    case 27: isInverse = false
                    // A colour: a number of its own, or red, green and blue.
                    case 38, 48, 58: numbers = numbers.dropFirst(numbers.first == 2 ? 4 : 2)
                    default: break
                    }
                }
            case "\u{e}", "\u{f}": break
            default: rows[rows.count - 1].append(Cell(scalar: scalar, isFaint: isFaint, isInverse: isInverse))
            }
        }
        lines = rows.map { row in String(String.UnicodeScalarView(row.map(\.scalar))) }
        self.cursor = cursor
        self.isCursorShown = isCursorShown
        self.title = title
        cells = rows.indices.contains(cursor) ? rows[cursor] : []
    }

    /// Whether the text after the prompt is only a suggestion. Programs draw a suggestion faint, with the inverse
    /// cursor on its first letter.
    var isProposal: Bool {
        let typed = cells.drop { !$0.isBlank }.filter { !$0.isBlank }
        return typed.contains { $0.isFaint } && typed.allSatisfy { $0.isFaint || $0.isInverse }
    }
}

// How cadre reads a program's state off its screen. A conversation may hold any words, those of a dialog among them, so
// cadre looks only at places where the program alone writes:
//
//   its title
//   the cursor's line: at the input line it begins with the program's prompt, and then no dialog is up
//   the lines below the input line
//   where there is no input line, the lines in its place: those below the last frame, if the program draws one
extension AgentProgram {
    package enum Sight: Equatable {
        /// At its input line; whether nothing is typed there.
        case idle(isEmpty: Bool)
        /// It works on a turn, by its title or by a line that it draws only then.
        case working
        /// A dialog that is known, by its name.
        case dialog(String)
        /// Something else in place of the input line, by its first words.
        case other(String)
        /// Nothing that proves a state: an empty screen, a screen that is being drawn, or a program of which nothing is
        /// known. It says nothing about the state before.
        case unknown
    }

    /// The dialog that asks for a permission.
    package static let permission = "permission"

    /// The state that a screen proves. It looks at the title, then at the lines below the cursor, the input line, and
    /// what stands in its place.
    package func sight(_ display: Display) -> Sight {
        func any(_ patterns: [Pattern], _ lines: some Sequence<String>) -> Bool {
            lines.contains { line in patterns.contains { $0.matches(line) } }
        }
        func dialog(in place: some Sequence<String>) -> String? { dialogs.first { any([$0.pattern], place) }?.name }
        if any(titleWaiting, [display.title]) {
            return .dialog(dialog(in: dialogPlace(display.lines)) ?? AgentProgram.permission)
        }
        if any(titleWorking, [display.title]) { return .working }
        let below = display.lines.dropFirst(display.cursor)
        if any(working, below) { return .working }
        if let start = inputLine(display) {
            let line = display.lines[display.cursor]
            return .idle(isEmpty: start == display.cursor && (any(empty, [line]) || display.isProposal))
        }
        guard !idle.isEmpty || !dialogs.isEmpty else { return .unknown }
        let place = dialogPlace(display.lines)
        if let name = dialog(in: place) { return .dialog(name) }
        let words = place.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }.filter {
            $0.contains(where: \.isLetter)
        }
        return words.isEmpty || idle.isEmpty
            ? .unknown : .other(Names.shown(String(words.prefix(3).joined(separator: " ").prefix(200))))
    }

    /// What is typed at the input line, spaces and line ends as one space; nil if the program is not there.
    package func typed(_ display: Display) -> String? {
        guard let start = inputLine(display) else { return nil }
        let lines = display.lines[start...].prefix { line in !frame.contains { $0.matches(line) } }.prefix(
            frame.isEmpty ? display.cursor - start + 1 : .max)
        let text = lines.joined(separator: " ").split(whereSeparator: { $0.isWhitespace }).dropFirst()
        return text.joined(separator: " ")
    }

    /// The program's own message right above its input line that says why a turn stalls or has failed. A model's words
    /// don't count: the program indents them, or begins them with another sign.
    package func trouble(_ display: Display) -> String? {
        guard !trouble.isEmpty, let start = inputLine(display) else { return nil }
        let above = display.lines[..<start].filter { $0.contains(where: \.isLetter) }.suffix(2)
        return above.last { line in trouble.contains { $0.matches(line) } }.map { line in
            Names.shown(
                String(
                    line.split(whereSeparator: \.isWhitespace).drop {
                        !$0.contains(where: { $0.isLetter || $0.isNumber })
                    }.joined(separator: " ").prefix(200)))
        }
    }

    /// Whether a turn's failure, in the words of the hook or the screen, means that nobody is signed in.
    package func isSignedOut(_ failure: String) -> Bool { signedOut.contains { $0.matches(failure) } }

    /// Whether a turn's failure means that the same turn would fail however often the program tries it.
    package func lasts(_ failure: String) -> Bool { lasting.contains { $0.matches(failure) } }

    /// The first line of what the program takes its input from, if the cursor is in there.
    private func inputLine(_ display: Display) -> Int? {
        guard display.lines.indices.contains(display.cursor), !cursorShown || display.isCursorShown else { return nil }
        func begins(_ at: Int) -> Bool { idle.contains { $0.matches(display.lines[at]) } }
        if begins(display.cursor) { return display.cursor }
        // Further lines of what is typed.
        let above = display.lines[..<display.cursor]
        if let edge = above.lastIndex(where: { line in frame.contains { $0.matches(line) } }) {
            return begins(edge + 1) ? edge + 1 : nil
        }
        return cursorShown ? above.indices.last(where: begins) : nil
    }

    private func dialogPlace(_ lines: [String]) -> ArraySlice<String> {
        let edges = lines.indices.filter { at in frame.contains { $0.matches(lines[at]) } }
        // A frame may be divided in itself. Where little is below the last one, that frames a view of the conversation.
        let place = edges.last { edge in lines[edge...].dropFirst().filter { $0.contains(where: \.isLetter) }.count > 2
        }
        return lines[((place ?? edges.last).map { $0 + 1 } ?? 0)...]
    }
}
