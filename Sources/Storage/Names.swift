/// What may be a name, a title, an id. Everything from outside passes here first.
package enum Names {
    static let reserved = ["all", "human", "parent", "children"]

    /// Whether it has the form of an agent's name: `[a-z][a-z0-9_-]{0,31}`.
    package static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...32).contains(bytes.count), let first = bytes.first, first >= 97, first <= 122 else { return false }
        return bytes.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 || $0 == 95 }
    }

    /// The name, if a caller or claimant may bear it: any agent's, or `human`.
    package static func caller(_ text: String) throws -> String {
        if text == "human" || (isName(text) && !reserved.contains(text)) { return text }
        throw bad(text)
    }

    /// The name, if an agent may bear it.
    package static func agent(_ text: String) throws -> String {
        guard isName(text) else { throw bad(text) }
        guard !reserved.contains(text) else { throw Failure.usage("the name '\(text)' is reserved, choose another") }
        return text
    }

    private static func bad(_ text: String) -> Failure {
        reserved.contains(text)
            ? .usage("the name '\(text)' is reserved, choose another")
            : .usage("bad name '\(shown(text))': use a-z, then a-z 0-9 _ -, at most 32")
    }

    /// A role has the form of a name.
    package static func role(_ text: String) throws -> String {
        guard isName(text) else {
            throw Failure.usage("bad role '\(shown(text))': use a-z, then a-z 0-9 _ -, at most 32")
        }
        return text
    }

    /// A title or subject: one line without control characters, 1 to 1,000 bytes.
    package static func line(_ text: String, what: String = "title") throws -> String {
        guard !text.isEmpty else { throw Failure.usage("empty \(what)") }
        guard text.utf8.count <= 1000 else { throw Failure.usage("\(what) of \(text.utf8.count) bytes, at most 1000") }
        guard text.unicodeScalars.allSatisfy({ !isControl($0) }) else {
            throw Failure.usage("control character in \(what), use one plain line")
        }
        guard text.contains(where: { !$0.isWhitespace }) else { throw Failure.usage("blank \(what)") }
        return text
    }

    /// A task's id: a decimal number from 1, without sign or leading zero.
    package static func id(_ text: String) throws -> Int {
        let digits = text.utf8
        guard (1...10).contains(digits.count), digits.allSatisfy({ $0 >= 48 && $0 <= 57 }), digits.first != 48,
            let id = Int(text)
        else { throw Failure.usage("bad task id '\(shown(text))', use a number") }
        return id
    }

    /// A number as our files and file names hold it: decimal digits without a sign, at most `digits` of them.
    package static func number(_ text: Substring, digits: Int = 10) -> Int? {
        guard (1...digits).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        return Int(text)
    }
    package static func number(_ text: String, digits: Int = 10) -> Int? { number(text[...], digits: digits) }

    /// C0, DEL, C1, line and paragraph separators, and the marks that turn a terminal's text around.
    package static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1f, 0x7f...0x9f, 0x2028, 0x2029, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: return true
        default: return false
        }
    }

    /// The text as it may be drawn: control characters as `?`, cut at 200 characters.
    package static func shown(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars.prefix(200) { out.unicodeScalars.append(isControl(scalar) ? "?" : scalar) }
        return out
    }
}

extension String {
    /// What stands before the NUL in a buffer that a function of C has filled; bytes that are no UTF-8 are replaced.
    package init(terminated buffer: [CChar]) {
        self.init(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
