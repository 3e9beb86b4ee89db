import CLinux
import Glibc
import SystemPackage

/// Waits for changes of files by inotify(7); where none can be had (the user's instances are used up, a file system
/// of another host) it wakes each second instead. To be made once in a process: it is never closed, since that takes
/// the kernel 10 to 15 ms, and the answer must not wait for it.
package final class Watcher: EventSource {
    private let fd: Int32
    /// Readable when something changed; -1 if there is no inotify here.
    package var descriptor: Int32? { fd }

    package init() { fd = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) }

    /// Watches a file or directory for anything that a verb does to it. What is not there is left out. Returns the
    /// number that `drain` gives when it changes, which is the same for the same file; -1 if it is not watched.
    @discardableResult
    package func watch(
        _ path: FilePath,
        _ events: Int32 = IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE
    ) -> Int32 {
        guard fd >= 0 else { return -1 }
        return path.withPlatformString { inotify_add_watch(fd, $0, UInt32(bitPattern: events)) }
    }

    /// Blocks until something changed or `seconds` passed. Returns at once for what changed since the last call.
    package func wait(seconds: Double) {
        if EventLoop.wait(for: [self], atMost: min(seconds, 3600))[0] != .none { drain() }
    }

    /// Forgets what changed so far, and tells which of the watched it was; -1 among them if the kernel has lost count.
    @discardableResult
    package func drain() -> Set<Int32> {
        // Without inotify anything may have.
        if fd < 0 { return [-1] }
        var changed = Set<Int32>()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let got = read(fd, &buffer, buffer.count)
            if got <= 0 { return changed }
            buffer.withUnsafeBytes {
                var at = 0
                while at < got {
                    let event = $0.loadUnaligned(fromByteOffset: at, as: inotify_event.self)
                    changed.insert(event.wd)
                    at += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
    }
}
