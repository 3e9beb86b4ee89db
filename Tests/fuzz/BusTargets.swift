import Storage
import SystemPackage

@testable import Bus

// The files of the bus. Any agent can write them, and a power cut can cut them.

/// What a file is read as; nil if it is damage, which must be said in the one way that `doctor` and the exit code have.
private func undamaged<T>(_ read: () throws -> T) throws -> T? {
    do { return try read() } catch let failure as Failure {
        try require(failure.kind == .unsure, "damage is '\(failure.kind)': \(failure.message)")
        return nil
    }
}

extension Target {
    static let task = Target(name: "task") { bytes in
        let name = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
        if let claim = Claim(claimed: name) {
            try require(Claim(claimed: claim.claimedName) == claim, "'\(name)' is another claim when it is written")
        }
        if let (claim, outcome) = Claim.settling(name) {
            let again = Claim.settling(claim.settleName(outcome))
            try require(again?.0 == claim && again?.1 == outcome, "'\(name)' is another outcome when it is written")
        }
        let read = try undamaged { try TaskHeader(TaskRecord(bytes, of: "task"), of: "task") }
        guard let header = read else { return }
        _ = (header.queue, header.retry?.text, header.retry?.question, header.retry?.isLong)
        _ = Retry(after: header.retry, "why", bound: 300, now: 1_800_000_000)
        let written = header.record.bytes
        let again = try TaskHeader(TaskRecord(written, of: "task"), of: "task")
        try require(again.record.bytes == written, "a task that was written is read as another")
    }

    static let mail = Target(name: "mail") { bytes in
        let file = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
        if let unread = Bus.Unread(file: file) {
            try require(Bus.Unread(file: unread.file)?.id == unread.id, "'\(file)' is another message")
        }
        guard let message = Message(id: file, read: false, bytes) else { return }
        _ = (message.time, message.replyTo, message.urgent)
        try require(bytes.suffix(message.body.count).elementsEqual(message.body), "the body is not the end")
        var text = message.headers.map { "\($0.key): \($0.value)\n" }.joined() + "\n"
        // Without the blanks, and the letters that were no UTF-8, that are not kept.
        text.makeContiguousUTF8()
        let again = Message(id: file, read: false, Array(text.utf8) + message.body)
        try require(
            again.map { $0.headers.elementsEqual(message.headers, by: ==) && $0.body == message.body } ?? false,
            "a message that was written is read as another")
    }

    static let entry = Target(name: "entry") { bytes in
        let read = try undamaged {
            let record = try EntryRecord(bytes, of: "entry")
            return try Entry(id: record.task ?? 1, record: record, of: "entry")
        }
        if let entry = read {
            var other = entry
            other.record.since = 1_800_000_000
            try require(
                !(entry.isBefore(other, 1_800_000_001) && other.isBefore(entry, 1_800_000_001)),
                "each of two entries is before the other")
            _ = (entry.again.map { Time.text($0.at) }, entry.isApproved, entry.claim.reviewName, Time.text(entry.time))
            try require(try EntryRecord(entry.record.bytes, of: "entry") == entry.record, "an entry is read as another")
        }
        _ = try undamaged { try GateVerdict(bytes, of: "verdict").time.map(Time.text) }
        _ = try undamaged { try Bus.lines(UsageRecord(bytes, of: "cost"), of: "cost") }
        _ = try undamaged { try Conflict(ConflictRecord(bytes, of: "x"), of: "conflicts/1,target") }
        _ = try undamaged { Compared(try ComparedRecord(bytes, of: "compared")) }
    }

    static let journal = Target(name: "journal") { bytes in
        var lines = JournalLines("2026-11-28")
        var events: [Event] = []
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            _ = JournalLines.seconds(ofLine: line, day: "2026-11-28")
            guard let event = Event(line) else { continue }
            try require(event.line.elementsEqual(line), "an event is not its line")
            try require(event["time"] != nil && event["event"] != nil, "an event without a time or a name")
            let words = Array(event.words.joined(separator: "\t").utf8)
            try require(event.plainWords.map { $0 == words } ?? true, "words and bytes of an event differ")
            events.append(event)
            var fields = EventFields()
            line.withUnsafeBufferPointer { line in if fields.find(in: line) { lines.append(line, fields) } }
        }
        lines.sort()
        var count = 0
        lines.each { _ in count += 1 }
        try require(count == events.count && lines.count == count, "of \(events.count) events \(count) come back")
        _ = lines.isRegular ? lines.times : []
        _ = Spans(events).all.map { ($0.agent, $0.end) }
    }
}
