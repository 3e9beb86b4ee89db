import CSys
import Glibc
import SystemPackage

/// Waits for changes of files by inotify(7); where none can be had (the user's instances are used up, a file system
/// of another host) it wakes each second instead.
public final class Watcher {
    private let fd: Int32
    /// To be polled beside other descriptors; -1 if there is no inotify here.
    public var descriptor: Int32 { fd }

    public init() { fd = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) }
    deinit { if fd >= 0 { close(fd) } }

    /// Watches a file or directory for anything that a verb does to it. What is not there is left out.
    public func watch(_ path: FilePath) {
        guard fd >= 0 else { return }
        let mask = UInt32(IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE)
        _ = path.withPlatformString { inotify_add_watch(fd, $0, mask) }
    }

    /// Blocks until something changed or `seconds` passed. Returns at once for what changed since the last call.
    public func wait(seconds: Double) {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        let bound = fd >= 0 ? seconds : min(seconds, 1)
        let milliseconds = Int32(max(0, min(bound, 3600) * 1000))
        if poll(&entry, fd >= 0 ? 1 : 0, milliseconds) > 0 { drain() }
    }

    /// Forgets what changed so far.
    public func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while read(fd, &buffer, buffer.count) > 0 {}
    }
}

extension Bus {
    /// Claims the best task, waiting for one until `deadline` (seconds since the epoch, nil: for ever). Nil in the end.
    /// `idle` is called before each wait, to see to dead owners.
    public func claimBest(_ worker: Worker, until deadline: Int?, idle: () throws -> Void) throws -> Claim? {
        let watcher = Watcher()
        for queue in worker.queues {
            try Files.mkdirs(self.queue(queue))
            if try !Files.exists(bell(queue)) { try Files.ring(bell(queue)) }
            watcher.watch(bell(queue))
        }
        watcher.watch(state("deferred"))
        for name in try agentNames() { watcher.watch(alive(name)) }
        while true {
            try promoteDue()
            if let claim = try claimBest(worker) { return claim }
            try idle()
            if let claim = try claimBest(worker) { return claim }
            let now = Time.now()
            if let deadline, now >= deadline { return nil }
            var seconds = 60
            if let deadline { seconds = min(seconds, deadline - now) }
            if let due = try nextDue() { seconds = max(1, min(seconds, due - now)) }
            watcher.wait(seconds: Double(seconds))
        }
    }

    /// Waits for unread mail until `deadline`. False if there is none by then.
    public func waitForMail(_ name: String, until deadline: Int?) throws -> Bool {
        try makeBox(name)
        let watcher = Watcher()
        watcher.watch(box(name).appending("new"))
        while try messages(of: name).isEmpty {
            let now = Time.now()
            if let deadline, now >= deadline { return false }
            watcher.wait(seconds: Double(min(60, (deadline ?? now + 60) - now)))
        }
        return true
    }

    /// Waits until all these tasks are done (true), or one failed or was cancelled or time is up (false).
    public func waitForEnd(_ ids: [Int], until deadline: Int?) throws -> Bool {
        let watcher = Watcher()
        for name in ["settle", "done", "failed", "cancelled"] { watcher.watch(state(name)) }
        while true {
            let states = try ids.map { id -> State in
                guard let marker = try find(id) else { throw noTask(id) }
                return marker.state
            }
            if states.allSatisfy({ $0 == .done }) { return true }
            if states.contains(where: { $0 == .failed || $0 == .cancelled }) { return false }
            let now = Time.now()
            if let deadline, now >= deadline { return false }
            watcher.wait(seconds: Double(min(60, (deadline ?? now + 60) - now)))
        }
    }

    /// Blocks until something may have changed in the inbox.
    public func waitForChange(_ name: String) throws {
        try makeBox(name)
        let before = try messages(of: name, all: true).count
        let watcher = Watcher()
        watcher.watch(box(name).appending("new"))
        if try messages(of: name, all: true).count == before { watcher.wait(seconds: 60) }
    }

    /// The answer of an ask, once it is there; nil if it is not by the deadline.
    public func waitForAnswer(_ id: String, until deadline: Int?) throws -> String? {
        let watcher = Watcher()
        watcher.watch(root.appending("asks").appending("done"))
        while true {
            if let answer = try ask(id)?.answer { return answer }
            let now = Time.now()
            if let deadline, now >= deadline { return nil }
            watcher.wait(seconds: Double(min(60, (deadline ?? now + 60) - now)))
        }
    }
}
