import CLinux
import Glibc
import SystemPackage

/// A place in the line of those who wait for the same thing, of whom one, the head, watches for it. The others block
/// in flock(2) on one file, where the kernel keeps them in order; the next is the head when the first has left or died.
///
/// Who stands in line still hears of changes in directories of its own, by a signal (F_NOTIFY of fcntl(2), SIGIO),
/// which unlike inotify(7) has no limit of instances. The signal is blocked but while in line. One that comes between
/// the last look and the flock would be lost: its handler sets an alarm, again each second until the flock has ended.
package final class WaitLine {
    private let fd: Int32
    private let path: FilePath
    private var watched: [Int32] = []
    /// Whether all those directories can be heard; else they must be looked at each second.
    private var hearing = true
    private var standing = true
    private var before = sigset_t()
    private var actions = (io: sigaction(), alarm: sigaction())
    private var signals: sigset_t = {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGIO)
        sigaddset(&set, SIGALRM)
        return set
    }()

    package init(_ path: FilePath, hearing directories: [FilePath]) throws {
        self.path = path
        fd = try FileLock.open(path)
        pthread_sigmask(SIG_BLOCK, &signals, &before)
        var again = sigaction()
        again.__sigaction_handler.sa_handler = { _ in _ = alarm(1) }
        sigaction(SIGIO, &again, &actions.io)
        sigaction(SIGALRM, &again, &actions.alarm)
        for directory in directories {
            let fd = directory.withPlatformString { csys_open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
            if fd >= 0 { watched.append(fd) }
            if fd < 0 || csys_notify(fd) != 0 { hearing = false }
        }
    }

    deinit {
        stopHearing()
        close(fd)
    }

    /// Stands in line until it is our turn (true), or until a directory changed or the seconds are over (false).
    package func take(seconds: Int) throws -> Bool {
        FaultPoint.point(mutating: false)
        var none = timespec()
        if sigtimedwait(&signals, nil, &none) > 0 { return false }
        alarm(UInt32(hearing ? seconds : 1))
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        let result = flock(fd, LOCK_EX)
        let code = errno
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        alarm(0)
        guard result != 0 else {
            stopHearing()
            return true
        }
        if code == EINTR { return false }
        throw Files.failure("lock", path, code)
    }

    /// Lets the next one have its turn.
    package func leave() { flock(fd, LOCK_UN) }

    /// Puts the signals back as they were: what runs later must not inherit them blocked.
    private func stopHearing() {
        guard standing else { return }
        standing = false
        for fd in watched { close(fd) }
        var none = timespec()
        while sigtimedwait(&signals, nil, &none) > 0 {}
        sigaction(SIGIO, &actions.io, nil)
        sigaction(SIGALRM, &actions.alarm, nil)
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
}
