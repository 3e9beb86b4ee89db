import Glibc
import Storage
import SystemPackage

// The journal: one JSON object a line, `journal/DATE.HOST.jsonl`. A line is one write(2) of at most 4 KiB on a file
// opened to append, so lines of different writers never mix; one that a crash cut short is skipped by readers. It is
// told, not relied on: losing a line loses nothing else.
extension Bus {
    /// Notes that something happened. Never fails what it tells of.
    package func journal(_ event: String, by: String, _ fields: KeyValuePairs<String, String> = [:]) {
        let now = Time.micros()
        let date = Time.text(now / 1_000_000)
        var line = "{\"time\":\"\(date)\",\"event\":\(JSON.string(event)),\"by\":\(JSON.string(by))"
        for (key, value) in fields {
            line += ",\(JSON.string(key)):"
            line += key == "task" && Int(value) != nil ? value : JSON.string(String(value.prefix(500)))
        }
        line += "}\n"
        guard line.utf8.count <= 4096 else { return }
        let file = journalFile(date.prefix(10), Host.name)
        _ = try? Files.append(Array(line.utf8), to: file)
    }
}

/// One line of the journal.
package struct Event {
    package var line: [UInt8]
    private var fields: [(key: String, value: String)] = []

    package subscript(key: String) -> String? { fields.first { $0.key == key }?.value }

    /// Time, who, what, and the rest as `key=value`.
    package var words: [String] {
        [self["time"] ?? "", self["by"] ?? "", self["event"] ?? ""]
            + fields.filter { !["time", "by", "event"].contains($0.key) }.map { "\($0.key)=\($0.value)" }
    }

    /// Nil if the line is not one of ours, whole: a flat object of strings and numbers.
    init?(_ line: ArraySlice<UInt8>) {
        self.line = Array(line)
        guard line.first == 123, line.last == 125, let text = String(validating: line, as: UTF8.self) else {
            return nil
        }
        var rest = text.dropFirst()
        func string() -> String? {
            guard rest.first == "\"" else { return nil }
            rest = rest.dropFirst()
            var out = ""
            while let c = rest.popFirst() {
                if c == "\"" { return out }
                guard c == "\\" else {
                    out.append(c)
                    continue
                }
                switch rest.popFirst() {
                case "n": out += "\n"
                case "r": out += "\r"
                case "t": out += "\t"
                case "u":
                    guard let scalar = UInt32(rest.prefix(4), radix: 16).flatMap(Unicode.Scalar.init) else {
                        return nil
                    }
                    out.unicodeScalars.append(scalar)
                    rest = rest.dropFirst(4)
                case let other?: out.append(other)
                case nil: return nil
                }
            }
            return nil
        }
        repeat {
            guard let key = string(), rest.popFirst() == ":" else { return nil }
            if rest.first == "\"" {
                guard let value = string() else { return nil }
                fields.append((key, value))
            } else {
                let number = rest.prefix { $0.isNumber }
                fields.append((key, String(number)))
                rest = rest.dropFirst(number.count)
            }
        } while rest.popFirst() == ","
        guard rest.isEmpty, self["time"] != nil, self["event"] != nil else { return nil }
    }
}

extension Event {
    /// Whether the agent did it, or it was done to the agent.
    package func tells(ofAgent name: String) -> Bool { ["by", "agent", "to", "owner"].contains { self[$0] == name } }
}

extension Bus {
    /// The last events that fit, oldest first: so many at most, of the last so many bytes of each host's last two days.
    package func lastEvents(_ count: Int, bytes: Int = 500_000, _ fits: (Event) -> Bool) throws -> [Event] {
        guard let files = try Files.list(journal) else { throw missing(journal) }
        var byHost: [String: [String]] = [:]
        for name in files.filter(Bus.isJournal).sorted() {
            byHost[String(name.dropFirst(10)), default: []].append(name)
        }
        var events: [Event] = []
        for name in byHost.values.flatMap({ $0.suffix(2) }).sorted() {
            let path = journal.appending(name)
            let start = max(0, Int(try Files.status(path)?.st_size ?? 0) - bytes)
            guard let bytes = try Files.read(path, from: start) else { continue }
            // Where it is cut the first line is not whole, and no event.
            events += bytes.split(separator: 10).compactMap { Event($0) }.filter(fits)
        }
        return Array(
            events.enumerated().sorted { ($0.element["time"] ?? "", $0.offset) < ($1.element["time"] ?? "", $1.offset) }
                .map(\.element).suffix(count))
    }

    /// Calls `body` with each event, oldest first; with `follow` also with those to come, calling `pause` before each
    /// wait.
    package func events(follow: Bool, _ body: (Event) -> Void, pause: () -> Void) throws {
        let watcher = Watcher()
        watcher.watch(journal)
        var read: [String: Int] = [:]
        while true {
            var fresh: [Event] = []
            guard let files = try Files.list(journal) else { throw missing(journal) }
            for name in files.filter(Bus.isJournal).sorted() {
                let start = read[name] ?? 0
                let path = journal.appending(name)
                guard let bytes = try Files.read(path, from: start) else {
                    // Listed, and not there: removed meanwhile, or a link to nothing.
                    guard try Files.status(path) == nil else {
                        throw Failure.unsure("'\(path.string)' is not a regular file")
                    }
                    continue
                }
                var at = 0
                while at < bytes.count, let end = bytes[at...].firstIndex(of: 10) {
                    if let event = Event(bytes[at..<end]) { fresh.append(event) }
                    at = end + 1
                }
                read[name] = start + at
            }
            // Files of several hosts interleave by time; within one the order stands.
            for (_, event) in fresh.enumerated().sorted(by: {
                ($0.element["time"] ?? "", $0.offset) < ($1.element["time"] ?? "", $1.offset)
            }) { body(event) }
            guard follow else { return }
            pause()
            watcher.wait(seconds: 60)
        }
    }
}
