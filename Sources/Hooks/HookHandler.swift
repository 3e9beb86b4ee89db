import AgentPrograms
import Bus
import FoundationEssentials
import Storage
import SystemPackage
import Team

/// What a program tells its hook, as far as it is asked about.
package struct HookCall {
    package var event: String
    package var conversation: String?
    package var transcript: String?
    /// Of SessionStart: startup, resume, clear or compact.
    package var source: String?
    package var tool: String?
    /// What the tool is to be used on, as the program has it.
    package var input: Value?
    /// Where.
    package var directory: String?
    /// Of Notification.
    package var kind: String?
    package var message: String?
    /// Of StopFailure, the kind and the words of it.
    package var error: String?
    package var details: String?
    /// The sub-agent that it is about; nil for the program's main conversation.
    package var subagent: String?

    package init(_ event: String) { self.event = event }
}

// What an agent program's hooks do:
//
//   SessionStart        note the conversation; the program is idle; what the agent must know becomes context
//   UserPromptSubmit    it works, unless the words are cadre's and a budget is used up; unread mail becomes context
//   PostToolUse         it works; urgent mail becomes context
//   PostToolUseFailure  it works
//   (these, and Stop)   what it has used is accounted for, as far as the conversation's file tells
//   PermissionRequest   it is given at once, or it waits for that permission; see `Team.permission`
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
    /// How often in a row mail puts off the end of a turn.
    private static let stops = 5
    /// The most that is handed to a program at once, in bytes: they cut it at 10,000 characters.
    private static let bound = 9000

    package func hook(_ call: HookCall, of name: String, session: String?, print: (String) -> Void) throws {
        let agent = try agent(name)
        // A program that has outlived its session has no say.
        guard session == agent.token else { return }
        func report(_ state: AgentState, _ note: String? = nil) throws {
            if try waitsStill(name, turn: state == .working) { return }
            // What it waited for or what went wrong is over; what it said itself stays.
            let now = try bus.agent(named: name)?.report
            try bus.report(
                name, state: state, source: .hook, note: note ?? (Team.isStale(now) ? "" : nil),
                turn: state == .working)
        }
        // The turn goes on or is over: what was asked in it was answered in the program, or no longer matters. What
        // sub-agents have asked for waits on.
        func settle() throws { try bus.closePermissions(of: name) { $0.record.subagent == call.subagent } }
        func context(_ text: String) {
            print(
                "{\"hookSpecificOutput\":{\"hookEventName\":\(JSON.string(call.event)),"
                    + "\"additionalContext\":\(JSON.string(text))}}\n")
        }
        /// What is used in this turn counts for the task that is held now, or was last.
        func noteTask(begins: Bool) throws {
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
        /// The turn does not begin. Mail is unread still; a task is put by.
        func refuse(_ handed: HandedOver, _ reached: Reached) throws {
            if [.task, .again].contains(handed), let words = try Team.firstPrompt(bus, name) {
                try putBy(name, words)
            }
            if handed == .turn { try putBy(name, Team.middle) }
            try noteTask(begins: true)
            try bus.report(name, state: .idle, source: .budget, note: reached.text)
            print("{\"decision\":\"block\",\"reason\":\(JSON.string(reached.text))}\n")
        }
        func mail(urgent: Bool = false, _ deliver: (String) -> Void) throws -> Bool {
            try bus.handOver(of: name, urgent: urgent, bound: Team.bound, door: "hook \(call.event)") { deliver($0) }
        }

        if call.subagent != nil {
            switch call.event {
            case "PermissionRequest": try permission(call, agent, print)
            case "PostToolUse", "PostToolUseFailure": try closeUsed(call, name)
            case "SubagentStop":
                if try bus.closePermissions(of: name, where: { $0.record.subagent == call.subagent }) > 0 {
                    try goOn(name)
                }
            default: break
            }
            return
        }
        switch call.event {
        case "UserPromptSubmit":
            // Words that are typed into a turn call it as well, while nothing has followed yet what that began with.
            let isWithin = agent.state == .working && agent.report?.turn != nil
            if isWithin, let file = try bus.conversation(name)?.transcript, try Files.exists(FilePath(file)) {
                try bus.doubtHanded(of: name)
            } else {
                try settleHanded(agent)
            }
        case "SessionStart":
            // Cleared, it has nothing of what was in hand; of a turn that failed the person knows.
            if call.source == "clear" {
                let failed = try bus.conversation(name)?.failed != nil
                try bus.settleHanded(of: name) { _ in failed }
            }
        // Not StopFailure: such a turn has done nothing yet with what it began with, and a program that is killed just
        // then has not written it down. That is seen a moment later, or by the next start.
        case "PermissionRequest", "PostToolUse", "PostToolUseFailure", "Stop": try settleStood(agent)
        default: break
        }

        switch call.event {
        case "SessionStart":
            // It may be of another conversation from now on.
            try Team.readFile(bus, agent)
            try bus.editConversation(name) { record in
                record.id = call.conversation
                record.transcript = call.transcript
                record.resuming = nil
                record.stops = nil
            }
            if call.source == "clear" { try bus.endFailedTurn(of: name, bus.conversation(name)) }
            if call.source == "compact" { try settle() } else { try bus.closePermissions(of: name) }
            if call.source != "compact" { try report(.idle) }
            // Some programs call it only with the first words, which may be the task itself.
            let isTold = try call.source == "startup" || bus.conversation(name)?.handed == .task
            context(try priming(name, task: !isTold, bound: Team.bound))
        case "UserPromptSubmit":
            try settle()
            if let handed = try bus.conversation(name)?.handed, let reached = try reached(agent) {
                return try refuse(handed, reached)
            }
            try report(.working)
            // What the last turn used is not this one's.
            try Team.readFile(bus, agent)
            try noteTask(begins: true)
            _ = try mail(context)
        case "PostToolUse":
            try closeUsed(call, name)
            try goOn(name, turn: true)
            try noteTask(begins: false)
            try bus.endFailedTurn(of: name, bus.conversation(name))
            try Team.readFile(bus, agent)
            _ = try mail(urgent: true, context)
        case "PostToolUseFailure":
            try closeUsed(call, name)
            try goOn(name, turn: true)
        case "PermissionRequest": try permission(call, agent, print)
        case "Notification":
            // Some seconds late, and without what it is about: a hook has told that.
            if call.kind == "permission_prompt", agent.report?.state != .waiting {
                try bus.report(name, state: .waiting, source: .hook, note: call.message)
            }
        case "Stop":
            try settle()
            try report(.idle)
            try Team.readFile(bus, agent)
            let conversation = try bus.conversation(name)
            try bus.endFailedTurn(of: name, conversation)
            let stops = conversation?.stops ?? 0
            if let reached = try reached(agent) { return try showReached(name, reached) }
            guard stops < Team.stops else { return }
            let form = try known(agent.card.program ?? "")?.stop
            let more =
                try form != nil
                && mail { text in
                    if form == .context {
                        context(text)
                    } else {
                        print("{\"decision\":\"block\",\"reason\":\(JSON.string(text))}\n")
                    }
                }
            if more {
                try bus.editConversation(name) { $0.stops = stops + 1 }
                try report(.working)
            }
        case "StopFailure":
            try settle()
            let why = Team.failure(call.error, call.details)
            try report(.idle, Team.turnFailed + why)
            try noteFailure(of: name, why, known(agent.card.program ?? ""))
        default: break
        }
    }

    /// What a note says is over once the program tells something else, unless the agent itself has said it.
    static func isStale(_ report: AgentReport?) -> Bool {
        [.hook, .budget, .screen, .supervisor].contains(report?.source) && report?.note != nil
            || report?.state == .waiting
    }

    /// A tool was used: who asked for that has the answer. Others of the same turn may still be waited for.
    private func closeUsed(_ call: HookCall, _ name: String) throws {
        guard let used = Request(call, nil)?.title else { return }
        let closed = try bus.closePermissions(of: name) { $0.title == used && $0.record.subagent == call.subagent }
        if closed > 0, call.subagent != nil { try goOn(name) }
    }

    /// What a turn had begun with is to be gone on with: it is told again after a pause. Where only a person can see to
    /// that, or that has not helped for long, the person is asked, in the agent's name: the answer is mail to it, which
    /// has it go on.
    package func noteFailure(of name: String, _ why: String, _ known: AgentProgram?) throws {
        let isSignedOut = known?.isSignedOut(why) == true
        let lasts = isSignedOut || known?.lasts(why) == true
        let retry = try bus.noteFailedTurn(of: name, why, first: lasts ? nil : settings.number(.retryPause))
        guard lasts || retry?.isLong == true else { return }
        let ask = isSignedOut ? Bus.signIn(name) : Bus.failing(name)
        let what =
            isSignedOut
            ? "is not let in to its model: \(why)" : "can't go on, its turns fail: \(retry?.question ?? why)"
        try bus.openAsk(
            named: ask, by: name,
            "'\(name)' \(what). 'cadre attach \(name)' leads there; once that is mended, 'cadre ask answer \(ask) "
                + "TEXT' has it go on"
        )
    }

    /// Why a turn failed, in a line: what the program says, or what it calls it.
    static func failure(_ kind: String?, _ details: String?) -> String {
        let kind = kind ?? ""
        let words = details.map { Names.shown(String($0.split(whereSeparator: \.isNewline).first ?? "")) } ?? ""
        if words.isEmpty { return kind }
        return ["", "unknown"].contains(kind) ? words : "\(kind): \(words)"
    }

    /// The turn goes on or has ended well: what it began with is read. Where there was another prompt meanwhile the
    /// file tells.
    private func settleStood(_ agent: AgentView) throws {
        guard let handed = try bus.handed(of: agent.name) else { return }
        if handed.isDoubted {
            try settleHanded(agent, waits: true)
        } else {
            try bus.settleHanded(of: agent.name) { _ in true }
        }
    }

    /// Acknowledges mail in hand of which the file of the conversation tells that a turn with it stood; the rest is
    /// unread again, or stays in hand if it `waits`. `resumes`: the program goes on with what is in the file, whatever
    /// became of the turn.
    package func settleHanded(_ agent: AgentView, resumes: Bool = false, waits: Bool = false) throws {
        guard try bus.handed(of: agent.name) != nil else { return }
        let transcript =
            try bus.conversation(agent.name)?.transcript.flatMap { try Files.readEnd(FilePath($0), 4 << 20) } ?? []
        let lines = transcript.split(separator: 10)
        try bus.settleHanded(of: agent.name, waits: waits) { Team.holds(lines, Array($0.utf8), resumes: resumes) }
    }

    private struct Entry: Decodable {
        var type: String?
        var uuid: String?
        var parentUuid: String?
    }

    /// Whether a conversation has this text in a turn that stood. Where entries name those that they follow, one of the
    /// person or the model follows it: a turn that was taken back stays in the file, and nothing follows.
    private static func holds(_ lines: [ArraySlice<UInt8>], _ text: [UInt8], resumes: Bool) -> Bool {
        var after = Set<String>()
        for line in lines {
            let isIn = line.holds(text)
            guard isIn || !after.isEmpty else { continue }
            if isIn, resumes { return true }
            let entry = try? JSONDecoder().decode(Entry.self, from: Data(line))
            guard let id = entry?.uuid else {
                // No such names: it is there.
                if isIn, after.isEmpty, entry?.type?.hasPrefix("api-") != true { return true }
                continue
            }
            if isIn { after.insert(id) }
            guard let before = entry?.parentUuid, after.contains(before) else { continue }
            if entry?.type == "assistant" || entry?.type == "user" { return true }
            after.insert(id)
        }
        return false
    }
}
