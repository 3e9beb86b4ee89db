import Bus
import Git
import Glibc
import Processes
import SystemPackage
import Tmux

/// The agents of a project: how they are started, watched and ended.
public struct Team {
    public let bus: Bus
    public let git: Git
    public let settings: Settings

    public init(bus: Bus, git: Git, settings: Settings) {
        self.bus = bus
        self.git = git
        self.settings = settings
    }

    public var work: Work { Work(bus: bus, repository: git, settings: settings) }

    public func agent(_ name: String) throws -> AgentView {
        guard let agent = try bus.agent(named: name) else { throw Failure.no("no agent '\(Names.shown(name))'") }
        return agent
    }

    // MARK: starting

    /// Opens a pane with the agent's supervisor in it, if none lives and a slot is free. Throws `Failure.no` if not.
    public func start(_ name: String) throws {
        try bus.deciding {
            let agent = try agent(name)
            if agent.alive { return }
            guard try bus.takeSlot(name, limit: settings.int("maxAgents", 30)) != nil else {
                throw Failure.no("no free slot for '\(name)': cadre.maxAgents is \(try settings.int("maxAgents", 30))")
            }
            try open(agent)
        }
    }

    /// Needs the spawn lock and a slot. A dead pane of the agent's is used again, so that it keeps its place.
    func open(_ agent: AgentView) throws {
        let tmux = try Tmux(bus)
        let program = [Share.executable.string, "supervise", agent.name]
        var environment = ["CADRE_DIR": bus.root.string, "CADRE_AGENT": "", "CADRE_SESSION": ""]
        if let set = getenv("CADRE_TMUX") { environment["CADRE_TMUX"] = String(cString: set) }
        if let pane = agent.session?["Pane"], try tmux.owns(pane, bus, agent: agent.name) {
            let variables = environment.sorted { $0.key < $1.key }.flatMap { ["-e", "\($0.key)=\($0.value)"] }
            try tmux.run(["respawn-pane", "-k"] + variables + ["-t", pane, "--"] + program)
        } else {
            let place = Tmux.Place(rawValue: agent.card["Place"] ?? "") ?? .window
            _ = try tmux.open(bus, name: agent.name, place: place, program: program, environment: environment)
        }
    }

    /// Returns when a session later than `before` (a token) runs its program; throws with the reason if it does not.
    public func waitForStart(_ name: String, after before: String?, seconds: Int = 30) throws {
        let watcher = Watcher()
        watcher.watch(bus.agent(name))
        let deadline = Time.now() + seconds
        while true {
            let agent = try agent(name)
            if let token = agent.token, token != before {
                let state = agent.report?["State"]
                if agent.alive, let state, state != AgentState.starting.rawValue, agent.report?["Session"] == token { return }
                if !agent.alive, agent.report?["Session"] == token {
                    if agent.state == .resting { return }
                    throw Failure.no("'\(name)' ended at once: \(agent.report?["Note"] ?? "no reason told"); see 'cadre peek \(name)'")
                }
            }
            guard Time.now() < deadline else { throw Failure.unsure("'\(name)' does not start; see 'cadre peek \(name)'") }
            watcher.wait(seconds: 1)
        }
    }

    // MARK: reviving

    /// Starts again who should run and does not: with `all` everybody, else only who died without a word (not those whose
    /// window or server was closed, which a person does on purpose). Returns who was started.
    public func revive(all: Bool) throws -> [String] {
        var started: [String] = []
        for name in try bus.agentNames() {
            guard let agent = try bus.agent(named: name), !agent.alive, agent.want == .run else { continue }
            let report = agent.report?["State"]
            if report == AgentState.resting.rawValue { continue }
            if !all, report == AgentState.dead.rawValue || restartPolicy(agent) == "never" { continue }
            if !all, try bus.restarts(name, since: Time.now() - 900) > settings.int("maxRestarts", 5) { continue }
            do {
                if !all { try bus.noteRestart(name) }
                try start(name)
                started.append(name)
            } catch let failure as Failure where failure.kind == .no { continue }
        }
        return started
    }

    /// never, on-failure or always.
    public func restartPolicy(_ agent: AgentView) -> String { agent.card["Restart"] ?? settings.string("restart") ?? "on-failure" }

    // MARK: recovering

    /// Puts right what crashes left, takes tasks from the dead, and removes what killed spawns left.
    @discardableResult
    public func recover() throws -> Recovery {
        var done = try bus.recover(
            maxAttempts: settings.int("maxAttempts", 3), lease: settings.seconds("lease", 3600),
            never: settings.string("restart") == "never"
        ) { name in
            try Tree.sweep(bus: bus, agent: name)
            if let agent = try bus.agent(named: name) { try work.keep(agent) }
        }
        done.healed += try bus.deciding { try clearDrafts() }
        return done
    }
}
