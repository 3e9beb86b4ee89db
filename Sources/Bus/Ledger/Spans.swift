import Storage

/// Who worked on what when: spans of time from a claim to its end, as the journal tells of them.
package struct Spans {
    package struct Span {
        package let agent: String
        package let task: Int
        /// Seconds since the epoch.
        package let from: Int
        /// Nil while it goes on.
        package var to: Int?
        /// `claimed` while it goes on, else how it ended: `submitted`, `done`, `failed`, `cancelled`, `released`,
        /// `taken`.
        package var end = "claimed"

        /// Whether it ended without its work being done.
        package var isLost: Bool { ["failed", "taken", "released", "cancelled"].contains(end) }
    }

    package private(set) var all: [Span] = []
    /// Work that landed, and when.
    package private(set) var landings: [(task: Int, at: Int)] = []

    /// Of these events, oldest first.
    package init(_ events: some Sequence<Event>) {
        var open: [Int: Int] = [:]
        for event in events {
            guard let what = event["event"], let task = event["task"].flatMap({ Int($0) }),
                let time = event["time"].flatMap({ Time.point($0) })
            else { continue }
            switch what {
            case "claimed":
                close(&open, task, time, "taken")
                open[task] = all.count
                all.append(Span(agent: event["by"] ?? "?", task: task, from: time))
            case "submitted", "done", "failed", "released", "taken", "cancelled": close(&open, task, time, what)
            case "landed":
                close(&open, task, time, "done")
                landings.append((task, time))
            default: break
            }
        }
    }

    private mutating func close(_ open: inout [Int: Int], _ task: Int, _ time: Int, _ how: String) {
        guard let n = open.removeValue(forKey: task) else { return }
        all[n].to = time
        all[n].end = how
    }

    package var agents: [String] { Array(Set(all.map(\.agent))).sorted() }
}
