import Glibc
import SystemPackage

/// Which machine, and which boot of it, a record speaks of.
package enum Host {
    /// The host's name, at most 16 bytes of letters, digits, `-`, `_` and `.`, to stand in a file name.
    package static let name: String = {
        var buffer = [CChar](repeating: 0, count: 256)
        gethostname(&buffer, 255)
        let safe = String(terminated: buffer).utf8.prefix(16).map { byte -> UInt8 in
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95: return byte
            default: return 45
            }
        }
        return safe.isEmpty ? "localhost" : String(decoding: safe, as: UTF8.self)
    }()

    /// The first 8 digits of this boot's id, or `unknown0` where the system tells none.
    package static let boot: String = {
        guard let bytes = try? Files.read("/proc/sys/kernel/random/boot_id"), bytes.count >= 8 else {
            return "unknown0"
        }
        return String(decoding: bytes.prefix(8), as: UTF8.self)
    }()
}

extension Host {
    /// When the process started, in clock ticks since boot (field 22 of proc(5)'s stat): with the pid it names one
    /// process of this boot. Nil if there is none, or only a zombie.
    package static func startTime(_ pid: Int32) -> UInt64? {
        guard let bytes = try? Files.read(FilePath("/proc/\(pid)/stat")), let end = bytes.lastIndex(of: 41) else {
            return nil
        }
        let fields = bytes[(end + 1)...].split(separator: 32)
        guard fields.count > 19, fields[0] != [90] else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }
}
