import Bus
import Configuration
import Glibc
import Landing
import Processes
import Storage
import SystemPackage
import Team
import Tmux

/// What verbs on agents share.
extension CommandContext {
    /// The project's agents, with the configuration in force; read once.
    package func team() throws -> Team {
        if let team = openedTeam { return team }
        let team = try Team(bus: bus(), git: git(), settings: settings())
        openedTeam = team
        return team
    }

    /// Runs the merge queue if it has work and nobody watches it: supervisors watch it while an agent of the project
    /// runs. In a project that has had a team this starts the runner, as a supervisor would; elsewhere it tells the
    /// person.
    package func startQueue() throws {
        let bus = try bus()
        let names = try bus.agentNames()
        guard try !names.contains(where: { try LivenessLock.isHeld(bus.alive($0)) }), try MergeRunner.needsRunner(bus)
        else {
            return
        }
        if try names.contains(where: { try AgentSession.read(bus.session($0))?.pid != nil }) {
            do {
                try team().startQueue()
                return say("no agent runs: the merge queue runs in a window of its own")
            } catch let failure as Failure { say(failure.message) }
        }
        say("no agent runs, so nobody sees it: 'cadre merge run' lands it")
    }

    /// Starts agents that rest for what this verb has made ready, where no agent runs. The verb has done its work all
    /// the same.
    func rouse() {
        Output.flush()
        do { if try Team.mayRouse(bus()) { try team().rouseIfNobodyRuns() } } catch {
            CommandRunner.complain("\((error as? Failure)?.message ?? "\(error)")")
        }
    }

    /// The names of the programs that are known; read once.
    package func programNames() throws -> [String] {
        if let names = knownPrograms { return names }
        let names = try Team.programNames(settingsBefore())
        knownPrograms = names
        return names
    }

    /// Throws `Failure.no` unless the caller may decide over the agent: a person over any, an agent over itself and
    /// those it is above.
    package func requireSuperior(of name: String) throws {
        let bus = try bus()
        guard try bus.agent(named: name) != nil else { throw bus.noAgent(name) }
        let caller = try superior()
        guard try caller == "human" || caller == name || bus.isAbove(caller, name) else {
            throw Failure.no("'\(caller)' is not above '\(name)'")
        }
    }

    /// Throws `Failure.no` if a budget that is used up keeps an agent from more work.
    package func requireBudget(_ worker: Worker) throws {
        guard worker.session != nil, try !settings().list("budget").isEmpty,
            let agent = try bus().agent(named: worker.name),
            let reached = try team().reached(agent)
        else { return }
        throw Failure.no("limit reached: \(reached.text)")
    }

    /// The pane of an agent. Throws `Failure.no` if it has none now.
    package func pane(of name: String) throws -> (Tmux, String, AgentView) {
        let bus = try bus()
        guard let agent = try bus.agent(named: Names.agent(name)) else { throw bus.noAgent(name) }
        let tmux = try Tmux(bus)
        if agent.alive, let adopted = agent.adopted { return (tmux, adopted.pane, agent) }
        guard let pane = agent.session?.pane, try tmux.owns(pane, bus, agent: name) else {
            if agent.isHeadless {
                throw Failure.no("'\(name)' has no terminal: 'cadre peek \(name)' prints what it said")
            }
            throw Failure.no("'\(name)' has no pane now: 'cadre up \(name)' starts it")
        }
        return (tmux, pane, agent)
    }

    /// What becomes of the program of an agent that is let go of, if it was adopted: to be said to the person.
    package func farewell(_ name: String) throws -> String? {
        try bus().agent(named: name)?.adopted.map {
            "'\(name)' was adopted: its program goes on in pane \($0.pane), and is no agent's any more"
        }
    }

    /// What an agent shows: its pane's text, with `lines` the last so many; of one without a terminal the end of what
    /// it printed.
    package func screen(of name: String, lines: Int?) throws -> String {
        let bus = try bus()
        if let agent = try bus.agent(named: Names.agent(name)), agent.isHeadless {
            let end = String(decoding: try Files.readEnd(bus.output(name), 1 << 20) ?? [], as: UTF8.self)
            return end.split(separator: "\n", omittingEmptySubsequences: false).suffix((lines ?? 50) + 1).joined(
                separator: "\n")
        }
        let (tmux, pane, _) = try pane(of: name)
        return try tmux.run(["capture-pane", "-p", "-J", "-t", pane] + (lines.map { ["-S", "-\($0)"] } ?? []))
    }

    /// Works on the bus that a pane was opened for, wherever we run. For tmux's hooks.
    package func useBus(of pane: String) throws {
        guard let root = try Tmux.here().bus(of: pane) else {
            throw Failure.no("pane '\(Names.shown(pane))' is none of cadre's")
        }
        setenv("CADRE_DIR", root.string, 1)
    }
}
