import Bus
import Storage
import SystemPackage
import Team

// What an agent program's hooks do:
//
//   SessionStart        note the conversation; the program is idle; what the agent must know becomes context
//   UserPromptSubmit    it works, unless the words are cadre's and a budget is used up; unread mail becomes context
//   PostToolUse         it works; urgent mail becomes context
//   PostToolUseFailure  it works
//   (these, and Stop)   what it has used is accounted for, as far as the conversation's file tells
//   PermissionRequest   it is given at once, or it waits for that permission; see PermissionHandler
//   Notification        it waits, if it is about a permission and no hook has said for what
//   Stop                it is idle; if there is unread mail that becomes context and it goes on
//   StopFailure         it is idle, with what went wrong
//   SubagentStop        permissions that the sub-agent asked for are moot
//
// First what it does is reported, then mail is looked for: mail that comes in between finds the agent idle, and it is
// woken. Mail that was printed is in hand, and acknowledged when a later call tells that the turn which holds it stood
// (see `Bus.handOver`).
//
// Sub-agents call the same hooks, under their own name. Such a call tells of permissions of that sub-agent only: its
// words do not reach the main conversation, and the main turn may be over while it works.
extension Team {
    package func hook(_ call: HookCall, of name: String, session: String?, print: @escaping (String) -> Void) throws {
        let agent = try agent(name)
        // A program that has outlived its session has no say.
        guard session == agent.token else { return }
        try HookHandler(team: self, call: call, agent: agent, print: print).handle()
    }

    /// What a note says is over once the program tells something else, unless the agent itself has said it.
    static func isStale(_ report: AgentReport?) -> Bool {
        typealias Fields = AgentReportFields
        return [.hook, .budget, .screen, .supervisor].contains(report?[Fields.source]) && report?[Fields.note] != nil
            || report?[Fields.state] == .waiting
    }
}

/// One call of a hook, of an agent as it was when that came.
struct HookHandler {
    /// How often in a row mail puts off the end of a turn.
    private static let stops = 5
    /// The most that is handed to a program at once, in bytes: they cut it at 10,000 characters.
    private static let bound = 9000

    let team: Team
    let call: HookCall
    let agent: AgentView
    let print: (String) -> Void
    private var bus: Bus { team.bus }
    private var name: String { agent.name }

    func handle() throws {
        if call.subagent != nil { return try handleSubagent() }
        try acknowledgeMail()

        switch call.event {
        case "SessionStart": try beginConversation()
        case "UserPromptSubmit": try beginTurn()
        case "PostToolUse": try continueTurn()
        case "PostToolUseFailure":
            try closeUsed()
            try team.goOn(name, turn: true)
        case "PermissionRequest": try team.permission(call, agent, print)
        case "Notification":
            // This comes some seconds late and doesn't name the request, which a hook has reported already.
            if call.kind == "permission_prompt", agent.report?.state != .waiting {
                try bus.report(name, state: .waiting, source: .hook, note: call.message)
            }
        case "Stop": try endTurn()
        case "StopFailure": try failTurn()
        default: break
        }
    }

    private func handleSubagent() throws {
        switch call.event {
        case "PermissionRequest": try team.permission(call, agent, print)
        case "PostToolUse", "PostToolUseFailure": try closeUsed()
        case "SubagentStop": if try closePermissions() > 0 { try team.goOn(name) }
        default: break
        }
    }

    /// Settles the mail in hand as far as this call proves that its turn stood or failed.
    private func acknowledgeMail() throws {
        switch call.event {
        case "UserPromptSubmit":
            // Words that somebody types into a turn call this hook too, and prove nothing about the mail that the turn
            // began with.
            let isWithin = agent.state == .working && agent.report?.turn != nil
            if isWithin, let file = try bus.conversation(name)?.transcript, try Files.exists(FilePath(file)) {
                try bus.doubtHanded(of: name)
            } else {
                try team.settleHanded(agent)
            }
        case "SessionStart":
            // A cleared conversation has lost the mail in hand. If the turn had failed, the person knows about that
            // mail.
            if call.source == "clear" {
                let failed = try bus.conversation(name)?.failed != nil
                try bus.settleHanded(of: name) { _ in failed }
            }
        // Not StopFailure: such a turn has not used its mail yet, and a program that is killed just then has not
        // written it down. MailWaker sees that a moment later, or the next start does.
        case "PermissionRequest", "PostToolUse", "PostToolUseFailure", "Stop": try team.settleStood(agent)
        default: break
        }
    }

    // MARK: events of the main conversation

