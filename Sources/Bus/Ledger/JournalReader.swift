import CLinux
import Glibc
import Storage
import SystemPackage

/// Which events are wanted.
package struct EventQuery {
    /// By or about this agent.
    package var agent: String?
    /// About this task.
    package var task: Int?
    /// Not before this, in seconds since the epoch.
    package var since: Int?
    /// Only so many, the last ones.
    package var last: Int?

    package init(agent: String? = nil, task: Int? = nil, since: Int? = nil, last: Int? = nil) {
        self.agent = agent
        self.task = task
        self.since = since
        self.last = last
    }
}

extension Bus {
    /// Calls `body` with each event, oldest first; with `follow` also with those to come, calling `pause` before each
    /// wait. Returns whether an event of the query's agent was among those that were looked at.
    @discardableResult
    package func events(
        _ query: EventQuery = EventQuery(), follow: Bool, _ body: (Event) -> Void, pause: () -> Void
    ) throws -> Bool {
        // Not for nothing: the kernel takes up to 20 ms for its end.
        let watcher = follow ? Watcher() : nil
        watcher?.watch(journal)
        let reader = JournalReader(self, query)
        try reader.begin(follow: follow, body)
        while let watcher {
            pause()
            watcher.wait(seconds: 60)
            try reader.goOn(body)
        }
        return reader.hasSeenAgent
    }
}

/// Reads the journal as its query needs it.
///
/// A day is one unit: the lines of its files, a file a host, in the order of their times, and as they stand in the
/// files where those are equal. What is wanted decides how much is read:
///
/// - Of the last events and of those since a time, whole days are left out by their files' names, and the files of the
///   first day are read from their ends backwards.
/// - Of a task's or an agent's events, a line is looked at only if it has the bytes that such a line must have.
final class JournalReader {
    /// How many seconds a line may stand behind a later one in its file: a writer takes the time first. Reading
    /// backwards goes on for so long behind what is wanted.
    private static let disorder = 60
    private static let firstBlock = 1 << 16
    private static let block = 1 << 18

    private let bus: Bus
    private let query: EventQuery
    /// The time since when, as it stands in lines.
    private let since: [UInt8]?
    /// What every line that is wanted has in it.
    private let needle: [UInt8]?
    private var fields = EventFields()
    private var buffer = [UInt8](repeating: 0, count: block)
    /// How far each file was read, to the end of its last whole line.
    private var ends: [String: Int] = [:]
    private(set) var hasSeenAgent = false

    init(_ bus: Bus, _ query: EventQuery) {
        self.bus = bus
        self.query = query
        since = query.since.map { Array(Time.text($0).utf8) }
        // As `journal` writes them: a name and a number have no escapes.
        needle = query.agent.map { Array("\"\($0)\"".utf8) } ?? query.task.map { Array("\"task\":\($0)".utf8) }
    }

    /// What is there.
    func begin(follow: Bool, _ body: (Event) -> Void) throws {
        let days = try days()
        let first = since.map { String(decoding: $0.prefix(10), as: UTF8.self) } ?? ""
        let wanted = days.filter { $0.day >= first }
        if let last = query.last {
            var rest = last
            var found: [JournalLines] = []
            for (day, files) in wanted.reversed() where rest > 0 {
                var lines = JournalLines(day)
                for name in files { try readBack(name, rest, into: &lines) }
                lines.sort()
                lines.keepLast(rest)
                rest -= lines.count
                found.append(lines)
            }
            for lines in found.reversed() { lines.each(body) }
        } else {
            for (day, files) in wanted {
                var lines = JournalLines(day)
                for name in files {
                    if day == first { try readBack(name, nil, into: &lines) } else { try readOn(name, into: &lines) }
                }
                lines.sort()
                lines.each(body)
            }
        }
        guard follow else { return }
        // What is added to the others is still to come.
        var unread = JournalLines("")
        for name in days.flatMap(\.files) where ends[name] == nil { try readBack(name, 0, into: &unread) }
    }

    /// What was added since.
    func goOn(_ body: (Event) -> Void) throws {
        for (day, files) in try days() {
            var lines = JournalLines(day)
            for name in files { try readOn(name, into: &lines) }
            lines.sort()
            lines.each(body)
        }
    }

    /// The files by day, both in order.
    private func days() throws -> [(day: String, files: [String])] {
        guard let files = try Files.list(bus.journal) else { throw bus.missing(bus.journal) }
        let byDay = Dictionary(grouping: files.filter(Bus.isJournal)) { String($0.prefix(10)) }
        return byDay.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }

