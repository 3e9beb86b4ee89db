import Bus
import Configuration
import Git
import Glibc
import Landing
import Processes
import Storage
import SystemPackage
import Tmux

/// The agents of a project: how they are started, watched and ended.
package struct Team {
    package let bus: Bus
    package let git: Git
    package private(set) var settings: Settings

    package init(bus: Bus, git: Git, settings: Settings) {
        self.bus = bus
        self.git = git
        self.settings = settings
    }

    /// The configuration as it is now, for those who live long.
    package mutating func reread() throws {
        settings = try Settings(git, bus: bus)
        try settings.askForWaiting(bus)
    }

    package var work: TaskBranches { TaskBranches(bus: bus, repository: git, settings: settings) }

    package func agent(_ name: String) throws -> AgentView {
        guard let agent = try bus.agent(named: name) else { throw bus.noAgent(name) }
        return agent
    }

    // MARK: starting

    /// Opens a pane with the agent's supervisor in it, if none lives and a slot is free. False if one lives or the
    /// agent is being spawned; throws `Failure.no` if there is no slot. A counted start is one more of those after
    /// which an agent is quarantined.
    @discardableResult
    package func start(_ name: String, counted: Bool = false) throws -> Bool {
        try bus.deciding {
            let agent = try agent(name)
            if try agent.alive || agent.want != .run || bus.isBeingMade(name) { return false }
            guard let slot = try bus.takeSlot(name, limit: settings.number(.maxAgents)) else {
                throw Failure.no("no free slot for '\(name)': cadre.maxAgents is \(try settings.number(.maxAgents))")
            }
            // This process may live for long, and must not keep the slot.
            defer { try? bus.handOver(slot, to: name) }
            if counted {
                try bus.noteRestart(name)
                if let why = try tooMany(name) {
                    try quarantine(name, why)
                    return false
                }
            }
            // The reason of its last end is over. Not cleared earlier: another process that looks for dead agents would
            // start it too.
            if !counted { try bus.report(name, state: .starting, source: .up, note: "") }
            try open(agent, agent.isHeadless || agent.adopted != nil ? nil : Room(bus))
            return true
        }
    }

    /// Brings back the worktree of an agent that is about to be started, under its lock, so that only one does; nothing
    /// is done if it lives. Not part of the start, which holds up every other: its setup may take long.
    func prepare(_ name: String, say: (String) -> Void) throws {
        guard let alive = try LivenessLock.take(bus.alive(name)) else { return }
        defer { try? alive.close() }
        try restoreWorktree(name, say: say)
    }

    /// Why the agent is not started again, if it ended too often.
    package func tooMany(_ name: String) throws -> String? {
        let limit = try settings.number(.maxRestarts)
        return try bus.restarts(name, since: Time.now() - 900) > limit
            ? "it ended \(limit + 1) times within 15 minutes" : nil
    }

    /// Where panes are opened: the tmux server and the project's session on it, if there is one yet.
    struct Room {
        let tmux: Tmux
        var session: String?

        /// Throws `Failure.unsure` if there is no tmux that will do.
        init(_ bus: Bus) throws {
            tmux = try Tmux(bus)
            session = try tmux.ready(bus)
        }

        /// Where there was no session another may have made it meanwhile.
        mutating func look(_ bus: Bus) throws { if session == nil { session = try tmux.session(of: bus) } }
    }

    /// Opens the agent's pane, or without a room starts it without a terminal, in a session of its own (setsid(2)),
    /// with its output in a file. Reuses a dead pane of the agent, which keeps its place. The caller must hold the
    /// spawn lock and a slot. Returns when the supervisor holds its lock, so that of several starters only one
    /// succeeds.
    func open(_ agent: AgentView, _ room: Room?) throws {
        let program = [Installation.executable.string, "supervise", agent.name]
        var environment = ["CADRE_DIR": bus.root.string, "CADRE_AGENT": "", "CADRE_SESSION": ""]
        if let set = getenv("CADRE_TMUX") { environment["CADRE_TMUX"] = String(cString: set) }
        guard let (tmux, session) = room.map({ ($0.tmux, $0.session) }) else {
            var call = Program(program)
            call.environment = environment.mapValues { $0 }.merging(["TMUX": nil, "TMUX_PANE": nil, "CADRE_FAULT": nil])
            { $1 }
            call.ownSession = true
            let output = try Files.openToAppend(bus.output(agent.name))
            defer { try? output.close() }
            _ = try call.start(stdin: -1, stdout: output.rawValue, stderr: output.rawValue)
            return try waitForLock(agent.name)
        }
        if let pane = agent.session?.pane, try tmux.owns(pane, bus, agent: agent.name) {
            let variables = environment.sorted { $0.key < $1.key }.flatMap { ["-e", "\($0.key)=\($0.value)"] }
            // What runs there may be a supervisor that another has started and that waits for its lock, or one that
            // ends. A pane that has gone since is nothing to use again.
            let deadline = Time.monotonic() + 5
            while true {
                let force = Time.monotonic() < deadline ? [] : ["-k"]
                if try tmux.attempt(["respawn-pane"] + force + variables + ["-t", pane, "--"] + program).status == 0 {
                    return try waitForLock(agent.name)
                }
                if try LivenessLock.isHeld(bus.alive(agent.name)) { return }
                guard try force.isEmpty && tmux.owns(pane, bus, agent: agent.name) else { break }
                // No file tells of the end of a pane.
                poll(nil, 0, 50)
            }
        }
        let place = Tmux.Place(rawValue: agent.card.place ?? "") ?? .window
        _ = try tmux.open(bus, name: agent.name, in: session, place: place, program: program, environment: environment)
        try waitForLock(agent.name)
    }

    private func waitForLock(_ name: String) throws {
        let watcher = Watcher()
        watcher.watch(bus.agent(name))
        let deadline = Time.monotonic() + 5
        while try !LivenessLock.isHeld(bus.alive(name)), Time.monotonic() < deadline { watcher.wait(seconds: 0.1) }
    }

    /// So many tries of a start are waited for.
    private static let patience = 3

    /// Returns when a later session than `before` (a token) runs. Throws with the reason if its program ended at once,
    /// or if its start was tried `patience` times more than `tried`. A program that ended well counts: the agent rests.
    package func waitForStart(_ name: String, after before: String?, tried: Retry? = nil, seconds: Int = 30) throws {
        let watcher = Watcher()
        watcher.watch(bus.agent(name))
        let deadline = Time.now() + seconds
        while true {
            let agent = try agent(name)
            let state = agent.report?.state
            let own = agent.report?.source == .heartbeat
            let note = own ? "" : agent.report?.note ?? ""
            if let session = agent.report?.session, session != before {
                switch state {
                case nil: break
                case .starting where own: return
                case .starting, .dead, .quarantined:
                    if !note.isEmpty { throw Failure.no("'\(name)' ended at once: \(note); see 'cadre peek \(name)'") }
                case .resting: return
                default: if agent.alive { return }
                }
            } else if state == .dead, !note.isEmpty {
                throw Failure.no("'\(name)' does not start: \(note)")
            }
            if let retry = agent.retry, retry.tries >= (tried?.tries ?? 0) + Team.patience {
                throw Failure.unsure("'\(name)' can't be started: \(retry.text)")
            }
            guard Time.now() < deadline else {
                throw Failure.unsure("'\(name)' does not start; see 'cadre peek \(name)'")
            }
            watcher.wait(seconds: 1)
        }
    }

    // MARK: reviving

    /// Starts agents that should run and don't, oldest first. `all`: every one, also resting agents for which work is
    /// ready; otherwise only those that died without a word, not those whose window or server was closed, which a
    /// person does on purpose. Returns the started agents; `refused` gets the reasons why others could not start.
    package func revive(all: Bool, say: (String) -> Void = { _ in }, refused: (Failure) -> Void = { _ in }) throws
        -> [String]
    {
        if all {
            var panes = Panes()
            for name in try bus.agentNames() {
                do {
                    try endMoved(name)
                    try waitForHangUp(name, &panes)
                } catch let failure as Failure { refused(failure) }
            }
        }
        let dead = try bus.agentNames().compactMap { try bus.agent(named: $0) }.filter { agent in
            guard !agent.alive, agent.want == .run else { return false }
            if agent.state == .resting { return try all && Team.puller(agent).map(bus.hasReady) ?? false }
            // One without a terminal would be our own child: a supervisor must not become another's.
            if agent.isHeadless || agent.adopted != nil, !all { return false }
            return all || agent.report?.state != .dead && restartPolicy(agent) != .never
        }
        var started: [String] = []
        var quarantined = false
        for agent in dead.sorted(by: { $0.age < $1.age }) {
            if all {
                do { try prepare(agent.name, say: say) } catch let failure as Failure {
                    refused(failure)
                    continue
                }
            }
            do {
                if try start(agent.name, counted: !all) { started.append(agent.name) }
            } catch let failure as Failure where failure.kind == .no { refused(failure) }
            if try bus.agent(named: agent.name)?.want == .quarantine { quarantined = true }
        }
        if quarantined { try recover() }
        if all {
            try forgive()
            // What ended the queue's runners, too.
            try Files.ring(bus.mergeBell)
        }
        try callForWatch()
        return started
    }

    /// never, on-failure or always.
    package func restartPolicy(_ agent: AgentView) -> RestartPolicy {
        agent.card.restart ?? settings.string("restart").flatMap { RestartPolicy(rawValue: $0) } ?? .onFailure
    }

    // MARK: recovering

    /// Puts right what crashes left, takes tasks from the dead, and removes what killed spawns left.
    @discardableResult
    package func recover() throws -> Recovery {
        var done = try bus.recover(
            maxAttempts: settings.number(.maxAttempts), lease: settings.number(.lease),
            never: settings.string("restart") == "never"
        ) { name in
            try Tree.sweep(bus: bus, agent: name)
            if let agent = try bus.agent(named: name) { try work.keep(agent) }
        }
        done.healed += try bus.deciding { try clearDrafts() }
        return done
    }
}

extension AgentView {
    /// Sorts agents by when they were made.
    var age: (Int, Int, Int) { (card.created ?? 0, card.micros ?? 0, card.port ?? 0) }
}
