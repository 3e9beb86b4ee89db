import Bus
import CLinux
import Glibc
import Storage
import SystemPackage

// Programs that are not trusted to end, run at once.
//
// Each has a process group of its own and writes into a log of its own. The first that fails, takes too long or prints
// too much ends the others: TERM to their groups, KILL two seconds later. When a program ends its group is killed, and
// when all have ended whatever they leave running is, in whatever group or session it is: this process adopts what
// loses its parent. So the caller must have no other children.
//
// Signals that would end this process end the programs first.
package enum ProcessGroup {
    package enum End: Equatable {
        case passed
        /// The exit code, or 128 and the signal's number.
        case failed(Int32)
        case tookTooLong
        case printedTooMuch
        /// Another one failed before.
        case ended
    }

    private static let grace = 2.0

    /// Makes this process adopt what loses its parent below it.
    package static func adopt() { _ = csys_set_subreaper() }

    /// Runs them to their ends, which are given in the same order. They have logs, and may have timeouts; `limit` is
    /// how large a log may grow, in bytes: it is cut there. Throws `Failure.unsure` if one can't be started, or
    /// something does not end when it is killed.
    package static func run(_ programs: [Program], limit: Int) throws -> [End] {
        adopt()
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT] where !isIgnored(signal) { sigaddset(&set, signal) }
        var before = sigset_t()
        sigprocmask(SIG_BLOCK, &set, &before)
        let signals = csys_signalfd(&set)
        var told: Int32?
        defer {
            if signals >= 0 { close(signals) }
            sigprocmask(SIG_SETMASK, &before, nil)
            if let told { kill(getpid(), told) }
        }
        guard signals >= 0 else {
            throw Failure.unsure("unable to watch for signals: \(String(cString: strerror(errno)))")
        }

        var ends = [End?](repeating: nil, count: programs.count)
        var running: [pid_t: Int] = [:]
        let begin = Time.monotonic()
        var killing: Double?
        func signalAll(_ signal: Int32) {
            for pid in running.keys {
                kill(-pid, signal)
                kill(pid, signal)
            }
        }
        func endAll() {
            guard killing == nil else { return }
            killing = Time.monotonic() + grace
            signalAll(SIGTERM)
            signalAll(SIGCONT)
        }
        do {
            for (n, program) in programs.enumerated() {
                var program = program
                program.ownGroup = true
                running[try program.start(stdin: -1, stdout: program.log ?? -1, stderr: program.log ?? -1)] = n
            }
        } catch {
            try endChildren()
            throw error
        }
        while !running.isEmpty {
            let now = Time.monotonic()
            // Soon enough to see a log grow.
            var wake = now + 0.25
            if let killing {
                guard now < killing + 10 else {
                    throw Failure.unsure("process \(running.keys.first ?? 0) does not end")
                }
                if now >= killing { signalAll(SIGKILL) } else { wake = min(wake, killing) }
            }
            for n in running.values {
                if let timeout = programs[n].timeout { wake = min(wake, max(now + 0.01, begin + timeout)) }
            }
            var entry = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, Int32(max(0, wake - now) * 1000) + 1)
            while case let signal = csys_next_signal(signals), signal != 0 {
                guard signal != SIGCHLD else { continue }
                told = signal
                endAll()
            }
            while let (pid, status) = nextDead(before: { if running[$0] != nil { kill(-$0, SIGKILL) } }) {
                guard let n = running.removeValue(forKey: pid), ends[n] == nil else { continue }
                if killing == nil, isTooLong(programs[n], limit) {
                    ends[n] = .printedTooMuch
                    endAll()
                    continue
                }
                ends[n] = status == 0 ? .passed : killing != nil ? .ended : .failed(Program.code(status))
                if status != 0 { endAll() }
            }
            guard killing == nil else { continue }
            for n in running.values {
                if let timeout = programs[n].timeout, Time.monotonic() >= begin + timeout { ends[n] = .tookTooLong }
                if isTooLong(programs[n], limit) { ends[n] = .printedTooMuch }
                if ends[n] != nil { endAll() }
            }
        }
        try endChildren()
        for (n, end) in ends.enumerated() where end == .printedTooMuch {
            ftruncate(programs[n].log ?? -1, off_t(limit))
        }
        return ends.map { $0 ?? .ended }
    }

    private static func isTooLong(_ program: Program, _ limit: Int) -> Bool {
        var st = stat()
        return fstat(program.log ?? -1, &st) == 0 && st.st_size > limit
    }

    /// Ends all that descends from this process. Throws `Failure.unsure` if that takes too long.
    package static func endChildren() throws {
        let end = Time.monotonic() + 10
        while true {
            while nextDead(before: { _ in }) != nil {}
            var status: Int32 = 0
            if waitpid(-1, &status, WNOHANG) < 0, errno == ECHILD { return }
            let left = Tree.descendants(of: getpid())
            for process in left { process.signal(SIGKILL) }
            Tree.wait(left, seconds: 1)
            guard Time.monotonic() < end else { throw Failure.unsure("process \(left.first?.pid ?? 0) does not end") }
        }
    }

    /// Takes note of a child that has ended, and gives its id and status; nil if there is none. What is to be done
    /// while its id can't be another's is done before. The C functions are `waitid` and `waitpid`.
    private static func nextDead(before: (pid_t) -> Void) -> (pid: pid_t, status: Int32)? {
        var info = siginfo_t()
        guard waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0, info._sifields._sigchld.si_pid > 0 else {
            return nil
        }
        let pid = info._sifields._sigchld.si_pid
        before(pid)
        var status: Int32 = 0
        return waitpid(pid, &status, 0) == pid ? (pid, status) : nil
    }

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(signal, nil, &action) == 0, let handler = action.__sigaction_handler.sa_handler else {
            return false
        }
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
