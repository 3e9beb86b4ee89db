import Bus
import Glibc

/// Standard output: one record a line, the id or name first, fields divided by tabs.
public enum Out {
    nonisolated(unsafe) private static var buffer: [UInt8] = []
    public static let isTerminal = isatty(1) == 1

    public static func line(_ fields: String...) { write(Array((fields.map(Names.shown(full:)).joined(separator: "\t") + "\n").utf8)) }
    public static func line(fields: [String]) { write(Array((fields.map(Names.shown(full:)).joined(separator: "\t") + "\n").utf8)) }

    /// Whether colours are wanted: on a terminal, unless `NO_COLOR` is set.
    public static let colors = isTerminal && getenv("NO_COLOR") == nil

    /// Bytes as they are; on a terminal, control characters but newline and tab become `?`, and with `colors` colours (SGR
    /// sequences of digits and semicolons) stay. `drawn` says that it will be on a terminal in the end, as through a pager.
    public static func raw(_ bytes: [UInt8], colors: Bool = false, drawn: Bool = isTerminal) {
        guard drawn else { return write(bytes) }
        var text = String.UnicodeScalarView()
        var rest = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
        while let scalar = rest.popFirst() {
            if colors, scalar == "\u{1b}", rest.first == "[" {
                let digits = rest.dropFirst().prefix { ("0"..."9").contains($0) || $0 == ";" }
                if rest[digits.endIndex...].first == "m" {
                    text.append(contentsOf: "\u{1b}[\(String(digits))m".unicodeScalars)
                    rest = rest[digits.endIndex...].dropFirst()
                    continue
                }
            }
            text.append(scalar == "\n" || scalar == "\t" || !Names.isControl(scalar) ? scalar : "?")
        }
        write(Array(String(text).utf8))
    }

    /// One JSON object on a line.
    public static func json(_ fields: KeyValuePairs<String, JSONValue>) {
        json(fields.map { ($0.key, $0.value) })
    }

    public static func json(_ fields: [(String, JSONValue)]) {
        write(Array((JSONValue.object(fields).text + "\n").utf8))
    }

    public static func flush() {
        var at = 0
        while at < buffer.count {
            let n = buffer.withUnsafeBytes { Glibc.write(1, $0.baseAddress! + at, buffer.count - at) }
            if n < 0 {
                if errno == EINTR { continue }
                complain("unable to write standard output: \(String(cString: strerror(errno)))")
                exit(75)
            }
            at += n
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Words for a person, on standard error.
    public static func complain(_ text: String) {
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
public indirect enum JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// A number as its digits; nil is null.
    case number(String?)
    case string(String?), int(Int?), bool(Bool), list([JSONValue]), object([(String, JSONValue)])

    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }

    var text: String {
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
