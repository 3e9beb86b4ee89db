import CLinux
import Glibc
import Storage

/// Signals that wait until this process takes them, and do not interrupt it. The C functions are `sigprocmask` and
/// `signalfd`.
package struct SignalQueue: EventSource {
    private let fd: Int32
    /// Readable while one waits; -1 if the kernel gives none.
    package var descriptor: Int32? { fd }
    private let before: sigset_t

    package init(_ signals: [Int32]) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        var before = sigset_t()
        sigprocmask(SIG_BLOCK, &set, &before)
        self.before = before
        fd = csys_signalfd(&set)
    }

    /// Takes the next one; nil if none waits.
    package func next() -> Int32? {
        let signal = csys_next_signal(fd)
        return signal == 0 ? nil : signal
    }

    /// Waits at most this long for one; whether one waits now.
    @discardableResult
    package func wait(seconds: Double) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, Int32(seconds * 1000) + 1) > 0
    }

    /// Lets them interrupt the process again, if they did before.
    package func end() {
        if fd >= 0 { close(fd) }
        var before = before
        sigprocmask(SIG_SETMASK, &before, nil)
    }
}
