import CLinux
import Glibc
import SystemPackage

/// Proof that the caller holds the bus's lock. Functions that need it ask for one, so that none forgets or takes
/// it twice.
package struct LockProof { fileprivate init() {} }

/// Short critical sections: flock(2), which the kernel drops when the holder dies. Opened close-on-exec.
package enum FileLock {
    /// Runs `body` under an exclusive lock of `path`, waiting at most `seconds`.
    ///
    /// The holder leaves `PID HOST VERB` in the file, for the error of whoever waits in vain.
    package static func with<T>(_ path: FilePath, seconds: UInt32, verb: String, _ body: (LockProof) throws -> T) throws
        -> T
    {
        let fd = try open(path)
        defer { close(fd) }
        guard try take(fd, path, seconds) else {
            throw Failure.unsure("'\(path.string)' is held by \(holder(path)), try again")
        }
        let note = "\(getpid()) \(Host.name) \(verb)\n"
        // Over the last one, of which an end may stay behind the line: ext4 flushes a file that was truncated.
        _ = pwrite(fd, note, note.utf8.count, 0)
        return try body(LockProof())
    }

    /// Runs `body` only if the lock is free at once; nil if it is not.
    package static func attempt<T>(_ path: FilePath, _ body: () throws -> T) throws -> T? {
        let fd = try open(path)
        defer { close(fd) }
        guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK { return nil }
            throw Files.failure("lock", path)
        }
        return try body()
    }

    /// Runs `body` when the lock is free, however long that takes.
    package static func wait<T>(_ path: FilePath, _ body: () throws -> T) throws -> T {
        let fd = try open(path)
        defer { close(fd) }
        while flock(fd, LOCK_EX) != 0 {
            guard errno == EINTR else { throw Files.failure("lock", path) }
        }
        return try body()
    }

    /// Whether nobody holds the lock now. Asks without writing, so that who watches the file is not woken.
    package static func isFree(_ path: FilePath) throws -> Bool {
        guard let fd = try there(path) else { return true }
        defer { close(fd) }
        if flock(fd, LOCK_SH | LOCK_NB) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw Files.failure("lock", path)
    }

    static func holder(_ path: FilePath) -> String {
        guard let bytes = try? Files.read(path), !bytes.isEmpty else { return "another process" }
        let text = String(decoding: bytes.prefix(120), as: UTF8.self)
        return "process " + text.prefix { $0 != "\n" }
    }

    /// A descriptor of a lock's file, which is made if it is not there. Follows no link, and never waits.
    static func open(_ path: FilePath) throws -> Int32 {
        let fd = path.withPlatformString {
            csys_open($0, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        }
        guard fd >= 0 else { throw Files.failure("open", path) }
        return try regular(fd, path)
    }

    /// The same to ask only; nil if there is none.
    static func there(_ path: FilePath) throws -> Int32? {
        let fd = path.withPlatformString { csys_open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0) }
        guard fd >= 0 else {
            if errno == ENOENT { return nil }
            throw Files.failure("open", path)
        }
        return try regular(fd, path)
    }

    private static func regular(_ fd: Int32, _ path: FilePath) throws -> Int32 {
        do { try Files.requireRegular(fd, path) } catch {
            close(fd)
            throw error
        }
        return fd
    }

    /// Blocks in flock(2), so that the kernel queues those who wait; SIGALRM ends the wait.
    private static func take(_ fd: Int32, _ path: FilePath, _ seconds: UInt32) throws -> Bool {
        FaultPoint.point(mutating: false)
        if flock(fd, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw Files.failure("lock", path) }
        var alarmed = sigset_t()
        var before = sigset_t()
        sigemptyset(&alarmed)
        sigaddset(&alarmed, SIGALRM)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        var old = sigaction()
        sigaction(SIGALRM, &action, &old)
        pthread_sigmask(SIG_UNBLOCK, &alarmed, &before)
        // Again each second: an alarm that comes before the flock would be lost.
        var timer = itimerval(
            it_interval: timeval(tv_sec: 1, tv_usec: 0), it_value: timeval(tv_sec: Int(seconds), tv_usec: 0))
        setitimer(Int32(ITIMER_REAL.rawValue), &timer, nil)
        let result = flock(fd, LOCK_EX)
        let code = errno
        timer = itimerval()
        setitimer(Int32(ITIMER_REAL.rawValue), &timer, nil)
        pthread_sigmask(SIG_SETMASK, &before, nil)
        sigaction(SIGALRM, &old, nil)
        if result == 0 { return true }
        if code == EINTR { return false }
        throw Files.failure("lock", path, code)
    }
}

/// Liveness: an open-file-description write lock (F_OFD_SETLK) on an agent's `alive` file, held by its supervisor
/// for life. Askers use F_OFD_GETLK, which takes nothing, so they never see each other.
package enum LivenessLock {
    /// Takes the lock and keeps it until the descriptor is closed; nil if another holds it.
    package static func take(_ path: FilePath) throws -> FileDescriptor? {
        FaultPoint.point(mutating: false)
        let fd = try FileLock.open(path)
        if csys_ofd_lock(fd, 0) == 0 { return FileDescriptor(rawValue: fd) }
        let code = errno
        close(fd)
        if code == EAGAIN || code == EACCES { return nil }
        throw Files.failure("lock", path, code)
    }

    /// The lock that this process took before execve(2), by the descriptor that it has kept open for it.
    package static func kept(_ number: Int32, of path: FilePath) throws -> FileDescriptor {
        var own = stat()
        guard fstat(number, &own) == 0, let st = try Files.status(path), st.st_ino == own.st_ino,
            st.st_dev == own.st_dev, csys_ofd_lock(number, 0) == 0
        else {
            throw Failure.unsure("descriptor \(number) does not hold the lock '\(path.string)'")
        }
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        return FileDescriptor(rawValue: number)
    }

    /// Whether somebody holds the lock of an open file, or that can't be told.
    package static func isHeld(_ file: FileDescriptor) -> Bool { csys_ofd_held(file.rawValue) != 0 }

    /// Whether somebody holds it. No file: nobody does. Any other error is an error, never "dead".
    package static func isHeld(_ path: FilePath) throws -> Bool {
        FaultPoint.point(mutating: false)
        guard let fd = try FileLock.there(path) else { return false }
        defer { close(fd) }
        let answer = csys_ofd_held(fd)
        guard answer >= 0 else { throw Files.failure("ask the lock of", path) }
        return answer == 1
    }
}
