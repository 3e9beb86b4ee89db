import Bus
import Git
import Glibc
import Processes
import SystemPackage
import Tmux

// How agents are stopped, put aside and let go. What should become of an agent is written down first (`want`), then
// its supervisor is told by a signal; one that dies in between finds the wish when it is started again.
extension Team {
    public enum Stop { case gently, now, freeze }

    /// Stops an agent; returns when its supervisor is gone and nothing that it started is left. Frozen, it stays.
    public func stop(_ name: String, _ how: Stop = .gently, want: Want = .stop, by: String) throws {
        let agent = try agent(name)
        if how == .freeze {
            guard agent.alive else { throw Failure.no("'\(name)' does not run") }
            guard agent.adopted == nil else { throw Failure.no("'\(name)' was adopted: its program is not ours to freeze") }
            try bus.setWant(name, .freeze, by: by)
            return try signal(agent, SIGUSR1)
        }
        try bus.setWant(name, want, by: by)
        // The lock is ours in the end: its last supervisor may have been killed, and not what it had started.
        let number = how == .now ? SIGUSR2 : SIGTERM
        if agent.alive { try signal(agent, number) }
        var taken = try Alive.take(bus.alive(name))
        let deadline = Time.monotonic() + 20
        while taken == nil, Time.monotonic() < deadline {
            // Another verb holds it for a moment, or it was being started when the wish was written.
            try waitForEnd(name, again: number, until: deadline)
            taken = try Alive.take(bus.alive(name))
        }
        guard let taken else { throw Failure.unsure("'\(name)' does not end; 'cadre stop --now \(name)' does not ask it") }
        defer { try? taken.close() }
        try Tree.sweep(bus: bus, agent: name)
        try work.keep(agent)
    }

    /// Signals the supervisor, if the process that its session names is still the one.
    private func signal(_ agent: AgentView, _ signal: Int32) throws {
        guard let session = agent.session, session["Boot"] == Host.boot, let pid = session.int("Pid"),
            let start = session["Start"].flatMap({ UInt64($0) }), Host.startTime(Int32(pid)) == start
        else {
            // It holds its lock and has not begun its session yet: it looks at the wish before it does.
            return
        }
        kill(Int32(pid), signal)
    }

    /// Has those who run take up the watch where one of two is free: its holder has ended. All try, and two get it.
    func callForWatch() throws {
        guard try !Alive.isHeld(bus.watchLock(0)) || !Alive.isHeld(bus.watchLock(1)) else { return }
        for name in try bus.agentNames() { if let agent = try bus.agent(named: name), agent.alive { try signal(agent, SIGCONT) } }
    }

    private func waitForEnd(_ name: String, again signal: Int32, until deadline: Double) throws {
        let watcher = Watcher()
        watcher.watch(bus.alive(name))
        while try Alive.isHeld(bus.alive(name)), Time.monotonic() < deadline {
            watcher.wait(seconds: 0.5)
            if let agent = try bus.agent(named: name), agent.alive { try self.signal(agent, signal) }
        }
    }

    /// Sets an agent aside that can't run: it is not started again, what it held is offered again by who recovers next.
    func quarantine(_ name: String, _ why: String) throws {
        try bus.setWant(name, .quarantine, by: "cadre")
        try bus.openAsk(named: "quarantined-\(name)", by: "cadre", "'\(name)' is quarantined: \(why); look with 'cadre peek \(name)', start it again with 'cadre up \(name)', or 'cadre retire \(name)'")
    }

    /// Makes it run (again): thaws, or starts.
    public func bringUp(_ name: String, by: String) throws {
        let agent = try agent(name)
        let before = agent.report?["Session"]
        try bus.closeAsk(named: "quarantined-\(name)", by: by, "started")
        if agent.alive {
            guard agent.want != .run else { return }
            try bus.setWant(name, .run, by: by)
            return try signal(agent, SIGUSR1)
        }
        try bus.setWant(name, .run, by: by)
        try bus.clearRestarts(name)
        try start(name)
        try waitForStart(name, after: before)
    }

    /// Ends an agent's session, for another to begin afresh with these notes.
    public func handOff(_ name: String, _ notes: [UInt8], session: String) throws {
        let agent = try agent(name)
        guard agent.adopted == nil else { throw Failure.no("'\(name)' was adopted: its program is not ours to end") }
        try bus.handOff(name, notes, session: session)
        try signal(agent, SIGUSR1)
    }

