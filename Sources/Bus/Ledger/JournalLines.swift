/// Lines of the journal of one day, and the order of their times.
struct JournalLines {
    /// As files are named by it: `2026-11-30`.
    let day: String
    private var bytes: [UInt8] = []
    private var lines: [(time: UInt64, start: Int, end: Int)] = []
    /// Whether every line has a time of the day, as cadre writes it.
    private(set) var isRegular = true

    init(_ day: String) { self.day = day }

    var count: Int { lines.count }
    /// In seconds since the day began, if all are regular.
    var times: [Int] { lines.map { JournalLines.seconds($0.time) ?? 0 } }

    mutating func append(_ line: UnsafeBufferPointer<UInt8>, _ fields: EventFields) {
        let time = fields.value("time", in: line).flatMap { JournalLines.time($0.range, in: line, day) }
        if time == nil { isRegular = false }
        lines.append((time ?? 0, bytes.count, bytes.count + line.count))
        bytes += line
    }

    mutating func append(_ other: JournalLines) {
        let start = bytes.count
        bytes += other.bytes
        lines += other.lines.map { ($0.time, $0.start + start, $0.end + start) }
        isRegular = isRegular && other.isRegular
    }

    /// By time; of equal times the order stands.
    mutating func sort() {
        guard isRegular else {
            // Somebody else's: by what their times say.
            let times = lines.map { Event(bytes[$0.start..<$0.end])?["time"] ?? "" }
            lines = lines.indices.sorted { (times[$0], $0) < (times[$1], $1) }.map { lines[$0] }
            return
        }
        var last: UInt64 = 0
        for line in lines {
            guard line.time >= last else { return lines.sort { ($0.time, $0.start) < ($1.time, $1.start) } }
            last = line.time
        }
    }

    mutating func keepLast(_ count: Int) { lines.removeFirst(max(0, lines.count - count)) }

    func each(_ body: (Event) -> Void) {
        for line in lines { if let event = Event(bytes[line.start..<line.end]) { body(event) } }
    }

    // MARK: times

    private static let head = Array("{\"time\":\"".utf8)

    /// The time of a line that begins with it, in seconds since the day began; nil if it is not one of the day.
    static func seconds(ofLine line: ArraySlice<UInt8>, day: String) -> Int? {
        guard line.starts(with: head) else { return nil }
        let start = line.startIndex + head.count
        guard line.endIndex > start + 20, line[start + 20] == UInt8(ascii: "\"") else { return nil }
        return line.withUnsafeBufferPointer { time(head.count..<(head.count + 20), in: $0, day).flatMap(seconds) }
    }

    /// The `16:40:00` of `2026-11-30T16:40:00Z` as a number that sorts like it; nil if it is not one of the day.
    private static func time(_ range: Range<Int>, in line: UnsafeBufferPointer<UInt8>, _ day: String) -> UInt64? {
        guard range.count == 20, line[range.lowerBound + 10] == UInt8(ascii: "T"),
            line[range.upperBound - 1] == UInt8(ascii: "Z"), isDay(line[range].prefix(10), day)
        else { return nil }
        let digits = line[(range.lowerBound + 11)..<(range.upperBound - 1)]
        return seconds(ofDay: digits) == nil ? nil : digits.reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func isDay(_ bytes: some Sequence<UInt8>, _ day: String) -> Bool { bytes.elementsEqual(day.utf8) }

    private static func seconds(_ time: UInt64) -> Int? {
        seconds(ofDay: (0..<8).map { UInt8(truncatingIfNeeded: time >> (56 - 8 * UInt64($0))) })
    }

    /// Of `16:40:00`.
    static func seconds(ofDay text: some Collection<UInt8>) -> Int? {
        var seconds = 0
        var part = 0
        for (n, byte) in text.prefix(8).enumerated() {
            if n % 3 == 2 {
                guard byte == UInt8(ascii: ":") else { return nil }
                (seconds, part) = ((seconds + part) * 60, 0)
            } else {
                guard byte &- 48 < 10 else { return nil }
                part = part * 10 + Int(byte - 48)
            }
        }
        return seconds + part
    }
}
