import Bus
import CSys
import Git
import Glibc
import Processes
import SystemPackage
import Tmux

// The life of a supervisor, the process in an agent's pane:
//
//   1  take `alive`, whose lock says for as long as we live that the agent does
//   2  become the subreaper, so that whatever the program starts stays a descendant
//   3  sweep: a free lock meant that the last supervisor was dead, not what it had started
//   4  begin a session: a new token on the disk; claims of the last session are carried over to it, which fences that one
//   5  bring the worktree back, and to the branch of the held task
//   6  start the program in a process group of its own, in the foreground of the terminal
//   7  wait, for signals and changes of the bus; nothing is polled
//   8  the program ends: end its tree, take the terminal back, and start again, rest, or give up
//
// Killed anywhere: the kernel drops the lock and sends the program TERM; others see the lock free and start a new one,
// which begins at 1. The program's parent-death signal is set by a small step between us and it (see `becomeChild`),
// since posix_spawn can't.
public final class Supervisor {
    let name: String
    let team: Team
    let terminal = Terminal()
    private let alive: FileDescriptor
    private let signals: Int32
    var child: pid_t = 0
    var token = ""
    private var started = 0.0
    private var delay = 0
    private var watch: Watch?
    private var silence: Silence?

    private var bus: Bus { team.bus }