    // MARK: parking

    /// Stops an agent, commits what it has changed to its branch, and removes its worktree; the branch, the task and the
    /// agent stay. Ignored files that are equipment are put by; others are not thrown away unless `discard`.
    public func pause(_ name: String, discard: Bool, by: String) throws {
        let agent = try agent(name)
        try stop(name, want: .pause, by: by)
        guard let git = agent.git, let path = agent.worktree, try Files.exists(path) else { return }
        if !discard {
            let lost = try ignoredWork(in: git)
            guard lost.isEmpty else {
                throw Failure.no("ignored files would be lost: \(Team.shown(lost)); name them in .worktreeinclude, move them, or use --discard; '\(name)' is stopped")
            }
        }
        if try !git.dirty().isEmpty {
            try git.run(["add", "-A", "--", "."])
            try git.run(["commit", "-q", "--no-verify", "--no-gpg-sign", "-m", "Work in progress of \(name)"], environment: identityIfNone(git))
        }
        guard let tip = try git.commit("HEAD") else { throw Failure.unsure("no commit in '\(path.string)'") }
        try work.keep(agent)
        try bus.editCard(name) { $0["At"] = tip }
        let equipment = try equipment(of: git)
        if !equipment.isEmpty {
            let kept = bus.kept(name)
            for file in equipment {
                let target = kept.pushing(FilePath(file))
                try Files.mkdirs(target.removingLastComponent())
                try Program(["cp", "-a", "--", path.pushing(FilePath(file)).string, target.string]).run(or: "unable to keep '\(Names.shown(file))'")
            }
        }
        try removeWorktree(path)
    }

    /// The user's identity, or ours where none is set.
    func identityIfNone(_ git: Git) throws -> [String: String?] {
        try git.attempt(["var", "GIT_COMMITTER_IDENT"]).status == 0 ? [:] : Work.identity
    }

    // MARK: letting go

    /// What would be lost with the agent: uncommitted paths.
    public func lostWith(_ agent: AgentView) throws -> [String] {
        guard let git = agent.git, let path = agent.worktree, try Files.exists(path) else { return [] }
        return try git.dirty()
    }

    /// Stops an agent and forgets it, its worktree with it. Its branches stay, but for the one it stands on if that has
    /// landed, and with `discard` that of the task it held, unless the user named it; what it held is offered again; mail
    /// it did not read becomes dead letters.
    public func retire(_ name: String, discard: Bool, by: String) throws {
        let agent = try agent(name)
        if !discard {
            let lost = try lostWith(agent)
            guard lost.isEmpty else {
                throw Failure.no("uncommitted changes of '\(name)' would be lost: \(Team.shown(lost)); commit them, 'cadre pause \(name)', or use --discard")
            }
        }
        try stop(name, want: .retire, by: by)
        if !discard {
            // It may have changed something until it ended.
            let lost = try lostWith(agent)
            guard lost.isEmpty else { throw Failure.no("uncommitted changes of '\(name)' would be lost: \(Team.shown(lost)); use --discard; '\(name)' is stopped") }
        }
        for claim in try bus.claims() where claim.owner == name && claim.until == 0 {
            do { try bus.release(claim, by: by) } catch let failure as Failure where failure.kind == .no {}
            if discard, let branch = try bus.branch(claim.id) {
                for reference in (branch.given ? [] : [branch.reference]) + ["refs/cadre/work/task-\(claim.id)"] { _ = try git.attempt(["update-ref", "-d", reference]) }
            }
        }
        if let pane = agent.session?["Pane"], let tmux = try? Tmux(bus), try tmux.owns(pane, bus, agent: name) {
            try tmux.closePane(pane)
        }
        let stood = try agent.commits?.branch()
        if let path = agent.worktree { try removeWorktree(path) }
        if let stood { try work.dropLanded(stood) }
        for reference in [Team.seen(name)] + (discard ? ["refs/cadre/work/agent-\(name)"] : []) { _ = try git.attempt(["update-ref", "-d", reference]) }
        try bus.forget(name, by: by)
    }

    /// Paths for a line to a person: the first five.
    public static func shown(_ paths: [String]) -> String {
        let first = paths.prefix(5).map { Names.shown($0) }.joined(separator: ", ")
        return paths.count > 5 ? "\(first) and \(paths.count - 5) more" : first
    }
}
