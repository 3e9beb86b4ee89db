import AgentPrograms
import Bus
import CLinux
import Glibc
import Hooks
import Processes
import Storage
import SystemPackage
import Team
import Tmux

// The life of a supervisor, the process in an agent's pane:
//
//   1  take `alive`, whose lock says for as long as we live that the agent does
//   2  become the subreaper, so that whatever the program starts stays a descendant
//   3  sweep: a free lock meant that the last supervisor was dead, not what it had started, which its mark tells (see
//      Mark)
//   4  begin a session: a new token on the disk; claims of the last session are carried over to it, which fences that
//      one
//   5  bring the worktree back, and to the branch of the held task
//   6  start the program in a process group of its own, in the foreground of the terminal
//   7  wait, for signals and changes of the bus (see EventLoop). It counts as started when it says what it does, or
//      has not ended within `settling`: who spawned it waits for that
//   8  the program ends: end its tree, take the terminal back, and start again, rest, or give up (see Restarts.swift)
//
// Killed anywhere: the kernel drops the lock and sends the program TERM; others see the lock free and start a new one,
// which begins at 1. The program's parent-death signal is set by a small step between us and it (see `becomeChild`),
// since posix_spawn can't.
package final class Supervisor {
    let name: String
    var team: Team
    let terminal = Terminal()
    let alive: FileDescriptor
    let signals: SignalQueue
    var child: pid_t = 0
    /// Of an adopted agent: its program, which is no child of ours, and a descriptor that tells of its end.
    private(set) var accompanied: Tree.Process?
    private var companion: Int32 = -1
    var token = ""
    /// Seconds before the next start: none, then a quarter, doubled each time, up to a minute.
    var delay = 0.0
    /// What is known of its program, if anything is.
    private(set) var known: AgentProgram?
    var following: ProgramMonitor?
    /// Of a program with a sandbox.
    private(set) var serving: SandboxServer?
    /// While its program, which does one turn and ends, waits for the next.
    var waiting: Waiting?
    var printed = 0
    private(set) var started = 0.0
    /// What its screen shows while it starts, and since when.
    var strange: (sight: AgentProgram.Sight, since: Double)?
    /// What it held when the program was started.
    private(set) var begunWith = Set<Int>()
    private(set) var phase = Phase.idle
    private var witnessed = false
    /// What we are to obey: kept until it is, whatever was being done when it came.
    var order: Order?
    private var watch: PeerWatch?
    /// A watcher has ended, or our executable was replaced: see `Team.callForWatch` and `Team.callAll`.
    var called = false
    /// Another executable is in the place of ours, and we are to become it as soon as that disturbs nobody.
    var isReplaced = false
    /// One that does not run, which is left alone.
    var broken: (path: FilePath, written: Int)?
    /// What failed when it was due (a full disk, a tmux that does not answer), and when it is tried again.
    private var failed: [Source: Deadline] = [:]
    /// Nobody may have seen the executable being replaced while our predecessor was about to become it.
    private var isToTell = false
    private var silence: StallDetector?

    /// How far the program is.
    enum Phase: Equatable {
        /// There is none.
        case idle
        /// It is that of the session that our predecessor in this process began, and nothing follows it yet.
        case inherited
        /// It was started. When it was last looked whether it tells or shows what it does, by the monotonic clock.
        case starting(looked: Double)
        case running
    }
    /// What a supervisor waits for, in the order of `wait`.
    private enum Source: Int {
        case start, watch, program, sandbox, work, silence, signals, companion
        /// What a signal has told.
        case wish, call
    }
    enum Ended {
        case exit(Int32)
        case failed(Failure)
        case told, work, handedOff, outgrown
    }

    /// Seconds after which a program that is not heard of and has not ended counts as started.
    private static let settling = 0.3

    var bus: Bus { team.bus }

    /// Takes the lock; waits some seconds for a predecessor whose program takes its time to end. `succeeding` tells of
    /// one that was this process: see `succeed`.
    package init(_ name: String, _ team: Team, succeeding: String? = nil) throws {
        self.name = name
        self.team = team
        team.bus.keepOpen()
        signals = SignalQueue(Supervisor.signals)
        if let succeeding {
            let words = succeeding.split(separator: ",").compactMap { Int32($0) }
            guard words.count == 2 else {
                throw Failure.usage("'\(Names.shown(succeeding))' is no descriptor and process")
            }
            alive = try LivenessLock.kept(words[0], of: team.bus.alive(name))
            child = words[1]
            if child > 0 { phase = .inherited }
            isToTell = true
            // If the kernel doesn't name our own file, every executable looks new: don't become the same one again.
            broken = Supervisor.successor
            witnessed = true
            // It may have ended meanwhile.
            kill(getpid(), SIGCHLD)
            return
        }
        let deadline = Time.monotonic() + 5
        var taken = try LivenessLock.take(team.bus.alive(name))
        while taken == nil, Time.monotonic() < deadline {
            poll(nil, 0, 20)
            taken = try LivenessLock.take(team.bus.alive(name))
        }
        guard let taken else { throw Failure.no("'\(name)' runs already") }
        alive = taken
        // Tells whoever started us that we hold the lock. What the last program waited for, or failed with, is over.
        let before = try bus.agent(named: name)
        let isOver = [.hook, .screen, .stateFile].contains(before?.report?.source)
        try bus.report(
            name, state: before?.want == .run ? .starting : nil, source: .supervisor, note: isOver ? "" : nil)
    }

    /// Runs the agent until it rests, is stopped or given up.
    package func run() throws {
        _ = csys_set_subreaper()
        while order == nil, let agent = try insist({ try bus.agent(named: name) }) ?? nil,
            agent.want == .run || phase == .inherited
        {
            var ended: Ended
            try leaveIfOutgrown()
            isReplaced = Installation.successor != nil
            succeed()
            do {
                let agent = try team.agent(name)
                var begun = true
                if phase == .inherited {
                    try takeOver(agent)
                } else if let adopted = agent.adopted {
                    try accompany(adopted)
                } else {
                    if agent.card.adopted != nil { try leave(agent) }
                    begun = try session()
                }
                if begun {
                    try attend()
                    ended = try wait()
                } else {
                    ended = .told
                }
            } catch let failure as Failure {
                ended = .failed(failure)
            }
            if order == .hangUp { try hungUp() }
            endTree(now: order == .endNow)
            if order == .hangUp {
                try hungUp()
                try? keep()
                watch = nil
                try alive.close()
                return team.showEnd(of: name)
            }
            terminal?.reset()
            try leaveIfOutgrown()
            guard try insist({ try goOn(after: ended) }) ?? false else { break }
        }
        try rest()
    }

    /// Does what the program's start doesn't need, after it. It runs at each start, because a user who sets a hook of
    /// the same name removes ours.
    func attend() throws {
        announce()
        try takeWatch()
        silence =
            accompanied != nil
            ? nil : StallDetector(seconds: try team.settings.number(.silence), besides: watch?.used ?? 0)
    }

    /// Watches, unless two do.
    private func takeWatch() throws {
        called = false
        guard watch == nil else { return }
        watch = try PeerWatch(bus, name)
        if watch != nil, isToTell { try team.callAll() }
        isToTell = false
        // Work may have come to the merge queue, or somebody died, while nobody watched.
        watch?.look(team)
    }

    /// Marks our pane, and asks tmux to keep it when we die and to tell when that happens.
    private func announce() {
        guard let pane = getenv("TMUX_PANE").map({ String(cString: $0) }), let tmux = try? Tmux(bus) else { return }
        let done: Void? = try? tmux.adopt(
            pane, bus, agent: name, executable: Installation.executable.string, witness: witnessed ? nil : getpid())
        if done != nil { witnessed = true }
    }

    // MARK: a session

    /// False if we were told to end while there was nothing to do.
    private func session() throws -> Bool {
        var agent = try team.agent(name)
        let pane = getenv("TMUX_PANE").map { String(cString: $0) }
        let server = getenv("TMUX").map { String(cString: $0).split(separator: ",").first.map(String.init) ?? "" }
        try Tree.sweep(bus: bus, agent: name)
        try Team.adoptEnvironment(bus, of: name)
        if agent.session != nil { try keep() }
        known = try team.known(agent.card.program ?? "")
        token = agent.token ?? ""
        if known?.sandbox != nil { try serve(agent).finish() }
        let mark = Mark.next()
        let takes = try team.takes(agent.program)
        token = try bus.beginSession(name, pane: pane, server: server, mark: mark, takes: takes).token ?? ""
        try bus.closePermissions(of: name, "its program has ended")
        let byTurns = isByTurns(agent)
        // Between two turns it is idle.
        try bus.report(
            name, state: byTurns && agent.report?.state == .idle ? nil : .starting,
            source: .supervisor, session: token)
        try team.restoreWorktree(name) { terminal?.say("cadre: \(name): \($0)") }
        agent = try team.agent(name)
        try takeTask(agent)
        begunWith = try Set(bus.claims().filter { $0.owner == name }.map(\.id))
        serving = known?.sandbox == nil ? nil : try serve(agent)
        if byTurns {
            guard try waitForWork() else { return false }
            agent = try team.agent(name)
            try turnOutput()
            printed = try Files.status(bus.output(name)).map { Int($0.st_size) } ?? 0
        }
        let start = { [self] (mail: String?) in
            var program = try launch(agent, known, mail: mail)
            program.arguments = Supervisor.step(to: program.arguments, mark: mark)
            program.directory = agent.worktree ?? agent.card.directory
            program.environment.merge(environment(agent)) { ours, _ in ours }
            // What the last program has drawn is no sign of how this one is.
            terminal?.clear()
            child = try program.start(stdin: 0, stdout: 1, stderr: 2, terminal: terminal == nil ? nil : 0)
        }
        let handed =
            try byTurns && known?.hooks == nil
            && bus.handOver(of: name, urgent: false, bound: 9000, door: "prompt", stands: true, deliver: start)
        if !handed { try start(nil) }
        started = Time.monotonic()
        phase = .starting(looked: started)
        following = nil
        (failed[.program], failed[.sandbox]) = (nil, nil)
        strange = nil
        noteCost()
        return true
    }

    /// Goes on with the session of our predecessor in this process, and its program.
    private func takeOver(_ agent: AgentView) throws {
        phase = .running
        known = try team.known(agent.card.program ?? "")
        token = agent.token ?? ""
        begunWith = try Set(bus.claims().filter { $0.owner == name }.map(\.id))
        serving = known?.sandbox == nil ? nil : try serve(agent)
        started = Time.monotonic()
        attempt(.program, follow)
        // What it shows when it starts is answered for it then only.
        following?.looking.isPastStart = agent.state != .waiting
        following?.looking.isAsked = try bus.isOpen(Bus.heldUp(name))
    }

    func begin(accompanying process: Tree.Process, following: ProgramMonitor?) {
        accompanied = process
        companion = csys_pidfd_open(process.pid)
        started = Time.monotonic()
        phase = .running
        self.following = following
        attempt(.program, follow)
    }

    /// It has started, or shows what it waits for. What it said itself by now stands.
    private func settle() throws {
        phase = .starting(looked: Time.monotonic())
        guard try hasBegun(known) else { return }
        attempt(.program, follow)
        if let report = try bus.agent(named: name)?.report, report.state == .starting {
            let holds = try bus.claims().contains { $0.owner == name }
            let told = report.source == .heartbeat
            try bus.report(name, state: holds ? .working : .idle, source: .supervisor, note: told ? nil : "")
        }
        phase = .running
    }

    /// Begins to follow what the program shows and is to be woken for.
    private func follow() throws {
        if following == nil { following = try ProgramMonitor(team, name, known, child) }
        try following?.look()
    }

    /// The window or the server is gone: it was closed on purpose, or all are gone. Nobody starts us again unasked.
    private func hungUp() throws { try bus.report(name, state: .dead, source: .hangup, session: token) }

    /// Keeps what its worktree has committed.
    func keep() throws {
        try team.work.keep(team.agent(name))
    }

    // MARK: waiting

    /// Until the program has ended, by itself or because we were told to end it.
    func wait() throws -> Ended {
        while true {
            if let accompanied, !accompanied.isThere { return .exit(0) }
            var start: Deadline?
            if case .starting(let looked) = phase { start = Deadline(at: looked + Supervisor.settling) }
            var sources: [(any EventSource)?] = [
                start, watch, following, serving, waiting, silence, signals,
                accompanied == nil ? nil : Readable(companion), nil, nil,
            ]
            // What can't be handled would be due for ever.
            for (source, again) in failed { sources[source.rawValue] = again }
            // Nothing may tell that we can be replaced by now.
            let events = EventLoop.wait(for: sources, atMost: isReplaced ? 1 : 3600)
            func isDue(_ source: Source) -> Bool { events[source.rawValue] != .none }
            let (ended, obeyed) = signalled()
            if bus.isOutgrown { return .outgrown }
            if order != nil { return .told }
            if let ended { return .exit(ended) }
            var hasHandedOver = false
            if obeyed || isDue(.wish) { attempt(.wish) { hasHandedOver = try obey() } }
            if hasHandedOver { return .handedOff }
            if called { isReplaced = Installation.successor != nil }
            if called || isDue(.call) { attempt(.call, takeWatch) }
            if watch?.isReplaced == true { isReplaced = true }
            succeed()
            if isDue(.start) { try? settle() }
            if isDue(.watch) { watch?.look(team) }
            if isDue(.program) { attempt(.program, follow) }
            if isDue(.sandbox) { attempt(.sandbox) { try serving?.look() } }
            if isDue(.work), let waiting, try waiting.look() { return .work }
            if isDue(.silence) { try? silence?.look(team, name, besides: watch?.used ?? 0) }
        }
    }

    /// A full disk, say, is no reason to end the program: what can't be done now is tried again each second.
    private func attempt(_ source: Source, _ act: () throws -> Void) {
        do {
            try act()
            failed[source] = nil
        } catch { failed[source] = Deadline(in: 1) }
    }

    // MARK: ending

    /// Ends all that descends from us; returns when nothing is left.
    private func endTree(now: Bool) {
        let hurries = { [self] in order == .endNow }
        Tree.endOwn(grace: now ? 0 : 3, hurries: hurries) { [self] in heard(within: 0.02) }
        child = 0
        phase = .idle
    }

    /// Gives the lock up first, so that what is recovered from the dead includes us.
    private func rest() throws {
        try leaveIfOutgrown()
        watch = nil
        try alive.close()
        try team.callForWatch()
        if order != .hangUp {
            try team.recover()
            try team.rouseIfNobodyRuns()
        }
        team.showEnd(of: name)
    }
}
