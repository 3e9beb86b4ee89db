import Bus
import Glibc
import Storage

/// Standard output: one record a line, the id or name first, fields divided by tabs.
package enum Output {
    nonisolated(unsafe) private static var buffer: [UInt8] = []
    package static let isTerminal = isatty(1) == 1
    /// The table that records are rows of, for a person.
    nonisolated(unsafe) static var table: Table?
    /// The process of the pager that standard output goes to.
    nonisolated(unsafe) static var pager: Int32?

    package static func line(_ fields: String...) { line(fields: fields) }
    package static func line(fields: [String]) {
        let fields = fields.map(Names.shown(full:))
        guard table != nil else { return write(Array((fields.joined(separator: "\t") + "\n").utf8)) }
        table!.add(fields)
        if table!.isFull { flush() }
    }

    /// Whether colours are wanted: on a terminal, unless `NO_COLOR` is set.
    package static let colors = isTerminal && getenv("NO_COLOR") == nil

    /// Bytes as they are; on a terminal, control characters but newline and tab become `?`.
    package static func raw(_ bytes: [UInt8]) { write(isTerminal ? Array(clean(bytes).utf8) : bytes) }

    /// Prints lines for a terminal, also through a pager: control characters except tabs become `?`, and each piece of
    /// a line gets its colours (the numbers of SGR). Colours in the text itself are dropped: an agent could imitate
    /// ours, or hide what it writes.
    package static func painted(_ bytes: [UInt8], _ pieces: (String) -> [(text: Substring, colors: String?)]) {
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false).dropLast(bytes.last == 10 ? 1 : 0) {
            for piece in pieces(clean(line)) {
                write(Array((piece.colors.map { "\u{1b}[\($0)m\(piece.text)\u{1b}[m" } ?? String(piece.text)).utf8))
            }
            write([10])
        }
    }

    private static func clean(_ bytes: some Collection<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            text.append(scalar == "\n" || scalar == "\t" || !Names.isControl(scalar) ? scalar : "?")
        }
        return String(text)
    }

    /// One JSON object on a line.
    package static func json(_ fields: KeyValuePairs<String, JSONValue>) {
        json(fields.map { ($0.key, $0.value) })
    }

    package static func json(_ fields: [(String, JSONValue)]) {
        write(Array((JSONValue.object(fields).text + "\n").utf8))
    }

    package static func flush() {
        if let drawn = table?.drawn() { buffer += drawn.utf8 }
        var at = 0
        while at < buffer.count {
            let n = buffer.withUnsafeBytes { Glibc.write(1, $0.baseAddress! + at, buffer.count - at) }
            if n < 0 {
                if errno == EINTR { continue }
                CommandRunner.complain("unable to write standard output: \(String(cString: strerror(errno)))")
                exit(75)
            }
            at += n
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Words for a person, on standard error.
    package static func complain(_ text: String) {
        let line = Names.shown(full: text) + "\n"
        _ = Glibc.write(2, line, line.utf8.count)
    }

    private static func write(_ bytes: [UInt8]) {
        buffer += bytes
        if buffer.count > 1 << 16 { flush() }
    }
}

extension Names {
    /// The text without control characters, uncut.
    static func shown(full text: String) -> String {
        if text.unicodeScalars.allSatisfy({ !isControl($0) }) { return text }
        var out = ""
        for scalar in text.unicodeScalars { out.unicodeScalars.append(isControl(scalar) ? "?" : scalar) }
        return out
    }
}

/// A JSON value to print. A nil field is left out of its object.
package indirect enum JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// A number as its digits; nil is null.
    case number(String?)
    case string(String?)
    case int(Int?)
    case bool(Bool)
    case list([JSONValue])
    case object([(String, JSONValue)])

    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .int(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }

    package var text: String {
        switch self {
        case .string(let s): return s.map(JSON.string) ?? "null"
        case .int(let n): return n.map(String.init) ?? "null"
        case .number(let digits): return digits ?? "null"
        case .bool(let b): return b ? "true" : "false"
        case .list(let all): return "[" + all.map(\.text).joined(separator: ",") + "]"
        case .object(let fields):
            let there = fields.filter { field in
                switch field.1 {
                case .string(nil), .int(nil): return false
                default: return true
                }
            }
            return "{" + there.map { JSON.string($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
        }
    }
}
