import Glibc
import Storage
import SystemPackage

// A status line counts what is in a hundred directories, thousands of times a day, though few of them changed since the
// last time. So each count is kept, in `counts`, with the time at which its directory last changed, and holds as long
// as that time stays. A change within the clock's grain of a count would not show in it: a directory that changed in
// the last second is counted each time. The file is a hint: it may be deleted, and where it can't be written all is
// counted.
struct Tally {
    /// A directory changed too lately, in nanoseconds, for its count to be kept.
    private static let grain = 1_000_000_000

    private let root: FilePath
    private let file: FilePath
    private let now = Time.micros() * 1000
    private var known: [String: (changed: Int, count: Int)] = [:]
    private var seen: [String: (changed: Int, count: Int)] = [:]

    init(_ bus: Bus) throws {
        root = bus.root
        file = bus.countsFile
        for line in try (Files.read(file) ?? []).split(separator: 10) {
            let words = line.split(separator: 32, maxSplits: 2)
            if words.count == 3, let changed = Tally.number(words[0]), let count = Tally.number(words[1]) {
                known[String(decoding: words[2], as: UTF8.self)] = (changed, count)
            }
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? { Int(String(decoding: digits, as: UTF8.self)) }

    /// How many names a directory of the bus has but for those that begin with a dot; nil if there is none.
    mutating func entries(_ path: FilePath) throws -> Int? {
        // Below the bus, as the file names it.
        let part = path.withPlatformString { String(cString: $0 + root.length + 1) }
        guard let st = try Files.status(path) else { return nil }
        let changed = st.st_mtim.tv_sec * 1_000_000_000 + st.st_mtim.tv_nsec
        if let last = known[part], last.changed == changed {
            seen[part] = last
            return last.count
        }
        var count = 0
        guard try Files.each(path, { if $0[0] != 46 { count += 1 } }) else { return nil }
        if now - changed > Tally.grain { seen[part] = (changed, count) }
        return count
    }

    /// Writes down what was counted, if it is not what is there.
    func keep(_ bus: Bus) {
        guard seen.count != known.count || seen.contains(where: { known[$0.key]?.changed != $0.value.changed }) else {
            return
        }
        let lines = seen.map { "\($0.value.changed) \($0.value.count) \($0.key)\n" }.joined()
        try? bus.replace(file, with: Array(lines.utf8), sync: false)
    }
}

extension Bus {
    /// Keeps the line that was shown last. Where the bus can't be written it is not kept: it was shown all the same.
    package func keepStatus(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        guard (try? Files.read(statusFile)) != bytes else { return }
        try? replace(statusFile, with: bytes, sync: false)
    }

    /// A number of `counts` in words: `1 ask`, `2 asks`.
    package static func counted(_ count: Int, _ name: String) -> String {
        "\(count) " + (count == 1 && ["asks", "conflicts"].contains(name) ? String(name.dropLast()) : name)
    }

    /// The tasks that have failed, by id.
    package func failedTasks() throws -> [Int] { try listState(.failed).compactMap { Names.number($0) }.sorted() }

    /// The deferred tasks that fall due before anything given back for a reason that may pass could wait longer.
    package func dueSoon() throws -> [(due: Int, id: Int)] {
        let end = Time.now() + Bus.retryBounds.task
        let groups = try deferredGroups().filter { $0 * Bus.deferredSpan <= end }
        return try groups.flatMap(deferred).filter { $0.due <= end }.sorted { $0.due < $1.due }
    }

    /// The queues that have ready tasks, each with the one that goes first.
    package func firstReadyByQueue() throws -> [(queue: String, id: Int)] {
        try readyPlaces().compactMap { queue, priorities in
            for priority in priorities.sorted() {
                // Empty buckets are left to who claims.
                for bucket in try (Files.list(ready(queue, priority)) ?? []).compactMap({ Names.number($0) }).sorted() {
                    if let id = try Files.minimum(ready(queue, priority, bucket: bucket)) { return (queue, id) }
                }
            }
            return nil
        }
    }

    /// All agents, by name.
    package func team() throws -> [AgentView] { try agentNames().compactMap { try agent(named: $0) } }

    /// These agents and all tasks in numbers, by looking at directories only.
    package func counts(_ team: [AgentView]) throws -> [(name: String, count: Int)] {
        var tally = try Tally(self)
        func entries(_ path: FilePath) throws -> Int {
            guard let count = try tally.entries(path) else { throw missing(path) }
            return count
        }
        var agents: [AgentState: Int] = [:]
        for agent in team { agents[agent.state, default: 0] += 1 }
        var ready = 0
        for (queue, priorities) in try readyPlaces() {
            for priority in priorities {
                let top = self.ready(queue, priority)
                // Buckets come and go.
                for bucket in try Files.list(top) ?? [] {
                    ready += try tally.entries(top.appending(bucket)) ?? 0
                }
            }
        }
        let mail = try entries(box("human", .new)) + unreadInCur("human").count
        let counts = [
            ("agents", agents.values.reduce(0, +)), ("working", (agents[.working] ?? 0) + (agents[.starting] ?? 0)),
            ("idle", agents[.idle] ?? 0),
            ("waiting", agents[.waiting] ?? 0), ("stuck", agents[.stuck] ?? 0),
            ("dead", (agents[.dead] ?? 0) + (agents[.quarantined] ?? 0)),
            ("ready", ready), ("blocked", try entries(state(.blocked))), ("claimed", try entries(state(.claimed))),
            ("review", try entries(state(.review))),
            ("asks", try entries(openAsks)), ("mail", mail), ("queue", try entries(mergeQueue)),
            ("failed", try entries(state(.failed))),
            // Made with the first.
            ("conflicts", try tally.entries(conflicts) ?? 0),
        ]
        tally.keep(self)
        return counts
    }
}
