import Bus
import Glibc
import Storage
import SystemPackage

// What proc(5) shows of another process: its open files, and the variables that it was started with.

extension Tree {
    /// Whether a process has this very file open, as proc(5)'s `fd` tells: that of a supervisor is its agent's `alive`,
    /// whatever a record says of its pid.
    package static func isOpen(_ file: FilePath, by pid: pid_t) -> Bool {
        var wanted = stat()
        guard file.withPlatformString({ stat($0, &wanted) }) == 0 else { return false }
        for name in (try? Files.list(FilePath("/proc/\(pid)/fd"))) ?? nil ?? [] {
            var found = stat()
            if stat("/proc/\(pid)/fd/\(name)", &found) == 0, found.st_dev == wanted.st_dev,
                found.st_ino == wanted.st_ino
            {
                return true
            }
        }
        return false
    }

    /// What a process was started with as the value of a variable; nil if without, or if that is not ours to see.
    package static func variable(_ name: String, of pid: pid_t) -> String? {
        let entries = ((try? Files.read(FilePath("/proc/\(pid)/environ"))) ?? nil ?? []).split(separator: 0)
        return entries.first { $0.starts(with: "\(name)=".utf8) }.map {
            String(decoding: $0.dropFirst(name.utf8.count + 1), as: UTF8.self)
        }
    }
}