    private func beginConversation() throws {
        // It may be of another conversation from now on.
        try Team.readFile(bus, agent)
        try bus.editConversation(name) { record in
            record.id = call.conversation
            record.transcript = call.transcript
            record.resuming = nil
            record.stops = nil
        }
        if call.source == "clear" { try bus.endFailedTurn(of: name, bus.conversation(name)) }
        if call.source == "compact" { try closePermissions() } else { try bus.closePermissions(of: name) }
        if call.source != "compact" { try report(.idle) }
        // Some programs call it only with the first words, which may be the task itself.
        let isTold = try call.source == "startup" || bus.conversation(name)?.handed == .task
        addContext(try team.priming(name, task: !isTold, bound: HookHandler.bound))
    }

    private func beginTurn() throws {
        try closePermissions()
        if let handed = try bus.conversation(name)?.handed, let reached = try team.reached(agent) {
            return try refuseTurn(handed, reached)
        }
        try report(.working)
        // What the last turn used is not this one's.
        try Team.readFile(bus, agent)
        try noteTask(begins: true)
        _ = try handOverMail(addContext)
    }

    /// The budget is used up. Mail is unread still; a task is put by.
    private func refuseTurn(_ handed: HandedOver, _ reached: Team.Reached) throws {
        if [.task, .again].contains(handed), let words = try Team.firstPrompt(bus, name) {
            try team.putBy(name, words)
        }
        if handed == .turn { try team.putBy(name, Team.middle) }
        try noteTask(begins: true)
        try bus.report(name, state: .idle, source: .budget, note: reached.text)
        block(reached.text)
    }

    private func continueTurn() throws {
        try closeUsed()
        try team.goOn(name, turn: true)
        try noteTask(begins: false)
        try bus.endFailedTurn(of: name, bus.conversation(name))
        try Team.readFile(bus, agent)
        _ = try handOverMail(urgent: true, addContext)
    }

    /// Mail that is unread puts the end off, a limited number of times in a row.
    private func endTurn() throws {
        try closePermissions()
        try report(.idle)
        try Team.readFile(bus, agent)
        let conversation = try bus.conversation(name)
        try bus.endFailedTurn(of: name, conversation)
        let stops = conversation?.stops ?? 0
        if let reached = try team.reached(agent) { return try team.showReached(name, reached) }
        guard stops < HookHandler.stops, let form = try team.known(agent.card.program ?? "")?.stop,
            try handOverMail(form == .context ? addContext : block)
        else { return }
        try bus.editConversation(name) { $0.stops = stops + 1 }
        try report(.working)
    }

    private func failTurn() throws {
        try closePermissions()
        let why = Team.failure(call.error, call.details)
        try report(.idle, Team.turnFailed + why)
        try team.noteFailure(of: name, why, team.known(agent.card.program ?? ""))
    }

    // MARK: steps

    private func report(_ state: AgentState, _ note: String? = nil) throws {
        if try team.waitsStill(name, turn: state == .working) { return }
        // What it waited for or what went wrong is over; what it said itself stays.
        let now = try bus.agent(named: name)?.report
        try bus.report(
            name, state: state, source: .hook, note: note ?? (Team.isStale(now) ? "" : nil),
            turn: state == .working)
    }

    /// Closes the open asks of the caller, the main conversation or a sub-agent, whose turn goes on or is over: they
    /// were answered in the program, or no longer matter. Asks of the others stay open.
    @discardableResult
    private func closePermissions() throws -> Int {
        try bus.closePermissions(of: name) { $0.record.subagent == call.subagent }
    }

    /// Closes the ask that led to this tool call: it has its answer. Other asks of the same turn may still be open.
    private func closeUsed() throws {
        guard let used = Request(call, nil)?.title else { return }
        let closed = try bus.closePermissions(of: name) { $0.title == used && $0.record.subagent == call.subagent }
        if closed > 0, call.subagent != nil { try team.goOn(name) }
    }

    /// What is used in this turn counts for the task that is held now, or was last.
    private func noteTask(begins: Bool) throws {
        let held = try bus.claims().filter { $0.owner == name }.map(\.id).min()
        guard begins || held != nil else { return }
        try bus.editConversation(name) { record in
            if begins {
                record.stops = nil
                record.handed = nil
            }
            record.task = held
        }
    }

    private func handOverMail(urgent: Bool = false, _ deliver: (String) -> Void) throws -> Bool {
        let door = "hook \(call.event)"
        return try bus.handOver(of: name, urgent: urgent, bound: HookHandler.bound, door: door, deliver: deliver)
    }

    private func addContext(_ text: String) {
        print(
            "{\"hookSpecificOutput\":{\"hookEventName\":\(JSON.string(call.event)),"
                + "\"additionalContext\":\(JSON.string(text))}}\n")
    }

    private func block(_ reason: String) { print("{\"decision\":\"block\",\"reason\":\(JSON.string(reason))}\n") }
}
