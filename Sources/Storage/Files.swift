import CLinux
import Glibc
import SystemPackage

/// The one place that touches the disk. Every mutating call is one crash point of the tests (see FaultPoint).
///
/// Calls throw `Failure.unsure` naming the path, but for the one answer each names as a value: what is not there.
package enum Files {
    // MARK: reading

    /// The whole file, or what comes after so many bytes; nil if there is none. Throws if it is anything else than a
    /// regular file, from which one might wait for ever. The C functions are `open` with `O_NONBLOCK`, `fstat` and
    /// `read`.
    package static func read(_ path: FilePath, from offset: Int = 0) throws -> [UInt8]? {
        var size = 0
        guard let fd = try opened(path, size: &size) else { return nil }
        defer { close(fd) }
        return try drain(fd, path, from: offset, size: size)
    }

    /// Reads whatever a person names, also a pipe or a device, and waits for it; nil if there is none.
    package static func readAny(_ path: FilePath) throws -> [UInt8]? {
        FaultPoint.point(mutating: false)
        let fd = path.withPlatformString { csys_open($0, O_RDONLY | O_CLOEXEC, 0) }
        guard fd >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        defer { close(fd) }
        return try drain(fd, path)
    }

    /// Throws unless the descriptor is of a regular file, whose size it returns. The C function is `fstat`.
    @discardableResult
    package static func requireRegular(_ fd: Int32, _ path: FilePath) throws -> Int {
        var st = stat()
        guard fstat(fd, &st) == 0 else { throw failure("stat", path) }
        guard st.st_mode & S_IFMT == S_IFREG else { throw Failure.unsure("'\(path.string)' is not a regular file") }
        return Int(st.st_size)
    }

    /// What comes after so many bytes, to the end: of a file that was opened with this size to there, else until a read
    /// gives nothing, as in /proc, where files have none.
    private static func drain(_ fd: Int32, _ path: FilePath, from offset: Int = 0, size: Int = 0) throws -> [UInt8] {
        if offset > 0, lseek(fd, off_t(offset), SEEK_SET) < 0 { throw failure("read", path) }
        var bytes: [UInt8] = []
        var chunk = 4096
        while true {
            let start = bytes.count
            var got = 0
            bytes.append(contentsOf: repeatElement(0, count: chunk))
            got = bytes.withUnsafeMutableBytes { Glibc.read(fd, $0.baseAddress! + start, chunk) }
            if got < 0 {
                if errno == EINTR {
                    bytes.removeLast(chunk)
                    continue
                }
                throw failure("read", path)
            }
            bytes.removeLast(chunk - got)
            if got == 0 || offset + bytes.count == size { return bytes }
            if got == chunk { chunk = min(chunk * 4, 1 << 20) }
        }
    }

    /// A regular file of at most so many bytes that somebody who is not trusted has put there, and its descriptor,
    /// which is the caller's to close; nil if there is none. Follows no link, and never waits. The C functions are
    /// `open` with `O_NOFOLLOW` and `O_NONBLOCK`, and `fstat`.
    package static func readStrange(_ path: FilePath, limit: Int) throws -> (bytes: [UInt8], file: FileDescriptor)? {
        FaultPoint.point(mutating: false)
        let fd = path.withPlatformString { csys_open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0) }
        guard fd >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        var st = stat()
        guard fstat(fd, &st) == 0, st.st_mode & S_IFMT == S_IFREG, st.st_size <= limit else {
            close(fd)
            throw Failure.unsure("'\(path.string)' is not a file of at most \(limit) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: Int(st.st_size))
        let got = pread(fd, &bytes, bytes.count, 0)
        guard got == bytes.count else {
            close(fd)
            throw failure("read", path, got < 0 ? errno : EAGAIN)
        }
        return (bytes, FileDescriptor(rawValue: fd))
    }

    /// A descriptor of a regular file, to be read; nil if there is none.
    package static func opened(_ path: FilePath) throws -> Int32? {
        var size = 0
        return try opened(path, size: &size)
    }

    private static func opened(_ path: FilePath, size: inout Int) throws -> Int32? {
        FaultPoint.point(mutating: false)
        let fd = path.withPlatformString { csys_open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0) }
        guard fd >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        do { size = try requireRegular(fd, path) } catch {
            close(fd)
            throw error
        }
        return fd
    }

    /// What tells one state of a file from another: device, inode, size and both times; and when it was changed, in
    /// seconds since the epoch. Nil if there is none that can be looked at. The C function is `stat`.
    package static func stamp(_ path: FilePath) -> (text: String, changed: Double)? {
        FaultPoint.point(mutating: false)
        var st = stat()
        guard path.withPlatformString({ stat($0, &st) }) == 0 else { return nil }
        let (modified, changed) = (st.st_mtim, st.st_ctim)
        return (
            "\(st.st_dev) \(st.st_ino) \(st.st_size) \(modified.tv_sec).\(modified.tv_nsec)"
                + " \(changed.tv_sec).\(changed.tv_nsec)",
            Double(changed.tv_sec) + Double(changed.tv_nsec) / 1e9
        )
    }

    /// Whether a directory on the way to a path below `place` is a symbolic link.
    package static func isBehindLink(_ path: String, in place: FilePath) throws -> Bool {
        var at = place
        for part in path.split(separator: "/").dropLast() {
            at.append(String(part))
            if let st = try status(at), st.st_mode & S_IFMT == S_IFLNK { return true }
        }
        return false
    }

    /// The last bytes of a file, at most so many, or nil if there is none.
    package static func readEnd(_ path: FilePath, _ count: Int) throws -> [UInt8]? {
        guard let fd = try opened(path) else { return nil }
        defer { close(fd) }
        let size = Int(lseek(fd, 0, SEEK_END))
        var bytes = [UInt8](repeating: 0, count: min(max(size, 0), count))
        let got = pread(fd, &bytes, bytes.count, off_t(max(0, size - count)))
        guard got >= 0 else { throw failure("read", path) }
        return Array(bytes[..<got])
    }

    /// Whether the path exists, of whatever type. The C function is `lstat`.
    package static func exists(_ path: FilePath) throws -> Bool { try status(path) != nil }

    /// What `lstat` says, or `stat` if links are followed; nil if there is nothing.
    package static func status(_ path: FilePath, following: Bool = false) throws -> stat? {
        FaultPoint.point(mutating: false)
        var st = stat()
        if path.withPlatformString({ fstatat(AT_FDCWD, $0, &st, following ? 0 : AT_SYMLINK_NOFOLLOW) }) == 0 {
            return st
        }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw failure("stat", path)
    }

    // MARK: changing

    /// One rename(2). False if the source is not there, or if a directory of the destination is not there.
    package static func rename(_ from: FilePath, _ to: FilePath) throws -> Bool {
        FaultPoint.point(mutating: true)
        let result = from.withPlatformString { f in to.withPlatformString { Glibc.rename(f, $0) } }
        if result == 0 { return true }
        if errno == ENOENT { return false }
        throw failure("rename", from, errno, to: to)
    }

    /// Makes an empty file; false if the name is taken. The C function is `open` with `O_EXCL`.
    package static func create(_ path: FilePath) throws -> Bool {
        FaultPoint.point(mutating: true)
        let fd = path.withPlatformString { csys_open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
        if fd >= 0 {
            close(fd)
            return true
        }
        if errno == EEXIST { return false }
        throw failure("create", path)
    }

    /// False if there was nothing. The C function is `unlink`.
    @discardableResult
    package static func unlink(_ path: FilePath) throws -> Bool {
        FaultPoint.point(mutating: true)
        if path.withPlatformString({ Glibc.unlink($0) }) == 0 { return true }
        if errno == ENOENT { return false }
        throw failure("remove", path)
    }

    /// Sets the permission bits of a file or directory, following links. The C function is `chmod`.
    package static func setMode(_ path: FilePath, _ mode: UInt32) throws {
        FaultPoint.point(mutating: true)
        if path.withPlatformString({ Glibc.chmod($0, mode) }) != 0 { throw failure("change the mode of", path) }
    }

    /// Writes a file in place, new or emptied first. For files that no reader looks at yet.
    package static func write(_ bytes: [UInt8], to path: FilePath, sync: Bool, mode: UInt32 = 0o600) throws {
        FaultPoint.point(mutating: true)
        let fd = path.withPlatformString {
            csys_open($0, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode)
        }
        guard fd >= 0 else { throw failure("open", path) }
        defer { close(fd) }
        try put(bytes, fd, path)
        if sync, fsync(fd) != 0 { throw failure("sync", path) }
    }

    /// Writes over the beginning of a file, made if it is not there, whose records all have one length. Not truncated
    /// first, because ext4 would flush it.
    package static func overwrite(_ path: FilePath, with bytes: [UInt8]) throws {
        FaultPoint.point(mutating: true)
        let fd = path.withPlatformString {
            csys_open($0, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        }
        guard fd >= 0 else { throw failure("open", path) }
        defer { close(fd) }
        try put(bytes, fd, path)
    }

    /// Appends with one write(2), so that writers never interleave. Made if it is not there.
    package static func append(_ bytes: [UInt8], to path: FilePath, sync: Bool = false) throws {
        FaultPoint.point(mutating: true)
        let fd = path.withPlatformString {
            csys_open($0, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        }
        guard fd >= 0 else { throw failure("open", path) }
        defer { close(fd) }
        try put(bytes, fd, path)
        if sync, fsync(fd) != 0 { throw failure("sync", path) }
    }

    /// Appends what is in another file.
    package static func append(contentsOf other: FilePath, to path: FilePath) throws {
        FaultPoint.point(mutating: true)
        guard let from = try opened(other) else { throw failure("open", other, ENOENT) }
        defer { close(from) }
        let fd = path.withPlatformString {
            csys_open($0, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        }
        guard fd >= 0 else { throw failure("open", path) }
        defer { close(fd) }
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let n = Glibc.read(from, &chunk, chunk.count)
            if n < 0, errno == EINTR { continue }
            guard n >= 0 else { throw failure("read", other) }
            guard n > 0 else { return }
            try put(Array(chunk[..<n]), fd, path)
        }
    }

    private static func put(_ bytes: [UInt8], _ fd: Int32, _ path: FilePath) throws {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress! + done, bytes.count - done) }
            if n < 0 {
                if errno == EINTR { continue }
                throw failure("write", path)
            }
            done += n
        }
    }

    /// Opens a file for another program to append to, close-on-exec; made if it is not there.
    package static func openToAppend(_ path: FilePath) throws -> FileDescriptor {
        FaultPoint.point(mutating: true)
        let fd = path.withPlatformString {
            csys_open($0, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        }
        guard fd >= 0 else { throw failure("open", path) }
        return FileDescriptor(rawValue: fd)
    }

    /// Sets the times of a file to now, making it if need be: a bell that inotify hears as IN_ATTRIB.
    package static func ring(_ path: FilePath) throws {
        FaultPoint.point(mutating: true)
        let fd = path.withPlatformString {
            csys_open($0, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        }
        guard fd >= 0 else { throw failure("open", path) }
        defer { close(fd) }
        if futimens(fd, nil) != 0 { throw failure("touch", path) }
    }

    /// Sets the time of a file's last change to now, but for its last six digits. The C function is `utimensat`.
    package static func setTime(_ path: FilePath, digits: Int) throws {
        FaultPoint.point(mutating: true)
        let now = Time.micros()
        // (1 << 30) - 2 is UTIME_OMIT: the time of the last access stays.
        let nanoseconds = now % 1_000_000 / 1000 * 1_000_000 + digits
        var times = [
            timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2), timespec(tv_sec: now / 1_000_000, tv_nsec: nanoseconds),
        ]
        let result = path.withPlatformString { utimensat(AT_FDCWD, $0, &times, 0) }
        if result != 0 { throw failure("touch", path) }
    }

    /// The failure of a system call on a path, `.unsure`, from `errno`. `verb` is the word for a person: "unable
    /// to open 'PATH'". Of `open` two codes mean that the file is of a wrong kind.
    package static func failure(_ verb: String, _ path: FilePath, _ code: Int32 = errno, to: FilePath? = nil) -> Failure
    {
        // `open` fails so for a link, which we don't follow, and for a pipe or the like, which we don't wait for.
        if verb == "open", code == ELOOP {
            return .unsure("'\(path.string)' is a symbolic link, which is not followed")
        }
        if verb == "open", code == ENXIO { return .unsure("'\(path.string)' is not a regular file") }
        let target = to.map { " to '\($0.string)'" } ?? ""
        return .unsure("unable to \(verb) '\(path.string)'\(target): \(String(cString: strerror(code)))")
    }
}
