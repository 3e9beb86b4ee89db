import Bus
import Glibc
import Landing
import Storage
import SystemPackage

// What stands still, now or for good: `status`, top and doctor all give this answer. It reads files and starts no
// process, because `status` runs often.

/// Something that waits: what and why, and when it is tried next.
package struct Attention {
    /// A task's id, an agent's name, or `merge` for the queue.
    package let subject: String
    package let what: String
    /// In seconds since the epoch; nil if nothing will be done unasked.
    package let next: Int?
    /// Nobody was asked, nobody set it aside, and nothing will be tried again: somebody must act.
    package let isWrong: Bool

    package var text: String { what + (next.map { ", again at \(Time.text($0))" } ?? "") }

    /// At most so many of a kind are listed; then comes the number of the rest.
    private static let most = 10
    /// Seconds that somebody has to take up waiting work before it is listed.
    private static let patience = 5

    private init(_ subject: String, _ what: String, next: Int? = nil, isWrong: Bool = false) {
        self.subject = subject
        self.what = what
        self.next = next
        self.isWrong = isWrong
    }

    /// All of it, agents first.
    package static func all(_ bus: Bus, _ team: [AgentView]) throws -> [Attention] {
        // One that was never started is nobody's failure.
        let team = team.filter { $0.session?.started != nil }
        return try agents(bus, team, team.contains { $0.want == .pause } ? bus.claims() : []) + tasks(bus)
            + waiting(bus, team) + queue(bus)
    }

    // MARK: agents

    private static func agents(_ bus: Bus, _ team: [AgentView], _ claims: [Claim]) throws -> [Attention] {
        try team.compactMap { agent in
            let note = (agent.report?.note ?? "").isEmpty ? "" : ": \(agent.report?.note ?? "")"
            func says(_ what: String, next: Int? = nil, isWrong: Bool = false) -> Attention {
                Attention(agent.name, what, next: next, isWrong: isWrong)
            }
            switch agent.state {
            case .dead:
                return says(
                    "is dead\(note): 'cadre up \(agent.name)' starts it", isWrong: agent.card.restart != .never)
            case .quarantined: return says("is quarantined\(note)")
            case .stuck: return says("is silent with its task")
            case .resting where agent.want == .pause:
                // Whoever set it aside was stopped on the way, or could not do it to its end.
                guard let worktree = agent.worktree, try Files.exists(worktree) else {
                    guard let held = claims.first(where: { $0.owner == agent.name }) else { return nil }
                    return says(
                        "is paused and holds task \(held.id): 'cadre resume \(agent.name)', or 'cadre claim --release "
                            + "\(held.id)'"
                    )
                }
                return says(
                    "was stopped and not put aside to the end: 'cadre pause \(agent.name)' again, or 'cadre resume "
                        + "\(agent.name)'"
                )
            case .resting where agent.want == .run && !note.isEmpty: return says("rests\(note)")
            case .starting where agent.retry == nil && (agent.report?.startAt ?? 0) > Time.now():
                return says("has ended\(note)", next: agent.report?.startAt)
            case .idle
            where agent.alive && agent.retry == nil && !note.isEmpty
                && (agent.report?.source == .screen || agent.report?.note?.hasPrefix(Team.turnFailed) == true),
                .working
            where agent.alive && agent.retry == nil && !note.isEmpty && agent.report?.source == .screen:
                return try says(
                    "\(agent.state.rawValue)\(note)",
                    next: agent.state == .idle ? bus.failedTurn(of: agent.name)?.next : nil)
            default:
                return agent.alive
                    ? agent.retry.map { says("can't go on: \($0.why), \($0.count)", next: $0.next) } : nil
            }
        }
    }

    // MARK: tasks

    private static func tasks(_ bus: Bus) throws -> [Attention] {
        let failed = try bus.failedTasks()
        var all = try failed.prefix(most).map { id in
            Attention(
                "\(id)",
                "failed\(try bus.end(id)?.why.map { ": \($0)" } ?? ""): 'cadre task reopen \(id)' tries it again")
        }
        if failed.count > most {
            all.append(Attention("\(failed[most])", "failed, and \(failed.count - most - 1) more"))
        }
        // Enough to find every task that waits for a retry: none waits longer.
        for (due, id) in try bus.dueSoon().prefix(most) {
            guard let retry = try bus.header(id)?.retry else { continue }
            all.append(Attention("\(id)", "can't be done: \(retry.why), \(retry.count)", next: due))
        }
        return all
    }

    /// Ready tasks that nobody who runs takes. Where a team has no agents people and jobs take them.
    private static func waiting(_ bus: Bus, _ team: [AgentView]) throws -> [Attention] {
        guard !team.isEmpty else { return [] }
        let workers = team.compactMap { agent in Team.puller(agent).map { (agent: agent, worker: $0) } }
        var all: [Attention] = []
        for (queue, id) in try bus.firstReadyByQueue() where queue != ReadyQueue.epic {
            let fitting = workers.filter { $0.worker.queues.contains(queue) }
            let running = fitting.filter { $0.agent.alive && $0.agent.want == .run }
            // A name without a card is a person's or a job's.
            if fitting.isEmpty, ReadyQueue.isOnly(queue) { continue }
            if running.isEmpty {
                let why = fitting.prefix(3).map { "'\($0.agent.name)' \(Attention.how($0.agent))" }.joined(
                    separator: ", ")
                let resting = fitting.first { $0.agent.state == .resting && $0.agent.want == .run }
                let advice = resting.map { ": 'cadre up \($0.agent.name)' starts it" } ?? ""
                let next = ReadyQueue.isFirst(queue) ? try bus.header(id)?.toUntil : nil
                all.append(
                    Attention(
                        "\(id)", "is ready, and nobody who runs takes it\(why.isEmpty ? "" : ": \(why)")\(advice)",
                        next: next,
                        isWrong: next == nil && fitting.contains { $0.agent.want == .run }))
            } else if let idle = try running.first(where: { try isIdle($0.agent, bus) }),
                running.allSatisfy({ $0.agent.state == .idle })
            {
                let note =
                    (idle.agent.report?.note ?? "").isEmpty
                    ? "'cadre peek \(idle.agent.name)' shows it" : idle.agent.report?.note ?? ""
                all.append(
                    Attention("\(id)", "is ready, and '\(idle.agent.name)', which is idle, has not taken it: \(note)"))
            }
        }
        return all
    }

    /// For so long that it should have taken what was there.
    private static func isIdle(_ agent: AgentView, _ bus: Bus) throws -> Bool {
        try agent.state == .idle && (agent.report?.time ?? .max) + patience < Time.now()
            && !bus.claims().contains { $0.owner == agent.name }
    }

    private static func how(_ agent: AgentView) -> String {
        switch (agent.state, agent.want) {
        case (.resting, .run): return "rests"
        case (.resting, .pause): return "is paused"
        case (.resting, _): return "is stopped"
        default: return "is \(agent.state.rawValue)"
        }
    }

    // MARK: the merge queue

    private static func queue(_ bus: Bus) throws -> [Attention] {
        var all: [Attention] = []
        let entries = try bus.entries({ _ in })
        let stopped = entries.isEmpty ? nil : try bus.stopped()
        if let stopped {
            all.append(
                Attention(
                    "merge", "the queue stands still: \(stopped.why ?? "")",
                    next: stopped.retryAt ?? stopped.lookAt))
        }
        for entry in entries where entry.step == .waiting || entry.step == .stuck {
            let next = entry.record.retryAt ?? entry.record.lookAt
            all.append(
                Attention(
                    "\(entry.id)", "waits to land\(entry.why.map { ": \($0)" } ?? "")",
                    next: entry.step == .waiting ? next : nil))
        }
        let left = entries.filter { [.queued, .gating, .landing].contains($0.step) && $0.time + patience < Time.now() }
        if stopped == nil, !left.isEmpty, try FileLock.isFree(bus.mergeLock) {
            let next = try MergeRunner.nextRun(bus)
            let why =
                next == nil
                ? "" : ", since its runner was ended \(try MergeRunner.tries(bus)) times before it had done its work"
            all.append(
                Attention(
                    "merge",
                    "nobody runs the queue, in which \(left.count) wait\(left.count == 1 ? "s" : "") to land\(why): "
                        + "'cadre merge run' does",
                    next: next, isWrong: next == nil))
        }
        return all
    }
}

extension Team {
    /// How the note of an agent begins whose last turn failed.
    package static let turnFailed = "the turn failed: "
}
