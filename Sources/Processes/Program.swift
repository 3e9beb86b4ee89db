import Bus
import CLinux
import Glibc
import Storage
import SystemPackage

/// The one way in which outside programs are run: no shell, no inherited descriptors but the three standard ones,
/// signals as a fresh process has them. The C function is `posix_spawnp`.
package struct Program {
    /// The program and its arguments, each passed as it is.
    package var arguments: [String]
    /// Variables to set, or with nil to remove, on top of this process's own.
    package var environment: [String: String?] = [:]
    package var directory: FilePath?
    /// Its standard input; none is `/dev/null`.
    package var input: [UInt8]?
    /// Where standard output and standard error go together, instead of being kept: an open descriptor.
    package var log: Int32?
    /// Seconds after which it is ended, its process group with it. Its result then says `timedOut`, and has what
    /// it printed by then.
    package var timeout: Double?
    /// Seconds that it then has to end by itself.
    package var grace = 2.0
    /// Asked each second: once it is true the program is ended, with all that descends from it.
    package var isUnwanted: (() -> Bool)?
    /// Whether that goes for what loses its parent below it, too: this process, which has no other children, adopts it.
    package var adopts = false
    /// An open descriptor that becomes 3.
    package var third: Int32?
    /// Runs it in a process group of its own, which is ended when the program ends.
    package var ownGroup = false

    /// Runs it in a session of its own, without a terminal, all of which is ended if it takes too long. The C function
    /// is `setsid`.
    package var ownSession = false

    package init(_ arguments: [String]) { self.arguments = arguments }

    package struct Result {
        /// The exit code, or 128 and the signal's number.
        package var status: Int32
        package var output: [UInt8]
        package var error: [UInt8]
        package var timedOut = false
        /// It was ended since it was no longer wanted.
        package var wasUnwanted = false

        package init(status: Int32, output: [UInt8], error: [UInt8]) {
            self.status = status
            self.output = output
            self.error = error
        }

        /// Standard output as text without the newline at its end.
        package var text: String {
            var end = output.count
            while end > 0, output[end - 1] == 10 { end -= 1 }
            return String(decoding: output[..<end], as: UTF8.self)
        }

        /// Whether git was ended by a signal: 129 is its own code for wrong usage.
        package var wasKilled: Bool { (130..<160).contains(status) }

        /// Whether git failed for a reason that may pass: a signal ended it, or a resource ran out, which it says in
        /// the system's untranslated words.
        package var mayPass: Bool {
            if wasKilled { return true }
            let said = String(decoding: error, as: UTF8.self)
            let reasons = [
                "No space left on device", "Disk quota exceeded", "Cannot allocate memory",
                "Resource temporarily unavailable", "Too many open files",
            ]
            return reasons.contains { said.contains($0) }
        }

        /// The last line that it said on standard error, or what its status means.
        package var complaint: String { complaint(lines: 1) }

        /// The same of several lines, put into one: where some are git's own, those, without its advice.
        package func complaint(lines most: Int) -> String {
            let lines = error.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }.filter {
                $0.contains { !$0.isWhitespace }
            }
            guard !lines.isEmpty else { return timedOut ? "took too long" : "exit status \(status)" }
            let own = most == 1 ? [] : lines.filter { $0.hasPrefix("error: ") || $0.hasPrefix("fatal: ") }
            return (own.isEmpty ? lines : own).suffix(most).map(Names.shown).joined(separator: "; ")
        }
    }

    /// Runs it to its end. Throws `Failure.unsure` if it can't be started.
    package func run() throws -> Result {
        var input: Int32 = -1
        if let bytes = self.input { input = try Program.memory(bytes) }
        defer { if input >= 0 { close(input) } }
        var out: [Int32] = [-1, -1]
        var err: [Int32] = [-1, -1]
        if log == nil {
            guard pipe2(&out, O_CLOEXEC) == 0, pipe2(&err, O_CLOEXEC) == 0 else {
                throw Failure.unsure("unable to make a pipe: \(Program.reason())")
            }
        }
        let pid: pid_t
        do {
            pid = try start(stdin: input, stdout: log ?? out[1], stderr: log ?? err[1])
        } catch {
            for fd in out + err where fd >= 0 { close(fd) }
            throw error
        }
        if log == nil {
            close(out[1])
            close(err[1])
        }
        defer {
            if log == nil {
                close(out[0])
                close(err[0])
            }
        }
        return collect(pid, out[0], err[0])
    }

    /// Starts it and returns its process id. The descriptors become 0, 1 and 2; -1 is `/dev/null`.
    /// With `terminal` its group becomes the foreground group of that descriptor's terminal.
    package func start(stdin: Int32, stdout: Int32, stderr: Int32, terminal: Int32? = nil) throws -> pid_t {
        // Where our own caller ignores it, the kernel would forget how our children ended.
        signal(SIGCHLD, SIG_DFL)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, fd) in [(Int32(0), stdin), (1, stdout), (2, stderr)] {
            if fd < 0 {
                posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
            } else {
                posix_spawn_file_actions_adddup2(&actions, fd, number)
            }
        }
        if let terminal { posix_spawn_file_actions_addtcsetpgrp_np(&actions, terminal) }
        if let third { posix_spawn_file_actions_adddup2(&actions, third, 3) }
        posix_spawn_file_actions_addclosefrom_np(&actions, third == nil ? 3 : 4)
        if let directory { _ = directory.withPlatformString { posix_spawn_file_actions_addchdir_np(&actions, $0) } }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        if ownGroup || terminal != nil {
            flags |= POSIX_SPAWN_SETPGROUP
            posix_spawnattr_setpgroup(&attributes, 0)
        }
        if ownSession { flags |= Program.setSession }
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] =
            Program.environment(environment).map { entry in
                (entry + [0]).withUnsafeBytes { strdup($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
            } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, argv[0]!, &actions, &attributes, &argv, &envp)
        guard code == 0 else {
            let isThere = directory.map { (try? Files.exists($0)) == true } ?? true
            if code == ENOENT, isThere, !arguments[0].contains("/") {
                throw Failure.unsure("no '\(Names.shown(arguments[0]))' on the PATH: install it")
            }
            let place = directory.map { " in '\($0.string)'" } ?? ""
            throw Failure.unsure(
                "unable to run '\(Names.shown(arguments[0]))'\(place): \(String(cString: strerror(code)))")
        }
        return pid
    }

    /// Removes the variables of this process whose names fit.
    package static func without(_ fits: (String) -> Bool) -> [String: String?] {
        var changes: [String: String?] = [:]
        for entry in Environment.entries() {
            let name = Environment.name(of: entry)
            if fits(name) { changes[name] = .some(nil) }
        }
        return changes
    }

    /// `POSIX_SPAWN_SETSID` of glibc.
    private static let setSession: Int32 = 0x80

    /// The environment of a child, as `NAME=value` each: this process's without what is of git, and with the changes
    /// applied. Bytes that are no UTF-8 stay as they are.
    private static func environment(_ changes: [String: String?]) -> [[UInt8]] {
        let kept = Environment.entries().filter { entry in
            let name = Environment.name(of: entry)
            return changes[name] == nil && !Environment.ofGit.contains(name)
        }
        return kept + changes.compactMap { name, value in value.map { Array("\(name)=\($0)".utf8) } }
    }

    /// Reads both pipes until the program has ended. What its children hold open is not waited for.
    private func collect(_ pid: pid_t, _ out: Int32, _ err: Int32) -> Result {
        var result = Result(status: 0, output: [], error: [])
        let ended = csys_pidfd_open(pid)
        defer { if ended >= 0 { close(ended) } }
        let deadline = timeout.map { Time.monotonic() + $0 }
        var open = log == nil ? [out, err] : []
        var asked = Time.monotonic()
        if adopts { ProcessGroup.adopt() }
        while true {
            var entries = ([ended] + open).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            var left = deadline.map { max(0, Int32(($0 - Time.monotonic()) * 1000)) } ?? -1
            // If the kernel gives no process descriptor (there are too many, or a sandbox forbids it), poll every 20
            // ms.
            if ended < 0 { left = left < 0 ? 20 : min(left, 20) }
            if isUnwanted != nil { left = left < 0 ? 1000 : min(left, 1000) }
            let n = poll(&entries, nfds_t(entries.count), left)
            if let isUnwanted, Time.monotonic() >= asked + 1 {
                asked = Time.monotonic()
                result.wasUnwanted = isUnwanted()
                if result.wasUnwanted { break }
            }
            if n == 0, deadline.map({ $0 <= Time.monotonic() }) ?? false {
                result.timedOut = true
                end(pid, SIGTERM)
                break
            }
            if n < 0 { continue }
            for entry in entries.dropFirst() where entry.revents != 0 {
                if !drain(entry.fd, entry.fd == out ? \.output : \.error, &result) { open.removeAll { $0 == entry.fd } }
            }
            if ended < 0 ? Program.hasEnded(pid) : entries[0].revents != 0 {
                for fd in open { while pending(fd), drain(fd, fd == out ? \.output : \.error, &result) {} }
                break
            }
        }
        var status: Int32 = 0
        if result.timedOut {
            var grace = pollfd(fd: ended, events: Int16(POLLIN), revents: 0)
            if poll(&grace, 1, Int32(self.grace * 1000)) <= 0 { end(pid, SIGKILL) }
        }
        if result.wasUnwanted { endTree(pid) }
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        if ownGroup { kill(-pid, SIGKILL) }
        result.status = Program.code(status)
        return result
    }

    /// Whether a child has ended, which is left to be reaped. The C function is `waitid`.
    private static func hasEnded(_ pid: pid_t) -> Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0
            || info._sifields._sigchld.si_pid == pid
    }

    /// Ends a child and all that descends from it, in whatever group, so that a terminal stays the one group's: TERM,
    /// and KILL after the grace.
    private func endTree(_ pid: pid_t) {
        func below() -> [Tree.Process] { Tree.descendants(of: adopts ? getpid() : pid) }
        let all = [Tree.Process(pid)].compactMap { $0 } + below()
        for process in all {
            process.signal(SIGTERM)
            process.signal(SIGCONT)
        }
        let deadline = Time.monotonic() + grace
        while Time.monotonic() < deadline, !Program.hasEnded(pid) { poll(nil, 0, 20) }
        for process in all + below() { process.signal(SIGKILL) }
    }

    private func end(_ pid: pid_t, _ signal: Int32) { kill(ownGroup || ownSession ? -pid : pid, signal) }

    private func pending(_ fd: Int32) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    private func drain(_ fd: Int32, _ into: WritableKeyPath<Result, [UInt8]>, _ result: inout Result) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let n = read(fd, &chunk, chunk.count)
        if n < 0 { return errno == EINTR }
        result[keyPath: into] += chunk[..<n]
        return n > 0
    }

    /// The exit code of a wait(2) status, or 128 and the signal's number.
    package static func code(_ status: Int32) -> Int32 {
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// An anonymous file with these bytes, to be read from its start. The C function is `memfd_create`.
    package static func memory(_ bytes: [UInt8]) throws -> Int32 {
        let fd = csys_memfd("input")
        guard fd >= 0 else { throw Failure.unsure("unable to make a memory file: \(reason())") }
        var at = 0
        while at < bytes.count {
            let n = bytes.withUnsafeBytes { write(fd, $0.baseAddress! + at, bytes.count - at) }
            guard n > 0 else {
                close(fd)
                throw Failure.unsure("unable to write a memory file: \(reason())")
            }
            at += n
        }
        lseek(fd, 0, SEEK_SET)
        return fd
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
