import Bus
import Storage
import SystemPackage

// Starting resting agents for work that no running agent takes. An agent whose program has ended by itself, with
// nothing to do, rests. It should still run, so cadre starts it when there is work:
//
//   if no agent runs    the process that made the task ready starts it: a verb of a person's, of a job or of the queue
//   if one runs         the supervisors that watch start it (see PeerWatch); they hear the bells of the others' queues
//   in between          a supervisor that has just ended starts it: work that came meanwhile had no taker
//
// The agent that was made first is started; Restarts tells what follows if its program ends without taking the task. An
// agent that a person ended by keys waits for the person. An agent without a terminal would become a child of the
// starter, so cadre asks about it.
extension Team {
    /// Starts those who rest for work that is there. `names` are looked at, or all.
    package func rouse(_ names: some Sequence<String>) throws {
        let resting = try names.compactMap(bus.agent(named:)).filter { !$0.alive && $0.isResting }.sorted {
            $0.age < $1.age
        }
        guard !resting.isEmpty else { return }
        let running = try bus.team().filter { $0.alive && $0.want == .run }.compactMap(Team.puller)
        var started = Set<String>()
        for (queue, id) in try bus.firstReadyByQueue() where !running.contains(where: { $0.queues.contains(queue) }) {
            let fitting = resting.filter {
                !started.contains($0.name) && Team.puller($0)?.queues.contains(queue) == true
            }
            // Of one that has ended again and again the person was asked.
            guard let agent = try fitting.first(where: { try !bus.isOpen("rests-\($0.name)") }) else { continue }
            if try agent.isHeadless || agent.adopted != nil || !roused(agent, id) { try askToRouse(agent, id) }
            started.insert(agent.name)
        }
    }

    /// The same where no agent runs, for who has made a task ready.
    package func rouseIfNobodyRuns() throws {
        if try Team.mayRouse(bus) { try rouse(bus.agentNames()) }
    }

    /// Whether no agent runs, and one rests. Told without git.
    package static func mayRouse(_ bus: Bus) throws -> Bool {
        let names = try bus.agentNames()
        guard try !names.contains(where: { try LivenessLock.isHeld(bus.alive($0)) }) else { return false }
        return try names.contains { try bus.agent(named: $0)?.isResting == true }
    }

    /// False if there is no room for it.
    private func roused(_ agent: AgentView, _ id: Int) throws -> Bool {
        do {
            if try start(agent.name) { bus.journal("roused", by: "cadre", ["agent": agent.name, "task": "\(id)"]) }
            return true
        } catch let failure as Failure where failure.kind == .no { return false }
    }

    private func askToRouse(_ agent: AgentView, _ id: Int) throws {
        try bus.openAsk(
            named: "rests-\(agent.name)", by: "cadre",
            "'\(agent.name)' rests, and nobody who runs takes task \(id), which is ready for it: start it with 'cadre "
                + "up \(agent.name)', or 'cadre retire \(agent.name)'"
        )
    }

    /// Those of these agents that rest.
    package func resting(among names: some Sequence<String>) throws -> [String] {
        try names.compactMap(bus.agent(named:)).filter(\.isResting).map(\.name)
    }

    /// Has the watcher wake when work comes for those of these agents that rest.
    package func watchWork(of names: some Sequence<String>, _ watcher: Watcher) throws {
        for agent in try names.compactMap(bus.agent(named:)) where agent.isResting {
            if let worker = Team.puller(agent) { try bus.watchReady(worker, watcher) }
        }
    }
}

extension AgentView {
    /// Whether its program has ended by itself, and is to run when there is something to do.
    fileprivate var isResting: Bool { state == .resting && want == .run && report?.source != .keys }
}
