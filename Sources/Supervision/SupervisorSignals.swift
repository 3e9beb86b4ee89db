import Glibc
import Processes
import Storage

// What signals tell a supervisor:
//
//   SIGCHLD     a child has ended or stopped: the program, or a verb that runs for it
//   SIGTERM     end the program, and then end
//   SIGUSR2     the same, at once
//   SIGHUP      the terminal is gone: end, and nobody starts us again unasked
//   SIGUSR1     the wish on the disk has changed: freeze, thaw, or end a session that was handed over. Who waits before
//               a start goes on
//   SIGCONT     look who watches, and whether our executable was replaced
//
// All others that could interrupt us are taken and mean nothing.
extension Supervisor {
    static let signals = [
        SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH, SIGUSR1, SIGUSR2,
        SIGALRM, SIGPIPE,
    ]

    enum Order { case end, endNow, hangUp }

    /// Takes the signals that came: the program's wait status if it has ended, and whether there is a wish to obey.
    /// Orders are kept in `order`, a stronger one over a weaker.
    func signalled() -> (ended: Int32?, obey: Bool) {
        var ended: Int32?
        var obey = false
        while true {
            switch signals.next() {
            case nil: return (ended, obey)
            case SIGCHLD: ended = reap() ?? ended
            case SIGTERM: if order == nil { order = .end }
            case SIGUSR2: if order != .hangUp { order = .endNow }
            case SIGHUP: order = .hangUp
            case SIGUSR1:
                obey = true
                // A person sends this by hand, perhaps before we have seen the end that a pause would follow.
                delay = 0
            case SIGCONT: called = true
            default: break
            }
        }
    }

    /// Reaps what has ended; the program's wait status if it is among them. One that was stopped from its keyboard goes
    /// on.
    private func reap() -> Int32? {
        var ended: Int32?
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG | WUNTRACED)
            if pid <= 0 { return ended }
            let stopped = status & 0xff == 0x7f
            if !stopped, serving?.ended(pid, status) == true { continue }
            if pid == child, !stopped { ended = status }
            if pid == child, stopped, (status >> 8) & 0xff == SIGTSTP {
                poll(nil, 0, 50)
                terminal?.newLine()
                kill(-child, SIGCONT)
            }
        }
    }

    /// Freezes or thaws, as the wish on the disk says; true if the agent has handed over and this session is to end.
    func obey() throws -> Bool {
        switch try bus.agent(named: name)?.want {
        case .freeze:
            // Three times: what starts while we walk is caught on the next.
            for _ in 0..<3 { for process in Tree.descendants(of: getpid()) { process.signal(SIGSTOP) } }
        case .run:
            for process in Tree.descendants(of: getpid()).reversed() { process.signal(SIGCONT) }
            return try bus.conversation(name)?.handoff == token
        default: break
        }
        return false
    }

    /// Sleeps, but for signals; an order ends it, and so does who brings us up.
    func rest(seconds: Double) {
        let end = Time.monotonic() + seconds
        while order == nil, Time.monotonic() < end { if heard(within: end - Time.monotonic()) { return } }
    }

    /// Takes the signals that come, at the first of them or when the time is over. True if one of them is to wake us: a
    /// person brings us up.
    @discardableResult
    func heard(within seconds: Double) -> Bool {
        signals.wait(seconds: seconds) && signalled().obey
    }
}
