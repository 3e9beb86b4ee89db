import Glibc
import Storage
import SystemPackage

// The journal: one JSON object a line, `journal/DATE.HOST.jsonl`. A line is one write(2) of at most 4 KiB on a file
// opened to append, so lines of different writers never mix; one that a crash cut short is skipped by readers. It is
// told, not relied on: losing a line loses nothing else.
extension Bus {
    /// Appends an event. It ignores errors: a lost line must not fail the operation that it reports.
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

extension Bus {
    /// The last `count` events that fit, oldest first, out of the last `bytes` bytes of each host's last two days.
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
}
