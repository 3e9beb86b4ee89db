import AgentPrograms
import Bus
import FoundationEssentials
import Glibc
import Hooks
import Processes
import Storage
import SystemPackage
import Team

// Agents without a terminal whose program does one turn and ends: `claude -p`, `codex exec`, `aider --message-file`.
// Their supervisor is there all the time, and starts the program when there is something to do:
//
//   1  a session begins, as with any other; what the last one held is carried over to it
//   2  if it holds nothing and has no mail, wait for a ready task that fits, claim it, and move the worktree to its
//      branch
//   3  start the program, with the task, the mail, or what happened as its words
//   4  it ends: what it has used is accounted for. The task is done when the agent has said so; of a program that can't
//      call verbs, when it ended well and its commits could be submitted. Else the next turn says that it is not, and
//      after some such turns in a row the task is given back with an attempt counted
//
// A program that failed or was killed is started again like any other, in the same conversation, and ends up in
// quarantine like any other. A task's turns are in one conversation, and another task begins another.
extension Supervisor {
    /// How many turns in a row may end well and leave the task as it is.
    private static let idleTurns = 3
    /// What the program prints is kept up to so many bytes, and once as many from before.
    private static let printed = 8 << 20

    /// Whether the agent's program does one turn and ends.
    func isByTurns(_ agent: AgentView) -> Bool { agent.isHeadless && known?.headlessPrompt != nil }

    /// The words of a turn. `resumes`: they go on with the conversation in which the agent last worked on the task.
    func turnWords(_ held: Claim?, resumes: Bool) throws -> String {
        guard let held else { return "You have mail: 'cadre inbox next' prints what you were not shown." }
        let header = try bus.header(held.id)
        let title = header?.title ?? ""
        let planning = try header.flatMap { try bus.planning(held.id, $0) }
        if resumes {
            if let advice = planning?.advice {
                return "Task \(held.id) (\(title)) is yours. \(Names.plain(advice.utf8))"
            }
            return try idleTurns(held) > 0
                ? "Your turn ended, and task \(held.id) (\(title)) is still yours. Finish it: 'cadre task done "
                    + "--commit', or 'cadre task fail --why REASON'."
                : "You were ended and are started again; go on with task \(held.id): \(title)"
        }
        let words = try Team.firstPrompt(bus, name) ?? ""
        if planning?.holds == true {
            return words
                + "\nNobody watches: nobody answers you in this terminal. End your turn when the plan is handed in."
        }
        return known?.callsVerbs == false
            ? words
            : words
                + "\nNobody watches: nobody answers you in this terminal. When it is done, 'cadre task done --commit' "
                + "says so, and 'cadre task fail --why REASON' if it can't be."
    }

    private func idleTurns(_ claim: Claim) throws -> Int {
        guard let conversation = try bus.conversation(name), conversation.task == claim.id else { return 0 }
        return conversation.idle ?? 0
    }

    /// Begins another file for what is printed, when there is much in the one.
    func turnOutput() throws {
        let file = bus.output(name)
        guard let status = try Files.status(file), status.st_size > Supervisor.printed,
            try Files.rename(file, bus.outputBefore(name))
        else { return }
        let output = try Files.openToAppend(file)
        dup2(output.rawValue, 1)
        dup2(output.rawValue, 2)
        try output.close()
    }

    /// Until there is something to do; false if we were told to end.
    func waitForWork() throws -> Bool {
        try attend()
        let waiting = try Waiting(team, name)
        following = nil
        if try waiting.look() { return true }
        try bus.report(
            name, state: .idle, source: .supervisor,
            note: bus.agent(named: name)?.report?.source == .budget ? nil : "")
        self.waiting = waiting
        defer { self.waiting = nil }
        guard case .work = try wait() else { return false }
        return true
    }

    /// Accounts for usage that no hook has reported. If the program reports none, notes only that the usage is unknown.
    func noteCost() {
        guard let agent = try? team.agent(name) else { return }
        if isByTurns(agent), known?.headlessCost == .result {
            if child == 0, printed > 0 || started > 0 { try? readResult(from: printed) }
        } else if known?.cost != nil {
            try? Team.readFile(bus, agent)
        } else {
            try? bus.noteUnknownCost(agent, task: Team.costTask(bus, name))
        }
    }

    /// What runs the verbs that it calls from within its sandbox.
    func serve(_ agent: AgentView) throws -> SandboxServer {
        try bus.makeCalls(name)
        return SandboxServer(
            bus, name, token: token,
            directory: agent.worktree ?? agent.card.directory ?? bus.root,
            environment: environment(agent))
    }

    // MARK: the end of a turn

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Printed: Decodable {
        struct Model: Decodable {
            var inputTokens: Int?
            var outputTokens: Int?
            var cacheReadInputTokens: Int?
            var cacheCreationInputTokens: Int?
            var contextWindow: Int?
        }
        var type: String?
        var session_id: String?
        var total_cost_usd: Double?
        var modelUsage: [String: Model]?
    }

