import Bus
import Glibc
import Processes
import Storage
import SystemPackage

/// A reference that git keeps locked for us, at a known value, until we move it or let go. It is one call of `git
/// update-ref --stdin`, which gets start, update and prepare, and later commit. git also locks the worktree's HEAD, for
/// the reflog. If we die, git sees the end of its input and lets go.
package final class ReferenceLock {
    package enum Taken {
        case held(ReferenceLock)
        /// It holds something else.
        case elsewhere
        /// Why it can't be locked, and the lock file that is in the way, if one is.
        case refused(String, FilePath?)
    }

    private var pid: pid_t
    /// The lock files that git makes, and whether it has said that it did.
    private let files: [FilePath]
    private var isHeld = false
    /// Our end of a socket that is git's standard input and output.
    private var socket: Int32
    private let error: Int32

    /// Seconds that git may take to answer.
    private static let patience: Int32 = 30

    /// Locks a reference of the worktree's repository that holds `old`, to be moved to `new`.
    package static func take(
        _ worktree: Git, of repository: Git, _ reference: String, from old: String, to new: String, why: String
    ) throws -> Taken {
        let files = [
            repository.directory.pushing(FilePath("\(reference).lock")), worktree.directory.appending("HEAD.lock"),
        ]
        let lock = try ReferenceLock(
            worktree.program(["update-ref", "--no-deref", "-m", "cadre: \(why)", "--stdin"]), files)
        if lock.send("start\nupdate \(reference) \(new) \(old)\nprepare\n"), lock.hears("prepare: ok") {
            lock.isHeld = true
            return .held(lock)
        }
        let words = lock.release()
        if let now = try worktree.reference(reference), now != old { return .elsewhere }
        return .refused(words.error.isEmpty ? "git does not answer" : words.trouble, words.lock)
    }

    private init(_ program: Program, _ files: [FilePath]) throws {
        self.files = files
        var ends: [Int32] = [-1, -1]
        // Writing to a pipe whose reader has died would end us.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Failure.unsure("unable to make a socket: \(String(cString: strerror(errno)))")
        }
        socket = ends[0]
        defer { close(ends[1]) }
        var words: Int32 = -1
        do {
            words = try Program.memory([])
            pid = try program.start(stdin: ends[1], stdout: ends[1], stderr: words)
        } catch {
            for fd in [ends[0], words] where fd >= 0 { close(fd) }
            throw error
        }
        error = words
    }

    deinit {
        release()
        close(error)
    }

    private func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Whether git says this line, before it says nothing more.
    private func hears(_ line: String) -> Bool {
        var heard: [UInt8] = []
        while !heard.split(separator: 10).contains(where: { $0.elementsEqual(line.utf8) }) {
            var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            let n = poll(&entry, 1, ReferenceLock.patience * 1000)
            if n < 0, errno == EINTR { continue }
            var chunk = [UInt8](repeating: 0, count: 512)
            guard n > 0, case let count = read(socket, &chunk, chunk.count), count > 0 else { return false }
            heard += chunk[..<count]
        }
        return true
    }

    /// Moves the reference. False if git does not say that it did.
    package func commit() -> Bool {
        let done = send("commit\n") && hears("commit: ok")
        release()
        return done
    }

    /// Lets go, if it was not moved. Gives what git said.
    @discardableResult
    package func release() -> Program.Result {
        if socket >= 0 { close(socket) }
        socket = -1
        var status: Int32 = 0
        if pid > 0 { while waitpid(pid, &status, 0) < 0, errno == EINTR {} }
        pid = 0
        // A killed git leaves its lock files; nobody else can have taken those locks meanwhile.
        if status & 0x7f != 0, isHeld { for file in files { _ = try? Files.unlink(file) } }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let n = pread(error, &bytes, bytes.count, 0)
        return Program.Result(status: Program.code(status), output: [], error: Array(bytes[..<max(0, n)]))
    }
}
