import Bus
import Glibc
import Landing
import Processes
import Storage
import SystemPackage
import Tmux

// How agents are stopped, put aside and let go. What should become of an agent is written down first (`want`), then
// its supervisor is told by a signal; one that dies in between finds the wish when it is started again.
extension Team {
    package enum Stop { case gently, now, freeze }

    /// Stops an agent; returns when its supervisor is gone and nothing that it started is left. Frozen, it stays.
    package func stop(_ name: String, _ how: Stop = .gently, want: DesiredState = .stop, by: String) throws {
        let agent = try agent(name)
        if how == .freeze {
            guard agent.alive else { throw Failure.no("'\(name)' does not run") }
            guard agent.adopted == nil else {
                throw Failure.no("'\(name)' was adopted: its program is not ours to freeze")
            }
            try bus.setWant(name, .freeze, by: by)
            return try signal(agent, SIGUSR1)
        }
        try bus.setWant(name, want, by: by)
        // The lock is ours in the end: its last supervisor may have been killed, and not what it had started.
        let number = how == .now ? SIGUSR2 : SIGTERM
        if agent.alive { try signal(agent, number) }
        var taken = try LivenessLock.take(bus.alive(name))
        let deadline = Time.monotonic() + 20
        while taken == nil, Time.monotonic() < deadline {
            // Another verb holds it for a moment, or it was being started when the wish was written.
            try waitForEnd(name, again: number, until: deadline)
            taken = try LivenessLock.take(bus.alive(name))
        }
        guard let taken else {
            throw Failure.unsure(
                "'\(name)' does not end: "
                    + (how == .now
                        ? "see who holds '\(bus.alive(name).string)', as fuser(1) does"
                        : "'cadre stop --now \(name)' does not ask it"))
        }
        defer { try? taken.close() }
        try Tree.sweep(bus: bus, agent: name)
        try work.keep(agent)
    }

    /// Signals the supervisor, if the process that its session names is still the one, and holds its lock.
    func signal(_ agent: AgentView, _ signal: Int32) throws {
        guard let session = agent.session, session.boot == Host.boot, let pid = session.pid,
            let start = session.start, Host.startTime(Int32(pid)) == start,
            Tree.isOpen(bus.alive(agent.name), by: Int32(pid))
        else {
            // It holds its lock and has not begun its session yet: it looks at the wish before it does.
            return
        }
        kill(Int32(pid), signal)
    }

    /// Lets every agent that should run start anew, without its pause: whatever ended programs again and again is over.
    func forgive() throws {
        for name in try bus.agentNames() {
            guard let agent = try bus.agent(named: name), agent.want == .run else { continue }
            try bus.clearRestarts(name)
            if agent.alive { try signal(agent, SIGUSR1) }
        }
    }

    /// Signals the running supervisors if one of the two watch locks is free, or can't be looked at: all of them try,
    /// and two get it.
    package func callForWatch() throws {
        let areHeld = [0, 1].allSatisfy { (try? LivenessLock.isHeld(bus.watchLock($0))) == true }
        if !areHeld { try callAll() }
    }

    /// Has those who run look up: whether the watch is free, and whether their executable was replaced.
    package func callAll() throws {
        for name in try bus.agentNames() {
            if let agent = try bus.agent(named: name), agent.alive { try signal(agent, SIGCONT) }
        }
    }

    private func waitForEnd(_ name: String, again signal: Int32, until deadline: Double) throws {
        let watcher = Watcher()
        watcher.watch(bus.alive(name))
        while try LivenessLock.isHeld(bus.alive(name)), Time.monotonic() < deadline {
            watcher.wait(seconds: 0.5)
            if let agent = try bus.agent(named: name), agent.alive { try self.signal(agent, signal) }
        }
    }

    /// Sets an agent aside that can't run: it is not started again, what it held is offered again by who recovers next.
    package func quarantine(_ name: String, _ why: String) throws {
        try bus.setWant(name, .quarantine, by: "cadre")
        try bus.openAsk(
            named: "quarantined-\(name)", by: "cadre",
            "'\(name)' is quarantined: \(why); look with 'cadre peek \(name)', start it again with 'cadre up \(name)', "
                + "or 'cadre retire \(name)'"
        )
    }

    /// Makes it run (again): thaws, or starts.
    package func bringUp(_ name: String, by: String, say: (String) -> Void = { _ in }) throws {
        var panes = Panes()
        try waitForHangUp(name, &panes)
        let agent = try agent(name)
        let (before, tried) = (agent.report?.session, agent.retry)
        try bus.closeAsk(named: "quarantined-\(name)", by: by, "started")
        try bus.clearRestarts(name)
        if agent.alive {
            if agent.want != .run { try bus.setWant(name, .run, by: by) }
            // One that was removed under it is there again for what it does next.
            _ = try standingWorktree(name)
            // It thaws, or does not wait out its pause.
            return try signal(agent, SIGUSR1)
        }
        try bus.setWant(name, .run, by: by)
        try prepare(name, say: say)
        try start(name)
        try waitForStart(name, after: before, tried: tried)
    }

