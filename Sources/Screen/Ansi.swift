/// Text with escape sequences, as programs write it for a terminal and tmux prints a pane, made rows: colours and
/// attributes are kept (ECMA-48, SGR), lines drawn with the alternate character set become those of Unicode, any other
/// sequence is left out. What is set holds on in the next line.
package struct Ansi {
    private var style = Style.plain
    private var drawsLines = false

    package init() {}

    /// One line, without its newline.
    package mutating func row(_ line: some StringProtocol) -> Row {
        var row = Row()
        var text = String.UnicodeScalarView()
        func flush(_ style: Style) {
            if !text.isEmpty { row.add(String(text), style) }
            text.removeAll(keepingCapacity: true)
        }
        var rest = Substring(line).unicodeScalars
        while let scalar = rest.popFirst() {
            switch scalar.value {
            case 0x1b:
                flush(style)
                sequence(&rest)
            case 0x0e: drawsLines = true
            case 0x0f: drawsLines = false
            case 0x0d: break
            default: text.append(drawsLines ? Ansi.lines[scalar] ?? scalar : scalar)
            }
        }
        flush(style)
        return row
    }

    /// The VT100's special graphics, as far as programs draw with them.
    private static let lines: [Unicode.Scalar: Unicode.Scalar] = [
        "`": "◆", "a": "▒", "f": "°", "g": "±", "j": "┘", "k": "┐", "l": "┌", "m": "└", "n": "┼", "o": "⎺", "p": "⎻",
        "q": "─", "r": "⎼",
        "s": "⎽", "t": "├", "u": "┤", "v": "┴", "w": "┬", "x": "│", "y": "≤", "z": "≥", "{": "π", "|": "≠", "}": "£",
        "~": "·",
    ]

    /// Takes what belongs to an escape character that was just read.
    private mutating func sequence(_ rest: inout Substring.UnicodeScalarView) {
        guard let kind = rest.popFirst() else { return }
        switch kind {
        case "[":
            var words = String.UnicodeScalarView()
            while let scalar = rest.popFirst() {
                if (0x40...0x7e).contains(scalar.value) {
                    if scalar == "m" { select(String(words)) }
                    return
                }
                words.append(scalar)
            }
        case "]", "P", "X", "^", "_":
            // To a BEL or a string terminator.
            while let scalar = rest.popFirst() {
                if scalar.value == 7 { return }
                if scalar.value == 0x1b, rest.first == "\\" {
                    rest.removeFirst()
                    return
                }
            }
        case "(", ")", "*", "+", "#", "%", " ": _ = rest.popFirst()
        default: break
        }
    }

    /// Select graphic rendition: numbers divided by `;`, each of which may have parts divided by `:`.
    private mutating func select(_ words: String) {
        guard words.allSatisfy({ $0.isNumber || $0 == ";" || $0 == ":" }) else { return }
        var codes = words.split(separator: ";", omittingEmptySubsequences: false).map { word in
            word.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        }[...]
        while let parts = codes.popFirst() {
            switch parts.first ?? 0 {
            case 0: style = .plain
            case 1: style.isBold = true
            case 2: style.isDim = true
            case 3: style.isItalic = true
            case 4: style.isUnderlined = parts.count < 2 || parts[1] != 0
            case 7: style.isReversed = true
            case 21: style.isUnderlined = true
            case 22: (style.isBold, style.isDim) = (false, false)
            case 23: style.isItalic = false
            case 24: style.isUnderlined = false
            case 27: style.isReversed = false
            case let n where (30...37).contains(n): style.foreground = .index(UInt8(n - 30))
            case let n where (40...47).contains(n): style.background = .index(UInt8(n - 40))
            case let n where (90...97).contains(n): style.foreground = .index(UInt8(n - 90 + 8))
            case let n where (100...107).contains(n): style.background = .index(UInt8(n - 100 + 8))
            case 39: style.foreground = .plain
            case 49: style.background = .plain
            case let n where n == 38 || n == 48 || n == 58:
                let color = Ansi.color(parts, &codes)
                if n == 38, let color { style.foreground = color }
                if n == 48, let color { style.background = color }
            default: break
            }
        }
    }

    /// `5;N` or `2;R;G;B`, behind the code or in its parts.
    private static func color(_ parts: [Int], _ codes: inout ArraySlice<[Int]>) -> Style.Color? {
        func next() -> Int { codes.popFirst()?.first ?? 0 }
        let kind = parts.count > 1 ? parts[1] : next()
        switch kind {
        case 5:
            let index = parts.count > 2 ? parts[2] : next()
            return UInt8(exactly: index).map { .index($0) }
        case 2:
            // With parts a colour space may stand before the three.
            let rgb = parts.count > 4 ? Array(parts.suffix(3)) : [next(), next(), next()]
            return .index(nearest(rgb))
        default: return nil
        }
    }

    /// The colour of the palette that is next to one of 24 bits: of its cube of 6 x 6 x 6, or of its 24 greys.
    static func nearest(_ rgb: [Int]) -> UInt8 {
        let levels = [0, 95, 135, 175, 215, 255]
        let wanted = rgb.map { min(255, max(0, $0)) }
        func distance(_ a: [Int]) -> Int { zip(a, wanted).map { ($0 - $1) * ($0 - $1) }.reduce(0, +) }
        let steps = wanted.map { value in levels.indices.min { abs(levels[$0] - value) < abs(levels[$1] - value) }! }
        let grey = min(23, max(0, (wanted.reduce(0, +) / 3 - 3) / 10))
        let isGrey = distance([Int](repeating: 8 + 10 * grey, count: 3)) < distance(steps.map { levels[$0] })
        return UInt8(isGrey ? 232 + grey : 16 + 36 * steps[0] + 6 * steps[1] + steps[2])
    }
}
