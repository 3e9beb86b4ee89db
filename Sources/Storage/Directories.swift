import CLinux
import Glibc
import SystemPackage

// Directories: what they hold, making and removing them.
extension Files {
    /// The names in a directory but for `.` and `..`, unsorted, or nil if there is no such directory.
    /// A name that is not UTF-8 comes repaired, so it matches nothing that we made.
    package static func list(_ path: FilePath) throws -> [String]? { try list(path, containing: "") }

    /// Only those names that contain a text, which costs little for the others.
    package static func list(_ path: FilePath, containing part: String) throws -> [String]? {
        var names: [String] = []
        let there = try part.withCString { part in
            try each(path) { name in if strstr(name, part) != nil { names.append(String(cString: name)) } }
        }
        return there ? names : nil
    }

    /// The smallest entry of a directory whose names are all decimal numbers, or nil if there is none, or no directory.
    /// Another name is damage: a task may be behind it.
    package static func minimum(_ path: FilePath) throws -> Int? {
        var least: Int?
        var strange: String?
        _ = try each(path) { name in
            var value = 0
            var at = name
            repeat {
                guard at.pointee >= 48, at.pointee <= 57, value < 1 << 50 else {
                    strange = String(cString: name)
                    return
                }
                value = value * 10 + Int(at.pointee - 48)
                at += 1
            } while at.pointee != 0
            if least == nil || value < least! { least = value }
        }
        if let strange {
            throw Failure.unsure(
                "'\(path.appending(strange).string)' is not a task's marker: the bus is damaged; see 'cadre doctor'")
        }
        return least
    }

    /// Calls `body` with each name; false if there is no such directory. The C function is `readdir`.
    package static func each(_ path: FilePath, _ body: (UnsafePointer<CChar>) -> Void) throws -> Bool {
        FaultPoint.point(mutating: false)
        guard let stream = path.withPlatformString({ opendir($0) }) else {
            if errno == ENOENT { return false }
            throw failure("open directory", path)
        }
        defer { closedir(stream) }
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw failure("read directory", path) }
                return true
            }
            withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    if name[0] == 46, name[1] == 0 || (name[1] == 46 && name[2] == 0) { return }
                    body(name)
                }
            }
        }
    }

    /// Makes a directory; false if the name is taken.
    @discardableResult
    package static func mkdir(_ path: FilePath) throws -> Bool {
        FaultPoint.point(mutating: true)
        if path.withPlatformString({ Glibc.mkdir($0, 0o700) }) == 0 { return true }
        if errno == EEXIST { return false }
        throw failure("make directory", path)
    }

    /// Makes a directory and those above it that are not there.
    package static func mkdirs(_ path: FilePath) throws {
        if try exists(path) { return }
        let above = path.removingLastComponent()
        if !above.isEmpty, above != path { try mkdirs(above) }
        try mkdir(path)
    }

    /// Removes an empty directory; false if it is not empty or not there.
    @discardableResult
    package static func rmdir(_ path: FilePath) throws -> Bool {
        FaultPoint.point(mutating: true)
        if path.withPlatformString({ Glibc.rmdir($0) }) == 0 { return true }
        if errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST { return false }
        throw failure("remove directory", path)
    }

    /// Removes whatever is there, directories with all they hold. Follows no link.
    package static func removeAll(_ path: FilePath) throws {
        guard let st = try status(path) else { return }
        guard st.st_mode & S_IFMT == S_IFDIR else {
            try unlink(path)
            return
        }
        for name in try list(path) ?? [] { try removeAll(path.appending(name)) }
        try rmdir(path)
    }

    /// Lets its owner write in a directory and in all below it. Follows no link. The C function is `chmod`.
    package static func makeWritable(_ path: FilePath) throws {
        guard let st = try status(path), st.st_mode & S_IFMT == S_IFDIR else { return }
        if st.st_mode & S_IRWXU != S_IRWXU {
            FaultPoint.point(mutating: true)
            if path.withPlatformString({ chmod($0, st.st_mode & 0o7777 | S_IRWXU) }) != 0 {
                throw failure("change", path)
            }
        }
        for name in try list(path) ?? [] { try makeWritable(path.appending(name)) }
    }

    /// Renames a directory to a name that must be free or an empty directory; false if it is neither.
    package static func renameNew(_ from: FilePath, _ to: FilePath) throws -> Bool {
        FaultPoint.point(mutating: true)
        let result = from.withPlatformString { f in to.withPlatformString { Glibc.rename(f, $0) } }
        if result == 0 { return true }
        if errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR { return false }
        throw failure("rename", from, errno, to: to)
    }

    /// Flushes a directory, so that names made or moved in it survive a power cut. The C function is `fsync`.
    package static func sync(_ directory: FilePath) throws {
        let fd = directory.withPlatformString { csys_open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard fd >= 0 else { throw failure("open", directory) }
        defer { close(fd) }
        if fsync(fd) != 0, errno != EINVAL, errno != EROFS { throw failure("sync", directory) }
    }
}