    /// Ends an agent's session; the next begins a new conversation with these notes. With `byItself` the agent calls
    /// within its own turn, so that turn stood: the program ends before a hook can say so, and the next session would
    /// get the same mail.
    package func handOff(_ name: String, _ notes: [UInt8], session: String, byItself: Bool) throws {
        let agent = try agent(name)
        guard agent.adopted == nil else { throw Failure.no("'\(name)' was adopted: its program is not ours to end") }
        if byItself { try bus.settleHanded(of: name) { _ in true } }
        try bus.handOff(name, notes, session: session)
        try signal(agent, SIGUSR1)
    }

    // MARK: hanging up

    /// Waits for a supervisor that is about to end since its terminal is gone, as all do when the tmux server is
    /// killed: it holds its lock until its program has ended. Throws `Failure.unsure` if it does not end in time.
    func waitForHangUp(_ name: String, _ panes: inout Panes) throws {
        let session = try bus.agent(named: name)?.token
        guard try isHangingUp(name, &panes) else { return }
        let watcher = Watcher()
        watcher.watch(bus.alive(name))
        let deadline = Time.monotonic() + 10
        // One with another session was started meanwhile, by another.
        while try LivenessLock.isHeld(bus.alive(name)), try bus.agent(named: name)?.token == session {
            guard Time.monotonic() < deadline else {
                throw Failure.unsure(
                    "'\(name)' has no terminal any more and does not end: 'cadre stop --now \(name)' kills it")
            }
            watcher.wait(seconds: 0.2)
        }
    }

    /// Ends a supervisor that was started for the bus where it was before the repository was moved: it finds nothing
    /// there. What it had started ends with it.
    func endMoved(_ name: String) throws {
        guard let agent = try bus.agent(named: name), agent.alive, agent.want == .run,
            let pid = agent.session?.pid,
            let place = Tree.variable("CADRE_DIR", of: Int32(pid)), place != bus.root.string,
            try !Files.exists(FilePath(place))
        else { return }
        try signal(agent, SIGTERM)
        try waitForEnd(name, again: SIGTERM, until: Time.monotonic() + 10)
        if try LivenessLock.isHeld(bus.alive(name)) {
            throw Failure.unsure(
                "'\(name)' was started where the repository was before, and does not end: 'cadre stop --now \(name)'")
        }
    }

    /// Whether the agent lives and its pane does not.
    private func isHangingUp(_ name: String, _ panes: inout Panes) throws -> Bool {
        guard let agent = try bus.agent(named: name), agent.alive, agent.want == .run, let session = agent.session,
            session.host == Host.name,
            let pane = session.pane, let server = session.server, !server.isEmpty, !agent.isHeadless,
            agent.adopted == nil
        else { return false }
        return try !panes.mayBe(pane, on: server)
    }

    /// The panes of tmux servers, each server asked once.
    struct Panes {
        private var known: [String: Set<String>] = [:]
        private var silent = Set<String>()

        mutating func mayBe(_ pane: String, on server: String) throws -> Bool {
            if known[server] == nil, !silent.contains(server) {
                known[server] = try Panes.ask(server)
                if known[server] == nil { silent.insert(server) }
            }
            return known[server]?.contains(pane) ?? true
        }

        /// A server that is about to end may still take a call, and answers none; nil of one that does not end either.
        private static func ask(_ server: String) throws -> Set<String>? {
            let deadline = Time.monotonic() + 3
            while Tmux.answers(server) {
                if let found = try Tmux.panes(at: server) { return found }
                guard Time.monotonic() < deadline else { return nil }
                poll(nil, 0, 100)
            }
            return []
        }
    }

    // MARK: parking

    // Pausing:
    //
    //   1  the agent is stopped; what its worktree holds and a commit can't is looked for, and refused
    //   2  what is uncommitted becomes a commit on its branch
    //   3  the card names that commit, and that the worktree is to be equipped again    At, Equip
    //   4  equipment and the submodules' repositories are put by                        agents/NAME/kept, modules
    //   5  the worktree is removed
    //
    // Killed after 3, the next start brings back what 4 has put by; see `restoreWorktree`.

