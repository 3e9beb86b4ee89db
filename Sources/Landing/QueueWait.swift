import Bus
import Storage
import SystemPackage

// What can't go on now: the queue as a whole, and one entry of it.
extension MergeRunner {
    /// Notes what keeps the whole queue from running. A person is asked; for what may pass by itself, if it is there
    /// still when it is tried again.
    static func stop(_ bus: Bus, _ why: String, passes: Bool) throws {
        if try !passes || bus.stopped()?.retries != nil {
            try bus.openAsk(named: "merge", by: "cadre", "the merge queue stands still: \(why)")
        }
        try bus.setStopped(why, passes: passes)
    }

    /// Seconds after which supervisors look again, for the n-th time.
    private static func pause(_ tries: Int, atMost limit: Int) -> Int { min(limit, 5 << min(tries - 1, 10)) }

    /// So many looks, a minute in all, precede an ask about a cause that may pass by itself.
    private static let lookedFor = 4

    /// Makes the entry wait until `index` changes, or for a time that grows: to a minute with such a file, because the
    /// obstacle may go without changing it, or may have gone while we looked. `again`: no run tries the entry before
    /// its time, not even a person's. `passes`: the cause may pass by itself, as a lock of git's may; a person is asked
    /// only after some more looks. `note` changes the record in the same write.
    func wait(
        _ entry: Entry, _ why: String, _ index: FilePath?, _ report: inout Report, red: String? = nil,
        again: Bool = false, asks: Bool = true, passes: Bool = false,
        _ note: (inout EntryRecord) -> Void = { _ in }
    ) throws {
        guard let now = try bus.entry(entry.id), now.tip == entry.tip, now.token == entry.token else { return }
        guard now.step != .landing || entry.step == .landing else { throw Failure.unsure("task \(entry.id): \(why)") }
        let stamp = try index.map(MergeRunner.stamp)
        let passes = passes || index?.extension == "lock"
        let looks = (now.record.looks ?? 0) + 1
        if red == nil, asks, try !passes || looks > MergeRunner.lookedFor || isAsked(entry) {
            try ask(entry, "waits: \(why)")
        }
        guard
            try bus.advance(
                now, to: .waiting,
                {
                    $0.why = Names.shown(why)
                    $0.index = index?.string
                    $0.indexStamp = stamp
                    $0.red = red
                    let tries = ($0.retries ?? 0) + 1
                    $0.retries = again ? tries : nil
                    $0.retryAt = again ? Time.now() + Bus.backoff(tries) : nil
                    $0.looks = again ? nil : looks
                    $0.lookAt = again ? nil : Time.now() + MergeRunner.pause(looks, atMost: index == nil ? 900 : 60)
                    note(&$0)
                }) != nil
        else { return try bus.closeAsks(of: entry.id, by: "cadre", "it changed meanwhile") }
        report.waiting.append("\(entry.id): \(why)")
        tell(["\(entry.id)", "waiting", why])
    }

    func isAsked(_ entry: Entry) throws -> Bool { try bus.ask("merge-\(entry.id)").map { $0.answer == nil } ?? false }

    /// One ask for each entry, with what is the matter now.
    func ask(_ entry: Entry, _ what: String) throws {
        let name = "merge-\(entry.id)"
        let text = "task \(entry.id) \(what)"
        if let open = try bus.ask(name), open.answer == nil, open.text != text {
            try bus.closeAsk(named: name, by: "cadre", "")
        }
        try bus.openAsk(named: name, by: "cadre", text)
    }
}