    /// Takes the lock; waits some seconds for a predecessor whose program takes its time to end.
    public init(_ name: String, _ team: Team) throws {
        self.name = name
        self.team = team
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE] {
            sigaddset(&set, signal)
        }
        sigprocmask(SIG_BLOCK, &set, nil)
        signals = csys_signalfd(&set)
        let deadline = Time.monotonic() + 5
        var taken = try Alive.take(team.bus.alive(name))
        while taken == nil, Time.monotonic() < deadline {
            poll(nil, 0, 20)
            taken = try Alive.take(team.bus.alive(name))
        }
        guard let taken else { throw Failure.no("'\(name)' runs already") }
        alive = taken
    }

    /// Runs the agent until it rests, is stopped or given up.
    public func run() throws {
        _ = csys_set_subreaper()
        try Tree.sweep(bus: bus, agent: name)
        announce()
        silence = Silence(seconds: try team.settings.seconds("silence", 300))
        watch = try Watch(bus, name)
        while true {
            guard try bus.agent(named: name)?.want == .run else { break }
            try session()
            let status = try wait()
            endTree(now: false)
            terminal?.reset()
            guard try goOn(after: status) else { break }
        }
        try rest()
    }

    /// Marks our pane, and asks tmux to keep it when we die and to tell when that happens.
    private func announce() {
        guard let pane = getenv("TMUX_PANE").map({ String(cString: $0) }), let tmux = try? Tmux(bus) else { return }
        _ = try? tmux.adopt(pane, bus, agent: name, executable: Share.executable.string)
    }

    // MARK: a session

    private func session() throws {
        var agent = try team.agent(name)
        let pane = getenv("TMUX_PANE").map { String(cString: $0) }
        let server = getenv("TMUX").map { String(cString: $0).split(separator: ",").first.map(String.init) ?? "" }
        try bus.report(name, state: .starting, source: "supervisor")
        token = try bus.beginSession(name, pane: pane, server: server)["Token"] ?? ""
        try team.restoreWorktree(agent)
        agent = try team.agent(name)
        try takeTask(agent)
        var program = Program([Share.executable.string, "supervise", "--child", "\(getpid())", "/bin/sh", "-c", agent.card["Command"] ?? "exit 127"])
        program.directory = agent.worktree ?? agent.card["Directory"].map { FilePath($0) }
        program.environment = environment(agent)
        child = try program.start(stdin: 0, stdout: 1, stderr: 2, terminal: terminal == nil ? nil : 0)
        started = Time.monotonic()
        let held = try bus.claims().contains { $0.owner == name }
        try bus.report(name, state: held ? .working : .idle, source: "supervisor", note: "", session: token)
        silence?.reset()
    }

    /// What the last session held, else the task that the agent was made for. The worktree stands on its branch then.
    private func takeTask(_ agent: AgentView) throws {
        var held = try bus.adopt(name, session: token)
        if held.isEmpty, let id = agent.card.int("Task") {
            let worker = Worker(name: name, session: token, role: agent.role, manages: true)
            do { held = [try bus.claim(id, worker)] } catch let failure as Failure where failure.kind == .no {}
            try bus.editCard(name) { $0["Task"] = nil }
        }
        guard let first = held.first, let worktree = agent.git else { return }
        do { try team.work.enter(first.id, worktree, start: agent.card["Base"]) } catch let failure as Failure {
            // A worktree with changes on another branch: the program or a person must see to them.
            try bus.report(name, source: "supervisor", note: "task \(first.id): \(failure.message)")
        }
    }

    private func environment(_ agent: AgentView) -> [String: String?] {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return [
            "CADRE_AGENT": name, "CADRE_SESSION": token, "CADRE_DIR": bus.root.string, "CADRE_PORT": agent.card["Port"],
            "CADRE_TARGET": team.settings.target.map { String($0.dropFirst("refs/heads/".count)) },
            "CADRE_ROLE": agent.role, "CADRE_MODEL": agent.card["Model"], "CADRE_PROMPT": agent.card.body.isEmpty || agent.card.body.contains(0) ? nil : String(decoding: agent.card.body, as: UTF8.self),
            "PATH": path.split(separator: ":").first.map(String.init) == Share.bin.string ? path : "\(Share.bin.string):\(path)",
        ]
    }

    // MARK: waiting

    private enum Ended { case exit(Int32), told }

    /// Until the program has ended, by itself or because we were told to end it.
    private func wait() throws -> Ended {
        while true {
            var entries = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0), pollfd(fd: watch?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)]
            let next = silence?.next() ?? 3600
            _ = poll(&entries, 2, Int32(min(next, 3600) * 1000))
            while true {
                let signal = csys_next_signal(signals)
                if signal == 0 { break }
                switch signal {
                case SIGCHLD:
                    if let status = reap() { return .exit(status) }
                case SIGTERM: return .told
                case SIGHUP:
                    // The window or the server is gone. It was closed on purpose or all are gone: nobody starts us again unasked.
                    try bus.report(name, state: .dead, source: "hangup")
                    endTree(now: false)
                    exit(0)
                case SIGUSR1: try obey()
                case SIGUSR2:
                    endTree(now: true)
                    return .told
                default: break
                }
            }
            if entries[1].revents != 0 { watch?.look(team) }
            if let silence, silence.isDue { try silence.look(self) }
        }
    }

    /// Reaps what has ended; the program's wait status if it is among them. One that was stopped from its keyboard goes on.
    private func reap() -> Int32? {
        var ended: Int32?
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG | WUNTRACED)
            if pid <= 0 { return ended }
            let stopped = status & 0xff == 0x7f
            if pid == child, !stopped { ended = status }
            if pid == child, stopped, (status >> 8) & 0xff == SIGTSTP {
                poll(nil, 0, 50)
                terminal?.newLine()
                kill(-child, SIGCONT)
            }
        }
    }

    /// Freezes or thaws, as the wish on the disk says.
    private func obey() throws {
        switch try bus.agent(named: name)?.want {
        case .freeze:
            // Three times: what starts while we walk is caught on the next.
            for _ in 0..<3 { for process in Tree.descendants(of: getpid()) { process.signal(SIGSTOP) } }
        case .run: for process in Tree.descendants(of: getpid()).reversed() { process.signal(SIGCONT) }
        default: break
        }
    }

    // MARK: ending

    /// Ends all that descends from us; returns when nothing is left, which ECHILD proves to a subreaper.
    func endTree(now: Bool) {
        let begin = Time.monotonic()
        let grace = now ? 0 : 3.0
        var told = false
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid > 0 { continue }
            if pid < 0, errno == ECHILD { break }
            let left = Tree.descendants(of: getpid())
            if Time.monotonic() - begin >= grace {
                for process in left { process.signal(SIGKILL) }
            } else if !told {
                told = true
                for process in left { process.signal(SIGTERM); process.signal(SIGCONT) }
            }
            var entry = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, 20) > 0 { while csys_next_signal(signals) != 0 {} }
        }
        child = 0
    }

    /// Decides what follows the end of the program; waits out the time before another start. False: no other start.
    private func goOn(after ended: Ended) throws -> Bool {
        if let git = try team.agent(name).git, try Files.exists(git.directory) { try team.work.keep(team.agent(name)) }
        guard case .exit(let status) = ended else {
            // Told to end without a wish on the disk: by a person's kill, say. It should still run, but not by us.
            if try team.agent(name).want == .run { try bus.report(name, state: .dead, source: "terminated", session: token) }
            return false
        }
        let code = Program.code(status)
        let agent = try team.agent(name)
        guard agent.want == .run else { return false }
        let policy = team.restartPolicy(agent)
        let holds = try bus.claims().contains { $0.owner == name }
        let what = code > 128 ? "ended by signal \(code - 128)" : "exit status \(code)"
        bus.journal("ended", by: name, ["agent": name, "how": what])
        if code == 0, !holds, policy != "always" {
            try bus.report(name, state: .resting, source: "supervisor", note: "", session: token)
            return false
        }
        if policy == "never" {
            try bus.report(name, state: .dead, source: "supervisor", note: what, session: token)
            return false
        }
        try bus.noteRestart(name)
        let limit = try team.settings.int("maxRestarts", 5)
        let missing = code == 126 || code == 127
        if try missing || bus.restarts(name, since: Time.now() - 900) > limit {
            try team.quarantine(name, missing ? "its program can't be run (\(what))" : "it ended \(limit + 1) times within 15 minutes (\(what))")
            try bus.report(name, state: .quarantined, source: "supervisor", note: what, session: token)
            return false
        }
        try bus.report(name, state: .starting, source: "supervisor", note: what)
        if Time.monotonic() - started > 60 { delay = 0 }
        terminal?.say("cadre: \(name): \(what), starting again\(delay > 0 ? " in \(delay) s" : "")")
        let pause = delay
        delay = max(1, delay * 2)
        return pauseFor(pause)
    }

    /// False if a signal to end came meanwhile.
    private func pauseFor(_ seconds: Int) -> Bool {
        let end = Time.monotonic() + Double(seconds)
        while Time.monotonic() < end {
            var entry = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, Int32((end - Time.monotonic()) * 1000) + 1) > 0 else { continue }
            while true {
                let signal = csys_next_signal(signals)
                if signal == 0 { break }
                if signal == SIGTERM || signal == SIGHUP || signal == SIGUSR2 { return false }
            }
        }
        return true
    }

    /// Gives the lock up first, so that what is recovered from the dead includes us.
    private func rest() throws {
        try alive.close()
        try team.recover()
    }

    // MARK: the step between

    /// Becomes the program: asks for TERM when the supervisor dies, makes sure that it has not died before, and execs. The
    /// C functions are `prctl` (PR_SET_PDEATHSIG) and `execvp`.
    public static func becomeChild(of supervisor: pid_t, _ arguments: [UnsafeMutablePointer<CChar>?]) -> Never {
        _ = csys_set_parent_death_signal(SIGTERM)
        if getppid() != supervisor { exit(143) }
        var argv = arguments + [nil]
        execvp(argv[0]!, &argv)
        exit(errno == ENOENT ? 127 : 126)
    }
}