    /// Accounts for what the program printed of its cost; one that was killed prints nothing, and what it has used is
    /// not known.
    func readResult(from start: Int) throws {
        let agent = try team.agent(name)
        guard let bytes = try Files.read(bus.output(name), from: start) else { return }
        let task = try Team.costTask(bus, name)
        var isTold = false
        for line in bytes.split(separator: 10) where line.first == 123 {
            guard let said = try? JSONDecoder().decode(Printed.self, from: Data(line)), said.type == "result",
                let id = said.session_id
            else { continue }
            isTold = true
            try Team.accountResult(
                bus, agent, id, task: task, model: said.modelUsage?.keys.sorted().joined(separator: ","),
                total: Usage(
                    money: said.total_cost_usd.map { Int(($0 * 1_000_000).rounded()) },
                    input: said.modelUsage?.values.map {
                        ($0.inputTokens ?? 0) + ($0.cacheReadInputTokens ?? 0) + ($0.cacheCreationInputTokens ?? 0)
                    }.reduce(0, +),
                    cached: said.modelUsage?.values.map { $0.cacheReadInputTokens ?? 0 }.reduce(0, +),
                    output: said.modelUsage?.values.map { $0.outputTokens ?? 0 }.reduce(0, +)))
        }
        if !isTold { try bus.noteUnknownCost(agent, task: task) }
    }

    /// Sees to the task after a turn that ended well.
    func endTurn() throws {
        guard let claim = try bus.claims().filter({ $0.owner == name }).min(by: { $0.id < $1.id }) else {
            return try bus.editConversation(name) { $0.idle = nil }
        }
        if try bus.isPlanWaiting(claim.id) { return try bus.editConversation(name) { $0.idle = nil } }
        var why = "its turn ended, and the task is not done"
        if known?.callsVerbs == false {
            do {
                try handIn(claim)
                return try bus.editConversation(name) { $0.idle = nil }
            } catch let failure as Failure where failure.kind == .no { why = failure.message }
        }
        let turns = try idleTurns(claim) + 1
        try bus.note(claim.id, by: name, Array("\(why)\n".utf8))
        try bus.editConversation(name) { record in
            record.task = claim.id
            record.idle = turns < Supervisor.idleTurns ? turns : nil
        }
        guard turns >= Supervisor.idleTurns else { return }
        // What there is stays on the task's branch, so that the worktree is free; another try begins with another
        // conversation.
        if let worktree = try team.agent(name).git, try bus.branch(claim.id) != nil {
            let message = Array("Work in progress of \(name)".utf8)
            do { try team.work.commitAll(worktree, message: message, for: claim, beside: name) } catch let failure
                as Failure where failure.kind == .no
            {
                // What no commit can hold, or a hook refuses, stays in the worktree, and keeps it from the next task.
                try bus.note(claim.id, by: name, Array("\(failure.message)\n".utf8))
            }
        }
        try bus.editConversation(name) { $0 = Conversation() }
        try bus.giveUp(
            claim, maxAttempts: team.settings.number(.maxAttempts), why: "\(turns) turns of '\(name)' ended without it"
        )
    }

    /// Hands in what a program has done that can't do so itself. Throws `Failure.no` if there is nothing.
    private func handIn(_ claim: Claim) throws {
        try bus.requirePlan(claim.id)
        guard let header = try bus.header(claim.id), header.merge, !header.isEpic,
            let worktree = try team.agent(name).git
        else {
            throw Failure.no("its turn ended, and whether the task is done can't be told from commits")
        }
        let work = team.work
        _ = try work.branch(of: claim.id, in: worktree)
        try work.commitAll(worktree, message: Array(header.title.utf8), for: claim, beside: name)
        let (branch, tip) = try work.tip(of: claim.id, in: worktree)
        if let check = header.verify { try work.verify(check, in: worktree.worktree ?? ".", for: claim, beside: name) }
        _ = try work.submit(claim, branch: branch, tip: tip, result: [])
    }
}

/// Looks whether there is something to do for an agent whose program does one turn and ends; takes a task if so.
final class Waiting: EventSource {
    private var team: Team
    private var bus: Bus { team.bus }
    private let name: String
    private let watcher = Watcher()
    private var due: Double?

    var descriptor: Int32? { watcher.descriptor }
    var remaining: Double? { due.map { max(0, $0 - Time.monotonic()) } }

    init(_ team: Team, _ name: String) throws {
        self.team = team
        self.name = name
        try bus.makeBox(name)
    }

    /// Whether a turn is to begin now.
    func look() throws -> Bool {
        watcher.drain()
        watcher.watch(bus.unreadBox(name))
        due = nil
        let agent = try team.agent(name)
        let worker = Team.puller(agent)
        if let worker { try bus.watchReady(worker, watcher) }
        let held = try bus.claims().filter { $0.owner == name }
        // The answer to its plan comes as mail.
        let isToDo = try held.contains { try !bus.isPlanWaiting($0.id) }
        let hasMail = try !bus.messages(of: name).isEmpty
        guard try isToDo || hasMail || held.isEmpty && worker.map(bus.hasReady) ?? false else { return false }
        try team.reread()
        if let reached = try team.reached(agent) {
            try team.showReached(name, reached)
            watcher.watch(bus.doneAsks)
            due = Time.monotonic() + 60
            return false
        }
        try team.showReached(name, nil)
        if isToDo || hasMail { return true }
        guard held.isEmpty, let worker else { return false }
        do {
            if try team.takeReady(agent, worker) != nil { return true }
        } catch let failure as Failure where failure.kind == .no {
            try bus.report(name, state: .idle, source: .supervisor, note: failure.message)
        }
        // Another was faster, or its worktree can't be moved now.
        if let git = agent.git, try !git.dirty().isEmpty {
            try bus.report(
                name, state: .idle, source: .supervisor,
                note: "uncommitted changes in its worktree keep it from the next task")
        }
        due = Time.monotonic() + 60
        return false
    }
}
