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
        /// It ran longer than its `timeout`. Its log has what it printed by then.
        case tookTooLong
        /// Its log grew over the limit, where it is cut.
        case printedTooMuch
        /// Another one failed before.
        case ended
    }

    /// Makes this process adopt what loses its parent below it.
    package static func adopt() { _ = csys_set_subreaper() }

    /// Runs them to their ends, which are given in the same order. They have logs, and may have timeouts; `limit` is
    /// how large a log may grow, in bytes: it is cut there. Throws `Failure.unsure` if one can't be started, or
    /// something does not end when it is killed.
    package static func run(_ programs: [Program], limit: Int) throws -> [End] {
        adopt()
        let signals = SignalQueue([SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT].filter { !isIgnored($0) })
        var run = Run(programs, limit: limit)
        defer {
            signals.end()
            if let told = run.told { kill(getpid(), told) }
        }
        guard signals.descriptor != -1 else {
            throw Failure.unsure("unable to watch for signals: \(String(cString: strerror(errno)))")
        }

        try run.start()
        while !run.running.isEmpty {
            try run.killOverdue()
            signals.wait(seconds: run.pause)
            while let signal = signals.next() { run.take(signal) }
            while let (pid, status) = nextDead(before: { run.killGroup(of: $0) }) { run.noteEnd(of: pid, status) }
            run.checkBounds()
        }
        try endChildren()
        run.cutLogs()
        return run.ends.map { $0 ?? .ended }
    }

    /// Programs that run at once.
    private struct Run {
        private static let grace = 2.0

        private let programs: [Program]
        /// Bytes that a log may grow to.
        private let limit: Int
        private(set) var ends: [End?]
        /// The place in `programs`, by process.
        private(set) var running: [pid_t: Int] = [:]
        private let begin = Time.monotonic()
        /// When those that were told to end are killed; nil if nobody was told.
        private var killing: Double?
        /// The signal that is to end this process once they have ended.
        private(set) var told: Int32?

        init(_ programs: [Program], limit: Int) {
            self.programs = programs
            self.limit = limit
            ends = [End?](repeating: nil, count: programs.count)
        }

        mutating func start() throws {
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
        }

        /// Kills all, where those that were told to end have had the time for it.
        func killOverdue() throws {
            guard let killing, case let now = Time.monotonic(), now >= killing else { return }
            guard now < killing + 10 else {
                throw Failure.unsure("process \(running.keys.first ?? 0) does not end")
            }
            signalAll(SIGKILL)
        }

        /// Seconds until something is due.
        var pause: Double {
            let now = Time.monotonic()
            // Soon enough to see a log grow.
            var wake = now + 0.25
            if let killing, killing > now { wake = min(wake, killing) }
            for n in running.values {
                if let timeout = programs[n].timeout { wake = min(wake, max(now + 0.01, begin + timeout)) }
            }
            return max(0, wake - now)
        }

        mutating func take(_ signal: Int32) {
            guard signal != SIGCHLD else { return }
            told = signal
            endAll()
        }

        /// Of a program that has ended, whose id can't be another's yet.
        func killGroup(of pid: pid_t) { if running[pid] != nil { kill(-pid, SIGKILL) } }

        mutating func noteEnd(of pid: pid_t, _ status: Int32) {
            guard let n = running.removeValue(forKey: pid), ends[n] == nil else { return }
            if killing == nil, hasPrintedTooMuch(n) {
                ends[n] = .printedTooMuch
                return endAll()
            }
            ends[n] = status == 0 ? .passed : killing != nil ? .ended : .failed(Program.code(status))
            if status != 0 { endAll() }
        }

        /// Ends all if one runs too long or prints too much.
        mutating func checkBounds() {
            guard killing == nil else { return }
            for n in running.values {
                if let timeout = programs[n].timeout, Time.monotonic() >= begin + timeout { ends[n] = .tookTooLong }
                if hasPrintedTooMuch(n) { ends[n] = .printedTooMuch }
                if ends[n] != nil { endAll() }
            }
        }

        func cutLogs() {
            for (n, end) in ends.enumerated() where end == .printedTooMuch {
                ftruncate(programs[n].log ?? -1, off_t(limit))
            }
        }

        private func hasPrintedTooMuch(_ n: Int) -> Bool {
            var st = stat()
            return fstat(programs[n].log ?? -1, &st) == 0 && st.st_size > limit
        }

        private mutating func endAll() {
            guard killing == nil else { return }
            killing = Time.monotonic() + Run.grace
            signalAll(SIGTERM)
            signalAll(SIGCONT)
        }

        private func signalAll(_ signal: Int32) {
            for pid in running.keys {
                kill(-pid, signal)
                kill(pid, signal)
            }
        }
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
