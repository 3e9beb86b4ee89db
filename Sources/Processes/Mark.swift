import Bus
import CLinux
import Glibc
import Storage
import SystemPackage

// A mark tells which session a process belongs to, even if the process has changed its environment, its session or its
// parent.
//
// The mark is a resource limit, because children inherit limits across fork and exec, and only a privileged process can
// raise one again. It is RLIMIT_RTTIME, which no program cares about, set to the session's own number of microseconds,
// some thousand years. A process may take any number below the one that it inherits, so a child of a marked process can
// have a mark of its own. A process can lower its limit and so shed its mark; it can't take the mark of a session that
// began above it.
package enum Mark {
    private static let highest: UInt64 = 1 << 62
    private static let lowest: UInt64 = 1 << 53

    private static func isMark(_ limit: UInt64) -> Bool { (lowest..<highest).contains(limit) }

    /// The mark of this process; nil if it has none.
    package static var own: UInt64? {
        let limit = UInt64(csys_rttime())
        return isMark(limit) ? limit : nil
    }

    /// A number for a new mark below this process's own; nil where its limit leaves no room.
    package static func next() -> UInt64? {
        let above = min(UInt64(csys_rttime()), highest)
        let mark = above - 1 - UInt64.random(in: 0..<above / 1024)
        return isMark(mark) ? mark : nil
    }

    /// Marks this process and what it starts from now on; false if the kernel refuses. The C function is `setrlimit`.
    @discardableResult
    package static func take(_ mark: UInt64) -> Bool { csys_set_rttime(mark) == 0 }

    /// The mark of a process; nil if it has none or is gone. From proc(5)'s limits.
    static func of(_ pid: pid_t) -> UInt64? {
        guard let bytes = try? Files.read(FilePath("/proc/\(pid)/limits")) else { return nil }
        let wanted = Array("Max realtime timeout".utf8)
        guard let line = bytes.split(separator: 10).first(where: { $0.starts(with: wanted) }) else { return nil }
        let words = line.dropFirst(wanted.count).split(separator: 32)
        guard words.count >= 2, let limit = UInt64(String(decoding: words[1], as: UTF8.self)) else { return nil }
        return isMark(limit) ? limit : nil
    }
}

extension Mark {
    /// The processes of a session or a run, as a record on the bus names them: by a mark, a boot, and a start before
    /// which none of them began. Nil if that names none of this boot.
    package struct Holders {
        var mark: UInt64
        var since: UInt64
        /// One of them that is let be.
        package var except: pid_t?

        package init?(_ mark: UInt64?, boot: String?, start since: UInt64?) {
            guard boot == Host.boot, let mark, Mark.isMark(mark), let since else { return nil }
            self.mark = mark
            self.since = since
        }

        /// Whether a process, which is our user's, is one of them.
        func include(_ process: Tree.Process) -> Bool {
            process.pid != except && process.start >= since && Mark.of(process.pid) == mark
        }
    }
}
