import Glibc
import Storage
import SystemPackage
import Testing

@testable import Bus

/// A bus with nothing but a journal, removed with the value.
private final class Journal {
    let root: FilePath
    var bus: Bus { Bus(unopened: root) }

    init() throws {
        root = FilePath("/tmp/cadre-journal-\(Random.hex(16))")
        try Files.mkdirs(bus.journal)
    }

    deinit {
        for name in (try? Files.list(bus.journal)) ?? [] { _ = try? Files.unlink(bus.journal.appending(name)) }
        rmdir(bus.journal.string)
        rmdir(root.string)
    }

    func write(_ name: String, _ text: String) throws {
        try Files.write(Array(text.utf8), to: bus.journal.appending(name), sync: false)
    }

    func read(_ query: EventQuery = EventQuery()) throws -> [String] {
        var lines: [String] = []
        try bus.events(query, follow: false) {
            lines.append(String(decoding: $0.line, as: UTF8.self))
        } pause: {
        }
        return lines
    }

    /// The same by reading all, line by line.
    func readSlowly(_ query: EventQuery) throws -> [String] {
        var events: [Event] = []
        for name in try (Files.list(bus.journal) ?? []).sorted() {
            let bytes = try Files.read(bus.journal.appending(name)) ?? []
            let whole = bytes[..<(bytes.lastIndex(of: 10) ?? 0)]
            events += whole.split(separator: 10, omittingEmptySubsequences: false).compactMap { Event($0) }
        }
        let sorted = events.enumerated().sorted {
            ($0.element["time"]!, $0.offset) < ($1.element["time"]!, $1.offset)
        }.map(\.element)
        let wanted = sorted.filter { event in
            if let agent = query.agent, !event.tells(ofAgent: agent) { return false }
            if let task = query.task, event["task"] != "\(task)" { return false }
            if let since = query.since, event["time"]! < Time.text(since) { return false }
            return true
        }
        return wanted.suffix(query.last ?? .max).map { String(decoding: $0.line, as: UTF8.self) }
    }
}

@Suite struct JournalReaderTests {
    /// 2026-11-28T00:00:00Z.
    private static let begin = 1_795_824_000

    /// Three days of two or three hosts whose clocks agree but for some seconds, with what crashes and people leave.
    private func fill(_ journal: Journal, _ random: inout SystemRandomNumberGenerator, lines: Int) throws {
        for day in 0..<3 {
            for host in ["alpha", "beta", "gamma"] where Int.random(in: 0..<4, using: &random) > 0 {
                var time = JournalReaderTests.begin + day * 86400 + Int.random(in: 100..<40000, using: &random)
                var text = ""
                for n in 0..<Int.random(in: 0..<lines, using: &random) {
                    time = min(
                        time + [0, 0, 0, 1, 1, 40, 700].randomElement(using: &random)!,
                        JournalReaderTests.begin + day * 86400 + 86399)
                    let at = time - Int.random(in: 0..<8, using: &random)
                    let by = ["bob", "eve", "bo", "human"].randomElement(using: &random)!
                    let to = ["bob", "é", "a \"quoted\" bob"].randomElement(using: &random)!
                    let task = [1, 5, 15, 50, 51].randomElement(using: &random)!
                    let line =
                        "{\"time\":\"\(Time.text(at))\",\"event\":\"e\(n)\",\"by\":\"\(by)\",\"task\":\(task),"
                        + "\"to\":\(JSON.string(to)),\"host\":\"\(host)\"}"
                    switch Int.random(in: 0..<40, using: &random) {
                    case 0: text += line.prefix(Int.random(in: 0..<line.count, using: &random)) + "\n"
                    case 1: text += line.prefix(Int.random(in: 0..<line.count, using: &random))
                    case 2: text += "\n"
                    case 3: text += "{\"task\":5,\"event\":\"other\",\"by\":\"bob\",\"time\":\"\(Time.text(at))\"}\n"
                    case 4 where n % 7 == 0: text += String(repeating: "x", count: 70_000) + "\n"
                    default: text += line + "\n"
                    }
                }
                if Bool.random(using: &random) {
                    text += "{\"time\":\"\(Time.text(time))\",\"event\":\"torn\",\"by\":\"bob\""
                }
                let name = Time.text(JournalReaderTests.begin + day * 86400).prefix(10)
                try journal.write("\(name).\(host).jsonl", text)
            }
        }
    }

    @Test(arguments: [6, 6, 60, 60, 200]) func everyQueryIsAsReadingAll(_ lines: Int) throws {
        var random = SystemRandomNumberGenerator()
        let journal = try Journal()
        try fill(journal, &random, lines: lines)
        for _ in 0..<20 {
            let since = [nil, -10, 0, 20000, 86400, 140_000, 300_000].randomElement(using: &random)!
            let query = EventQuery(
                agent: [nil, "bob", "nobody"].randomElement(using: &random)!,
                task: [nil, 5, 7].randomElement(using: &random)!, since: since.map { $0 + JournalReaderTests.begin },
                last: [nil, 0, 1, 3, 100, 100_000].randomElement(using: &random)!)
            let slow = try journal.readSlowly(query)
            #expect(try journal.read(query) == slow, "\(query)")
        }
    }

    @Test func aClockThatWasSetBackIsInOrder() throws {
        let journal = try Journal()
        let hours = ["10", "11", "12", "09", "10", "11"]
        try journal.write(
            "2026-11-28.a.jsonl",
            hours.map { "{\"time\":\"2026-11-28T\($0):00:00Z\",\"event\":\"e\",\"by\":\"b\"}\n" }.joined())
        let query = EventQuery(last: 2)
        #expect(try journal.read() == journal.readSlowly(EventQuery()))
        #expect(try journal.read(query) == journal.readSlowly(query))
    }

    @Test func timesOfSomebodyElseSortAsText() throws {
        let journal = try Journal()
        let times = ["b", "2026-11-28T10:00:00Z", "a", "2026-11-28T10:00:00.5Z"]
        try journal.write(
            "2026-11-28.a.jsonl", times.map { "{\"time\":\"\($0)\",\"event\":\"e\",\"by\":\"b\"}\n" }.joined())
        for last in [nil, 2] {
            let query = EventQuery(last: last)
            #expect(try journal.read(query) == journal.readSlowly(query))
        }
    }

    /// Of the last and of the latest events it reads the end of one file only: files of other days may be anything.
    @Test func theEndIsReadWithoutTheRest() throws {
        let journal = try Journal()
        let line = "{\"time\":\"2026-11-29T10:00:00Z\",\"event\":\"e\",\"by\":\"b\"}\n"
        try journal.write("2026-11-29.a.jsonl", line)
        try Files.mkdirs(journal.bus.journal.appending("2026-11-28.a.jsonl"))
        defer { rmdir(journal.bus.journal.appending("2026-11-28.a.jsonl").string) }
        #expect(throws: Failure.self) { try journal.read() }
        #expect(try journal.read(EventQuery(last: 1)).count == 1)
        #expect(try journal.read(EventQuery(since: JournalReaderTests.begin + 86400)).count == 1)
    }
}
