import Glibc

/// Something that a process waits for: a descriptor that becomes readable, a time, or whichever comes first.
package protocol EventSource {
    /// Readable when there is something to handle; -1 where the kernel had no more room for one (inotify's instances
    /// are used up, say), so that it has to be looked at each second; nil of one that has a time only.
    var descriptor: Int32? { get }
    /// Seconds until it is due whatever the descriptor tells, 0 if it is now; nil for never.
    var remaining: Double? { get }
}

extension EventSource {
    package var remaining: Double? { nil }
}

/// The one place where a process that has several things to wait for blocks. What is due is handled by who waits, in
/// the order that matters there: signals come before what they may have made needless. The C function is `poll`.
package enum EventLoop {
    /// What became of a source while it was waited for.
    package enum Event {
        case none
        /// It is to be handled: it is readable, its time has come, or it can't tell.
        case due
        /// The other end of its descriptor is gone; what is left there can still be read.
        case hungUp
    }

    /// Blocks until one of them is due, a signal is caught or so many seconds have passed. One event for each source,
    /// in their order; of those that are not there, none.
    package static func wait(for sources: [(any EventSource)?], atMost bound: Double = 3600) -> [Event] {
        var seconds = bound
        for case let source? in sources {
            if let remaining = source.remaining { seconds = min(seconds, remaining) }
            if source.descriptor == -1 { seconds = min(seconds, 1) }
        }
        // Only what there is: poll refuses more entries than the process may have files open.
        var entries = sources.compactMap { $0?.descriptor }.filter { $0 >= 0 }.map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        let got = poll(&entries, nfds_t(entries.count), Int32((max(0, seconds) * 1000).rounded(.up)))
        var told = entries[...]
        return sources.map { source in
            guard let source else { return .none }
            let entry = source.descriptor.flatMap { $0 >= 0 ? told.popFirst() : nil }
            let tells = got > 0 ? Int32(entry?.revents ?? 0) : 0
            if tells & (POLLHUP | POLLERR | POLLNVAL) != 0 { return .hungUp }
            return tells != 0 || source.descriptor == -1 || source.remaining.map { $0 <= 0 } ?? false ? .due : .none
        }
    }
}

/// A descriptor by itself.
package struct Readable: EventSource {
    package let descriptor: Int32?

    package init(_ descriptor: Int32) { self.descriptor = descriptor }
}

/// A time by itself.
package struct Deadline: EventSource {
    private let time: Double
    package var descriptor: Int32? { nil }
    package var remaining: Double? { max(0, time - Time.monotonic()) }

    /// A time of the monotonic clock, in seconds.
    package init(at time: Double) { self.time = time }

    /// So many seconds from now.
    package init(in seconds: Double) { self.init(at: Time.monotonic() + seconds) }
}
