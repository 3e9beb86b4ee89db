import Storage

/// One line of the journal: a flat object of strings and numbers.
///
/// Where its fields stand is found at once, by bytes; strings are made of them only when they are asked for.
package struct Event {
    package let line: [UInt8]
    private let fields: EventFields

    /// Nil if the line is not one of ours, whole.
    init?(_ line: ArraySlice<UInt8>) {
        var fields = EventFields()
        guard line.withUnsafeBufferPointer({ fields.find(in: $0) }) else { return nil }
        self.line = Array(line)
        self.fields = fields
    }

    package subscript(key: String) -> String? {
        line.withUnsafeBufferPointer { line in fields.value(key, in: line).map { $0.text(in: line) } }
    }

    /// Time, who, what, and the rest as `key=value`.
    package var words: [String] {
        line.withUnsafeBufferPointer { line in
            ["time", "by", "event"].map { fields.value($0, in: line)?.text(in: line) ?? "" }
                + fields.others(in: line).map { "\($0.key.text(in: line))=\($0.value.text(in: line))" }
        }
    }

    /// The words with tabs between them, as bytes; nil if one of them is more than printable ASCII.
    package var plainWords: [UInt8]? {
        guard fields.arePrintable else { return nil }
        return line.withUnsafeBufferPointer { line in
            var out: [UInt8] = []
            out.reserveCapacity(line.count)
            for (n, key) in ["time", "by", "event"].enumerated() {
                if n > 0 { out.append(9) }
                if let value = fields.value(key, in: line) { out += line[value.range] }
            }
            for (key, value) in fields.others(in: line) {
                out.append(9)
                out += line[key.range]
                out.append(UInt8(ascii: "="))
                out += line[value.range]
            }
            return out
        }
    }

    /// Whether the agent did it, or it was done to the agent.
    package func tells(ofAgent name: String) -> Bool {
        line.withUnsafeBufferPointer { fields.tells(ofAgent: name, in: $0) }
    }
}

/// Where the keys and values of a line stand in it.
struct EventFields {
    /// A string between its quotes, or a number.
    struct Part {
        var start: Int32
        var end: Int32
        var isEscaped = false

        var range: Range<Int> { Int(start)..<Int(end) }

        func text(in line: UnsafeBufferPointer<UInt8>) -> String {
            isEscaped ? unescaped(line[range]) : String(decoding: line[range], as: UTF8.self)
        }

        func equals(_ text: String, in line: UnsafeBufferPointer<UInt8>) -> Bool {
            if isEscaped { return self.text(in: line) == text }
            return range.count == text.utf8.count && line[range].elementsEqual(text.utf8)
        }

        /// Of what `find` let pass.
        private func unescaped(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String {
            var out: [UInt8] = []
            var rest = bytes
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                    out.append(byte)
                    continue
                }
                switch escape {
                case UInt8(ascii: "n"): out.append(10)
                case UInt8(ascii: "r"): out.append(13)
                case UInt8(ascii: "t"): out.append(9)
                case UInt8(ascii: "u"):
                    out += (EventFields.scalar(rest.prefix(4)).map(String.init) ?? "").utf8
                    rest = rest.dropFirst(4)
                default: out.append(escape)
                }
            }
            return String(decoding: out, as: UTF8.self)
        }
    }

    private(set) var all: [(key: Part, value: Part)] = []
    /// Whether the whole line is printable ASCII without escapes.
    private(set) var arePrintable = true

    /// The first of this key.
    func value(_ key: String, in line: UnsafeBufferPointer<UInt8>) -> Part? {
        for field in all where field.key.equals(key, in: line) { return field.value }
        return nil
    }

    func others(in line: UnsafeBufferPointer<UInt8>) -> [(key: Part, value: Part)] {
        all.filter { field in !["time", "by", "event"].contains { field.key.equals($0, in: line) } }
    }

    func tells(ofAgent name: String, in line: UnsafeBufferPointer<UInt8>) -> Bool {
        ["by", "agent", "to", "owner"].contains { value($0, in: line)?.equals(name, in: line) ?? false }
    }

    /// The scalar of the four digits of an escape.
    private static func scalar(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> Unicode.Scalar? {
        guard digits.count == 4, digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else {
            return nil
        }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16).flatMap(Unicode.Scalar.init)
    }

    /// False if the line is not a flat object of strings and numbers with a time and an event.
    mutating func find(in line: UnsafeBufferPointer<UInt8>) -> Bool {
        all.removeAll(keepingCapacity: true)
        arePrintable = true
        guard line.first == UInt8(ascii: "{"), line.last == UInt8(ascii: "}"), line.count < Int32.max else {
            return false
        }
        var isASCII = true
        var at = 1
        repeat {
            guard let key = string(in: line, &at, &isASCII), at < line.count, line[at] == UInt8(ascii: ":") else {
                return false
            }
            at += 1
            guard at < line.count else { return false }
            if line[at] == UInt8(ascii: "\"") {
                guard let value = string(in: line, &at, &isASCII) else { return false }
                all.append((key, value))
            } else {
                let start = at
                while at < line.count, line[at] &- 48 < 10 { at += 1 }
                all.append((key, Part(start: Int32(start), end: Int32(at))))
            }
            at += 1
        } while at < line.count && line[at - 1] == UInt8(ascii: ",")
        guard at == line.count, isASCII || String(validating: line, as: UTF8.self) != nil else { return false }
        return value("time", in: line) != nil && value("event", in: line) != nil
    }

    /// The string at `at`, which is moved behind it.
    private mutating func string(in line: UnsafeBufferPointer<UInt8>, _ at: inout Int, _ isASCII: inout Bool) -> Part? {
        guard at < line.count, line[at] == UInt8(ascii: "\"") else { return nil }
        at += 1
        var part = Part(start: Int32(at), end: 0)
        while at < line.count {
            let byte = line[at]
            if byte == UInt8(ascii: "\"") {
                part.end = Int32(at)
                at += 1
                return part
            }
            if byte == UInt8(ascii: "\\") {
                (part.isEscaped, arePrintable) = (true, false)
                at += 1
                guard at < line.count else { return nil }
                if line[at] > 127 { isASCII = false }
                if line[at] == UInt8(ascii: "u") {
                    guard EventFields.scalar(line[(at + 1)...].prefix(4)) != nil else { return nil }
                    at += 4
                }
            } else if byte < 32 || byte >= 127 {
                arePrintable = false
                if byte > 127 { isASCII = false }
            }
            at += 1
        }
        return nil
    }
}
