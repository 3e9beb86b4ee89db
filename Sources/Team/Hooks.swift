import AgentPrograms
import Bus
import SystemPackage

/// What a program tells its hook, as far as it is asked about.
public struct HookCall {
    public var event: String
    public var conversation: String?
    public var transcript: String?
    /// Of SessionStart: startup, resume, clear or compact.
    public var source: String?
    public var tool: String?
    /// What the tool is to be used on, as the program has it.
    public var input: Value?
    /// Where.
    public var directory: String?
    /// Of Notification.
    public var kind: String?
    public var message: String?
    /// Of StopFailure.
    public var error: String?

    public init(_ event: String) { self.event = event }
}

// What an agent program's hooks do:
//
//   SessionStart       note the conversation; the program is idle; what the agent must know becomes context
//   UserPromptSubmit   it works, unless the words are cadre's and a budget is used up; unread mail becomes context
//   PostToolUse        it works; urgent mail becomes context
//   (these, and Stop)  what it has used is accounted for, as far as the conversation's file tells
//   PermissionRequest  it is given at once, or it waits for that permission; see `Team.permission`
//   Notification       it waits, if it is about a permission
//   Stop               it is idle; if there is unread mail that becomes context and it goes on
//   StopFailure        it is idle, with what went wrong
//
// First what it does is reported, then mail is looked for: mail that comes in between finds the agent idle, and it is
// woken. Mail is acknowledged when it has been printed.
extension Team {
    /// How often in a row mail puts off the end of a turn.
    private static let stops = 5
    /// The most that is handed to a program at once, in bytes: they cut it at 10,000 characters.
    private static let bound = 9000

    public func hook(_ call: HookCall, of name: String, session: String?, print: (String) -> Void) throws {
        let agent = try agent(name)
        // A program that has outlived its session has no say.
        guard session == agent.token else { return }
        func report(_ state: AgentState, _ note: String? = nil) throws {
            // What it waited for or what went wrong is over; what it said itself stays.
            let now = try bus.agent(named: name)?.report
            let stale = ["hook", "budget"].contains(now?["Source"]) && now?["Note"] != nil || now?["State"] == AgentState.waiting.rawValue
            try bus.report(name, state: state, source: "hook", note: note ?? (stale ? "" : nil))
        }
        // The turn goes on or is over: what was asked in it was answered in the program, or no longer matters.
        func settle() throws { try bus.closePermissions(of: name) }
        func context(_ text: String) { print("{\"hookSpecificOutput\":{\"hookEventName\":\(JSON.string(call.event)),\"additionalContext\":\(JSON.string(text))}}\n") }
        /// What is used in this turn counts for the task that is held now, or was last.
        func noteTask(begins: Bool) throws {
            let held = try bus.claims().filter { $0.owner == name }.map(\.id).min()
            guard begins || held != nil else { return }
            try bus.editConversation(name) { record in
                if begins {
                    record["Stops"] = nil
                    record["Handed"] = nil
                }
                record["Task"] = held.map { "\($0)" }
            }
        }
        /// The turn does not begin. Mail is unread still; a task is put by.
        func refuse(_ handed: String, _ reached: Reached) throws {
            if handed == "task", let words = try Team.firstPrompt(bus, name) { try putBy(name, words) }
            try noteTask(begins: true)
            try bus.report(name, state: .idle, source: "budget", note: reached.text)
            print("{\"decision\":\"block\",\"reason\":\(JSON.string(reached.text))}\n")
        }
        func mail(urgent: Bool = false, _ deliver: (String) -> Void) throws -> Bool {
            try bus.handOver(of: name, urgent: urgent, bound: Team.bound, door: "hook \(call.event)") { deliver($0) }
        }

        switch call.event {
        case "SessionStart":
            // It may be of another conversation from now on.
            try Team.readFile(bus, agent)
            try bus.editConversation(name) { record in
                record["Id"] = call.conversation
                record["Transcript"] = call.transcript
                record["Resuming"] = nil
                record["Stops"] = nil
            }
            try settle()
            if call.source != "compact" { try report(.idle) }
            context(try priming(name, task: call.source != "startup", bound: Team.bound))
        case "UserPromptSubmit":
            try settle()
            if let handed = try bus.conversation(name)?["Handed"], let reached = try reached(agent) { return try refuse(handed, reached) }
            try report(.working)
            // What the last turn used is not this one's.
            try Team.readFile(bus, agent)
            try noteTask(begins: true)
            _ = try mail(context)
        case "PostToolUse":
            // Others of the same turn may still be waited for.
            if let used = Request(call, nil)?.title { try bus.closePermissions(of: name) { $0.title == used } }
            try goOn(name)
            try noteTask(begins: false)
            try Team.readFile(bus, agent)
            _ = try mail(urgent: true, context)
        case "PermissionRequest": try permission(call, agent, print)
        case "Notification":
            if call.kind == "permission_prompt" { try report(.waiting, call.message) }
        case "Stop":
            try settle()
            try report(.idle)
            try Team.readFile(bus, agent)
            let stops = try bus.conversation(name)?.int("Stops") ?? 0
            if let reached = try reached(agent) { return try showReached(name, reached) }
            guard stops < Team.stops else { return }
            let form = try known(agent.card["Program"] ?? "")?.stop
            let more = try form != nil && mail { text in
                if form == .context { context(text) } else { print("{\"decision\":\"block\",\"reason\":\(JSON.string(text))}\n") }
            }
            if more {
                try bus.editConversation(name) { $0["Stops"] = "\(stops + 1)" }
                try report(.working)
            }
        case "StopFailure":
            try settle()
            try report(.idle, "the turn failed: \(call.error ?? "")")
        default: break
        }
    }
}
