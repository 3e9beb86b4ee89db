import SystemPackage

/// The one record format of the bus: header lines `Key: value`, the last of them `Length: N`, an empty line, and a
/// body of exactly N bytes. A file that is cut short or not such a record is damage, never a shorter record.
///
/// Keys and values are reached through a `TypedRecord` only.
package struct Record: Equatable {
    var fields: [(key: String, value: String)] = []
    var body: [UInt8] = []

    init() {}

    package static func == (a: Record, b: Record) -> Bool { a.bytes == b.bytes }

    /// A header's value; nil if it is left out or empty. Set to nil or "" to leave it out; a value keeps one line:
    /// newlines become blanks, but those of a path, which then stands in quotes, as git quotes it.
    @usableFromInline subscript(key: String) -> String? {
        get { fields.first { $0.key == key }.flatMap { $0.value.isEmpty ? nil : Record.unquoted($0.value) } }
        set {
            fields.removeAll { $0.key == key }
            if let newValue, Record.isToBeQuoted(newValue) {
                fields.append((key, Record.quoted(newValue)))
            } else if let newValue, !newValue.isEmpty {
                // By scalars: as characters CR and LF are one.
                let newlines = newValue.unicodeScalars.contains("\n")
                fields.append(
                    (
                        key,
                        newlines
                            ? newValue.unicodeScalars.split(separator: "\n").map { String($0) }.joined(separator: " ")
                            : newValue
                    ))
            }
        }
    }

    /// A path of several lines, and what would be taken for one that is quoted.
    private static func isToBeQuoted(_ value: String) -> Bool {
        value.utf8.first == UInt8(ascii: "/") && value.utf8.contains(10) || isQuoted(value)
    }

    private static func isQuoted(_ value: String) -> Bool {
        value.utf8.first == UInt8(ascii: "\"") && value.utf8.last == UInt8(ascii: "\"")
            && ["\"/", "\"\\\""].contains { value.utf8.starts(with: $0.utf8) }
    }

    private static func quoted(_ path: String) -> String {
        let escaped = path.unicodeScalars.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : $0 == "\n" ? "\\n" : String($0) }
        return "\"" + escaped.joined() + "\""
    }

    private static func unquoted(_ value: String) -> String {
        guard isQuoted(value) else { return value }
        var out = String.UnicodeScalarView()
        var escaped = false
        for scalar in value.unicodeScalars.dropFirst().dropLast() {
            if !escaped, scalar == "\\" {
                escaped = true
                continue
            }
            out.append(escaped && scalar == "n" ? "\n" : scalar)
            escaped = false
        }
        return String(out)
    }

    /// Several values of any text in one header, divided by tabs; in them `\\`, `\t` and `\n` are a backslash, a tab
    /// and a newline.
    static func list(_ field: String) -> [String] {
        field.split(separator: "\t").map { value in
            var out = ""
            var escaped = false
            for scalar in value.unicodeScalars {
                if !escaped, scalar == "\\" {
                    escaped = true
                    continue
                }
                out.unicodeScalars.append(escaped && scalar == "t" ? "\t" : escaped && scalar == "n" ? "\n" : scalar)
                escaped = false
            }
            return out
        }
    }

    static func field(_ list: [String]) -> String {
        list.map { value in
            value.unicodeScalars.map { $0 == "\\" ? "\\\\" : $0 == "\t" ? "\\t" : $0 == "\n" ? "\\n" : String($0) }
                .joined()
        }.joined(separator: "\t")
    }

    var bytes: [UInt8] {
        var text = ""
        for (key, value) in fields { text += "\(key): \(value)\n" }
        text += "Length: \(body.count)\n\n"
        return Array(text.utf8) + body
    }

    /// Throws `Failure.unsure` that names `path` if the bytes are no whole record.
    init(_ bytes: [UInt8], of path: FilePath) throws {
        var at = 0
        try self.init(bytes, from: &at, of: path)
        guard at == bytes.count else { throw Record.damaged(path) }
    }

    /// The record that begins at `at`, which is moved behind it.
    init(_ bytes: [UInt8], from at: inout Int, of path: FilePath) throws {
        var length: Int?
        while length == nil {
            guard let end = bytes[at...].firstIndex(of: 10), let colon = bytes[at..<end].firstIndex(of: 58),
                colon + 1 < end, bytes[colon + 1] == 32, let key = String(validating: bytes[at..<colon], as: UTF8.self),
                let value = String(validating: bytes[(colon + 2)..<end], as: UTF8.self)
            else { throw Record.damaged(path) }
            at = end + 1
            if key == "Length" { length = Int(value) ?? -1 } else { fields.append((key, value)) }
        }
        guard let length, length >= 0, at < bytes.count, bytes[at] == 10, bytes.count - at - 1 >= length else {
            throw Record.damaged(path)
        }
        body = Array(bytes[(at + 1)..<(at + 1 + length)])
        at += 1 + length
    }

    /// The record in a file, or nil if there is no file.
    static func read(_ path: FilePath) throws -> Record? { try Files.read(path).map { try Record($0, of: path) } }

    /// Throws if there is a file that is not a whole record.
    package static func check(_ path: FilePath) throws { _ = try read(path) }

    package static func damaged(_ path: FilePath) -> Failure {
        .unsure("'\(path.string)' is damaged: not a whole record; see 'cadre doctor'")
    }
}