    /// Stops an agent, commits what it has changed to its branch, and removes its worktree; the branch, the task and
    /// the agent stay. Ignored files that are equipment are put by; what else no commit holds is not thrown away unless
    /// `discard`.
    package func pause(_ name: String, discard: Bool, by: String) throws {
        try mend(agent(name))
        try work.requireOwn(agent(name))
        try stop(name, want: .pause, by: by)
        let agent = try agent(name)
        guard let git = agent.git, let path = agent.worktree, try Files.exists(path) else { return }
        try work.takeBack(git)
        if !discard {
            let held = try work.holdings(of: agent, in: git)
            if let lost = held.uncommittable {
                throw Failure.no(
                    "\(lost); name files in .worktreeinclude or cadre.disposable, move them, or use --discard; "
                        + "'\(name)' is stopped"
                )
            }
            if let command = held.underWay {
                throw Failure.no(
                    "'\(command)' must be done first in '\(path.string)', or use --discard; '\(name)' is stopped")
            }
        }
        try work.commitProgress(git, "Work in progress of \(name)")
        let tip = try work.head(of: git)
        try work.keep(agent)
        try bus.editCard(name) {
            $0.at = tip
            $0.equip = .yes
        }
        let kept = bus.kept(name)
        for file in try work.equipment(of: git) {
            let target = kept.pushing(FilePath(file))
            try Files.mkdirs(target.removingLastComponent())
            try Program(["cp", "-a", "--", path.pushing(FilePath(file)).string, target.string]).run(
                or: "unable to keep '\(Names.shown(file))'")
        }
        let modules = git.directory.appending("modules")
        if try Files.exists(modules) { try carry(modules, to: bus.keptModules(name)) }
        try work.remove(agent)
    }

    /// Mends what a move of the repository, or a removal cut short, has left of an agent's worktree; whether there was
    /// any.
    @discardableResult
    func mend(_ agent: AgentView) throws -> Bool {
        switch try work.condition(agent) {
        case .moved, .unlinked: try work.mend(agent, usual: worktreePath(agent.name))
        case .none, .whole, .removed, .forgotten, .strange: false
        }
    }

    // MARK: letting go

    /// Why an agent can't be let go without a loss; nil if it can.
    private func lost(with agent: AgentView) throws -> String? {
        guard let git = agent.git, let path = agent.worktree, try Files.exists(path) else { return nil }
        try work.takeBack(git)
        let held = try work.holdings(of: agent, in: git)
        let changes =
            held.changes.isEmpty
            ? nil : "uncommitted changes of '\(agent.name)' would be lost: \(Names.list(held.changes))"
        guard let more = held.uncommittable else {
            return changes.map { "\($0); commit them, 'cadre pause \(agent.name)', or use --discard" }
        }
        return [changes, more].compactMap { $0 }.joined(separator: "; ")
            + "; commit or move them, name files in cadre.disposable, or use --discard"
    }

    /// Stops an agent and forgets it, with its worktree. Its branches stay, except the one that it stands on if that
    /// has landed. Its task is ready again, and its unread mail becomes dead letters. `discard` also removes the branch
    /// of its task, unless the user named that branch, and whatever only the worktree holds; without it this throws
    /// `Failure.no` rather than lose anything. A directory that is not proved to be its worktree stays.
    package func retire(_ name: String, discard: Bool, by: String, say: (String) -> Void = { _ in }) throws {
        try mend(agent(name))
        var agent = try agent(name)
        if !discard {
            try work.requireOwn(agent)
            if let why = try lost(with: agent) { throw Failure.no(why) }
        }
        try stop(name, want: .retire, by: by)
        agent = try self.agent(name)
        if !discard {
            // It may have changed something until it ended.
            if let why = try lost(with: agent) { throw Failure.no("\(why); '\(name)' is stopped") }
            if let git = agent.git { try work.keepSubmodules(in: git.directory.appending("modules")) }
            try work.keepSubmodules(in: bus.keptModules(name))
        }
        for claim in try bus.claims() where claim.owner == name && claim.until == 0 {
            do { try bus.release(claim, by: by) } catch let failure as Failure where failure.kind == .no {}
            if discard, let branch = try bus.branch(claim.id) {
                for reference in (branch.given ? [] : [branch.reference]) + [TaskBranches.kept(claim.id)] {
                    _ = try git.attempt(["update-ref", "-d", reference])
                }
            }
        }
        if let pane = agent.session?.pane, let tmux = try? Tmux(bus), try tmux.owns(pane, bus, agent: name) {
            try tmux.closePane(pane)
        }
        let stood = try agent.commits?.branch()
        do { try work.remove(agent) } catch let failure as Failure where failure.kind == .no && discard {
            say("\(failure.message); nothing there was removed")
        }
        if let stood { try work.dropLanded(stood) }
        for reference in [Team.seen(name)] + (discard ? ["refs/cadre/work/agent-\(name)"] : []) {
            _ = try git.attempt(["update-ref", "-d", reference])
        }
        try bus.forget(name, by: by)
    }

    /// Paths for a line to a person: the first five.
    package static func shown(_ paths: [String]) -> String { Names.list(paths) }
}