    /// Hands over an open file, but none that was removed since it was listed.
    private func open(_ name: String, _ body: (borrowing OpenFile) throws -> Void) throws {
        let path = bus.journal.appending(name)
        if let file = try OpenFile(path) { return try body(file) }
        // Listed, and not there: removed meanwhile, or a link to nothing.
        guard try Files.status(path) == nil else { throw Failure.unsure("'\(path.string)' is not a regular file") }
    }

    /// Reads a file from where reading ended before to the end of its last whole line.
    private func readOn(_ name: String, into lines: inout JournalLines) throws {
        try open(name) { file in
            var at = ends[name] ?? 0
            while true {
                let count = try fill(file, at, buffer.count)
                if let last = buffer[..<count].lastIndex(of: 10) {
                    scan(0..<(last + 1), into: &lines)
                    at += last + 1
                } else if count == buffer.count {
                    buffer += [UInt8](repeating: 0, count: count)
                } else {
                    break
                }
            }
            ends[name] = at
        }
    }

    /// Reads a file from its end backwards, until what comes before is older than is wanted, or than so many.
    private func readBack(_ name: String, _ count: Int?, into lines: inout JournalLines) throws {
        try open(name) { file in
            // Later blocks come first.
            var blocks: [JournalLines] = []
            var newest: [Int] = []
            var upper = try file.size()
            var size = JournalReader.firstBlock
            while true {
                let start = max(0, upper - size)
                let read = try fill(file, start, upper - start)
                let first = start == 0 ? 0 : buffer[..<read].firstIndex(of: 10).map { $0 + 1 }
                guard let first, let last = buffer[..<read].lastIndex(of: 10), last >= first else {
                    // No whole line: it is longer, or there is none.
                    if start == 0 {
                        if blocks.isEmpty { ends[name] = 0 }
                        break
                    }
                    size *= 2
                    continue
                }
                if blocks.isEmpty { ends[name] = start + last + 1 }
                var block = JournalLines(lines.day)
                if count != 0 { scan(first..<(last + 1), into: &block) }
                blocks.append(block)
                if let count { newest = (newest + block.times).sorted().suffix(count) }
                let oldest = JournalLines.seconds(ofLine: buffer[first...last], day: lines.day)
                if start == 0 || count == 0 { break }
                if blocks.allSatisfy(\.isRegular), isBehind(oldest, lines.day, newest.count == count ? newest[0] : nil)
                {
                    break
                }
                upper = start + first
                size = JournalReader.block
            }
            for block in blocks.reversed() { lines.append(block) }
        }
    }

    /// Whether what stands before a line of this time can't be wanted, where only what is as late as `first` counts.
    private func isBehind(_ time: Int?, _ day: String, _ first: Int?) -> Bool {
        let begin = since.flatMap {
            JournalLines.isDay($0.prefix(10), day) ? JournalLines.seconds(ofDay: $0[11...]) : nil
        }
        guard let time, let bound = [begin, first].compactMap({ $0 }).max() else { return false }
        return time + JournalReader.disorder < bound
    }

    /// Reads at most so many bytes into the buffer, and returns how many.
    private func fill(_ file: borrowing OpenFile, _ offset: Int, _ count: Int) throws -> Int {
        if buffer.count < count { buffer += [UInt8](repeating: 0, count: count - buffer.count) }
        return try buffer.withUnsafeMutableBytes {
            try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]), at: offset)
        }
    }

    /// Adds what is wanted of the whole lines that stand in the buffer.
    private func scan(_ range: Range<Int>, into lines: inout JournalLines) {
        buffer.withUnsafeBufferPointer { buffer in
            let block = UnsafeBufferPointer(rebasing: buffer[range])
            guard let base = block.baseAddress else { return }
            var at = 0
            while at < block.count {
                if let needle {
                    guard let hit = memmem(base + at, block.count - at, needle, needle.count) else { return }
                    let found = UnsafeRawPointer(base).distance(to: hit)
                    at = block[at..<found].lastIndex(of: 10).map { $0 + 1 } ?? at
                }
                guard let newline = memchr(base + at, 10, block.count - at) else { return }
                let end = UnsafeRawPointer(base).distance(to: newline)
                let line = UnsafeBufferPointer(rebasing: block[at..<end])
                if fields.find(in: line), isWanted(line, lines.day) { lines.append(line, fields) }
                at = end + 1
            }
        }
    }

    private func isWanted(_ line: UnsafeBufferPointer<UInt8>, _ day: String) -> Bool {
        if let agent = query.agent {
            guard fields.tells(ofAgent: agent, in: line) else { return false }
            hasSeenAgent = true
        }
        if let task = query.task, fields.value("task", in: line)?.equals("\(task)", in: line) != true { return false }
        guard let since, let time = fields.value("time", in: line) else { return true }
        return !line[time.range].lexicographicallyPrecedes(since)
    }
}
