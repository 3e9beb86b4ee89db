import Bus
import Storage
import SystemPackage

// Work that comes when nobody who runs takes it, and one who rests would. An agent whose program has ended by itself,
// with nothing to do, rests; it is to run all the same, so it is started when there is something:
//
//   where no agent runs    by whoever has made the task ready, a verb of a person's, of a job or of the merge queue
//   where one runs         by the supervisors that watch (see PeerWatch), who hear the bells of what others would take
//   in between             by a supervisor that has just ended: what came while it did was for nobody
//
// Started is the one that was made first; what a program does that ends again without taking the task is in Restarting.
// One that a person has ended by keys waits for the person. One without a terminal, which would be a child of whoever
// starts it, is asked about.
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
