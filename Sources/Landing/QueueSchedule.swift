import Bus
import Storage
import SystemPackage

// When the queue is to be looked at: what a supervisor asks of the files alone, without a process.
extension MergeRunner {
    /// Seconds between two looks at a file that blocks an entry.
    private static let glance = 20
    /// Seconds within which a runner that was started takes the lock.
    private static let patience = 5

    /// Whether there is work for a runner and none is at it.
    package static func needsRunner(_ bus: Bus) throws -> Bool {
        guard try bus.entries({ _ in }).contains(where: { try isDue($0, bus) }) else { return false }
        if let stopped = try bus.stopped(), let time = stopped.time,
            let next = stopped.retryAt ?? stopped.lookAt, next > Time.now()
        {
            guard let bell = try Files.status(bus.mergeBell), bell.st_mtim.tv_sec > time else { return false }
        }
        if let next = try nextRun(bus), next > Time.now() { return false }
        return try FileLock.isFree(bus.mergeLock)
    }

    /// How many runners in a row did not come to their end, nor brought an entry to its own: told by the lock's file.
    package static func tries(_ bus: Bus) throws -> Int {
        try Files.read(bus.mergeLock).flatMap { Int(String(decoding: $0.prefix { $0 != 10 }, as: UTF8.self)) } ?? 0
    }

    static func setTries(_ bus: Bus, _ tries: Int) throws {
        try Files.write(Array("\(tries)\n".utf8), to: bus.mergeLock, sync: false)
    }

    /// When the next runner may be started, after several in a row that did not come to their end: after pauses that
    /// double, from 5 seconds to 15 minutes, or at once when something is new. Nil: at any time.
    package static func nextRun(_ bus: Bus) throws -> Int? {
        let tries = try tries(bus)
        guard tries >= 3, let last = try Files.status(bus.mergeLock)?.st_mtim.tv_sec else { return nil }
        if let bell = try Files.status(bus.mergeBell), bell.st_mtim.tv_sec > last { return nil }
        return last + min(900, 5 << min(tries - 3, 8))
    }

    /// Whether looking at the entry now may move it.
    private static func isDue(_ entry: Entry, _ bus: Bus) throws -> Bool {
        switch entry.step {
        case .queued, .gating, .landed, .returning: return true
        case .held: return try bus.reviewAsk(entry)?.answer != nil
        // Its last runner could not finish it, it is to be tried again, or what blocks it is a file of git's that has
        // changed since.
        case .landing, .waiting:
            let again = entry.record.retryAt ?? entry.record.lookAt
            if let again, again <= Time.now() { return true }
            guard let index = entry.record.index else { return entry.step == .landing && again == nil }
            return try stamp(FilePath(index)) != entry.record.indexStamp
        case .stuck, .withdrawn: return false
        }
    }

    /// When a runner is to try something again, if nothing else calls for one before; nil if nothing waits for a time
    /// that is still to come.
    package static func nextTry(_ bus: Bus) throws -> Int? {
        let entries = try bus.entries({ _ in })
        let records = entries.filter { $0.step == .waiting || $0.step == .landing }.map(\.record)
        // A file that blocks one is looked at, without a runner.
        let isWatched = records.contains { $0.index != nil }
        var times =
            records.compactMap { $0.retryAt ?? $0.lookAt } + (isWatched ? [Time.now() + MergeRunner.glance] : [])
        if !entries.isEmpty, let stopped = try bus.stopped(), let next = stopped.retryAt ?? stopped.lookAt {
            times.append(next)
        }
        // One that was started may have ended before it took the lock, which nobody sees.
        if try entries.contains(where: { try isDue($0, bus) }), try FileLock.isFree(bus.mergeLock) {
            times.append(try max(nextRun(bus) ?? 0, Time.now() + MergeRunner.patience))
        }
        return times.filter { $0 > Time.now() }.min()
    }

    static func stamp(_ path: FilePath) throws -> String {
        guard let st = try Files.status(path) else { return "none" }
        return "\(st.st_mtim.tv_sec).\(st.st_mtim.tv_nsec)"
    }
}
