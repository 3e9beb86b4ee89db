import AgentPrograms
import Bus
import Glibc
import Hooks
import Processes
import Storage
import SystemPackage
import Team
import Tmux

// How a known program is started. Its conversation outlives it, so of three ways one is taken:
//
//   there is a conversation, and the program has kept it      go on with it, and say what happened
//   none, or the program has ended instead of going on with   begin anew, with the task as the first words
//   it, or was ended three times before it did, or the
//   agent has handed over to a new one
//   the program has no conversations, or none is known of it  begin anew
//
// That no two processes have one conversation is seen to before: nothing of an earlier session is left by then.
extension Supervisor {
    /// The program's call. What is given to it by files is in the agent's own directory, and goes with that.
    /// `mail` is mail that no hook would hand over.
    func launch(_ agent: AgentView, _ known: AgentProgram?, mail: String? = nil) throws -> Program {
        guard let known else { return call(agent.card.command ?? "exit 127", []) }
        let held = try bus.claims().filter { $0.owner == name }.min { $0.id < $1.id }
        let conversation = try chooseConversation(agent, known, held)
        try team.settleHanded(agent, resumes: conversation?.resuming != nil)
        let prompt = try firstWords(agent, known, held, conversation, mail)
        if conversation?.beside != nil { try bus.editConversation(name) { $0.beside = nil } }
        // What was pasted into the last one began nothing.
        if prompt == nil, conversation?.handed != nil { try bus.editConversation(name) { $0.handed = nil } }
        return try program(agent, known, conversation, prompt)
    }

    /// Decides whether it goes on with its conversation or begins anew, and notes that before the program is started.
    private func chooseConversation(_ agent: AgentView, _ known: AgentProgram, _ held: Claim?) throws -> Conversation? {
        let conversation = try bus.conversation(name)
        let byTurns = isByTurns(agent)
        let resume = agent.isHeadless ? known.headlessResume : known.resume
        // By turns, another task begins another conversation.
        let isOther = byTurns && held != nil && conversation?.task != held?.id
        let tries = conversation?.resuming ?? 0
        if tries < Supervisor.resumes, conversation?.handoff == nil, resume != nil, !isOther,
            let kept = conversation?.transcript, try Files.exists(FilePath(kept))
        {
            try bus.editConversation(name) { $0.resuming = tries + 1 }
        } else {
            // Chosen anew: a program may refuse one that it has begun and not kept.
            let id = known.conversation == .chosen ? Random.uuid() : nil
            if id != nil || conversation != nil {
                try bus.editConversation(name) { record in
                    let before = record
                    record = Conversation()
                    record.id = id
                    // How many turns the task has had counts over conversations: a program may have none to go on with.
                    if byTurns, !isOther { (record.task, record.idle) = (before.task, before.idle) }
                }
            }
        }
        if let cost = agent.isHeadless ? known.headlessCost : known.cost, cost != .none {
            try bus.editConversation(name) { record in
                record.cost = cost.rawValue
                if byTurns, let held { record.task = held.id }
            }
        }
        return try bus.conversation(name)
    }

    /// The first words to the program; nil if there are none. Words that must not get lost are recorded as handed over.
    /// If the budget is used up they become mail, for when it is raised.
    private func firstWords(
        _ agent: AgentView, _ known: AgentProgram, _ held: Claim?, _ conversation: Conversation?, _ mail: String?
    ) throws -> String? {
        let resumes = conversation?.resuming != nil
        let house = try houseWords(known, resumes: resumes)
        if isByTurns(agent) {
            return try ([turnWords(held, resumes: resumes)] + house + [mail].compactMap { $0 }).joined(
                separator: "\n\n")
        }
        let task = try Team.firstPrompt(bus, name).map { text in
            let title = text.dropFirst("Task ".count).prefix { $0 != "\n" }
            return ([resumes ? "You were ended and are started again; go on with task \(title)" : text] + house)
                .joined(separator: "\n")
        }
        if let task, try team.reached(agent) != nil {
            try team.putBy(name, task)
            return nil
        }
        if let task, known.hooks != nil {
            try bus.editConversation(name) { $0.handed = resumes ? .again : .task }
            return task
        }
        guard resumes, let words = Team.interrupted(agent, conversation) else { return task }
        if try team.reached(agent) != nil {
            try team.putBy(name, words)
            return nil
        }
        try bus.editConversation(name) { $0.handed = .turn }
        return words
    }

    /// Additions to the first words. A program without hooks gets the rules, and a pointer to `cadre prime`. Every
    /// program gets its handed-over notes here, because a hook has room for less.
    private func houseWords(_ known: AgentProgram, resumes: Bool) throws -> [String] {
        var now = team
        if known.hooks == nil { try now.reread() }
        let begins = known.hooks == nil && !resumes
        let notes = resumes ? nil : try team.notes(name, at: 16000)
        return [begins && known.callsVerbs ? Team.pointer : nil, begins ? now.rules() : nil, notes].compactMap { $0 }
    }

    /// The command line, and in the environment where everything is.
    private func program(
        _ agent: AgentView, _ known: AgentProgram, _ conversation: Conversation?, _ prompt: String?
    ) throws -> Program {
        let byTurns = isByTurns(agent)
        var line = agent.isHeadless ? known.headless ?? known.command : known.command
        if conversation?.resuming != nil, let resume = agent.isHeadless ? known.headlessResume : known.resume {
            line = resume
        }
        let words = known.arguments(
            model: agent.card.model, auto: agent.card.auto == .yes, prompt: prompt,
            calls: bus.calls(name).string, byTurns: byTurns)
        var program = call(line, words)
        for entry in known.environment {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            program.environment[parts[0]] = parts.count == 2 ? parts[1] : ""
        }
        if known.sandbox != nil {
            // Who can reach the socket of tmux can type into every pane.
            for variable in ["TMUX", "TMUX_PANE"] { program.environment[variable] = .some(nil) }
            program.environment["CADRE_CALLS"] = bus.calls(name).string
        }
        if byTurns, known.headlessPrompt == .file, let prompt {
            try bus.setMessage(name, prompt)
            program.environment["CADRE_MESSAGE"] = bus.message(name).string
        }
        program.environment["CADRE_CONVERSATION"] = conversation?.id
        if known.hooks == .settings {
            try bus.setProgramSettings(name, known.settings(executable: Installation.executable.string))
            program.environment["CADRE_SETTINGS"] = bus.programSettings(name).string
        }
        if known.cost == .statusLine {
            program.environment["CADRE_STATUS_LINE"] =
                known.userSettings.lazy.compactMap {
                    Team.userStatusLine(
                        Supervisor.atHome($0, else: agent.worktree ?? agent.card.directory))
                }.first
        }
        if (agent.isHeadless ? known.headlessCost : known.cost) == .history {
            program.environment["CADRE_HISTORY"] = bus.history(name).string
        }
        return program
    }

    /// A path of which `~/` is the home; one without is below `directory`.
    static func atHome(_ path: String, else directory: FilePath? = nil) -> FilePath {
        if !path.hasPrefix("~/"), let directory { return directory.pushing(FilePath(path)) }
        return FilePath(
            path.hasPrefix("~/") ? (getenv("HOME").map { String(cString: $0) } ?? "/") + path.dropFirst() : path)
    }

    private func call(_ line: String, _ arguments: [String]) -> Program {
        Program(["/bin/sh", "-c", line, name] + arguments)
    }

    /// A program that ended by itself before it went on with its conversation can't: the next start begins anew.
    func noteEnd(_ code: Int32) throws {
        guard code != 0, code < 128, try bus.conversation(name)?.resuming != nil else { return }
        try bus.editConversation(name) { $0 = Conversation() }
    }

    /// How often a conversation is tried to be gone on with.
    private static let resumes = 3
    /// Seconds after which a program that reports and shows nothing counts as started; and seconds for which an unknown
    /// screen must stand still to count as what the program waits in.
    private static let patience = 20.0
    private static let strange = 4.0

    /// Whether the program has started: it has reported, or its screen shows its input line or a dialog; a dialog is
    /// reported as what it waits for. A running program whose screen is unknown counts as started.
    func hasBegun(_ known: AgentProgram?) throws -> Bool {
        guard let known, known.hooks != nil || !known.idle.isEmpty else { return true }
        if try bus.agent(named: name)?.report?.state != .starting { return true }
        guard let pane = getenv("TMUX_PANE").map({ String(cString: $0) }), let tmux = try? Tmux(bus),
            let seen = try? tmux.input(of: pane)
        else { return true }
        let now = Time.monotonic()
        let sight = known.sight(
            Display(seen.drawn, cursor: seen.cursor, isCursorShown: seen.isCursorShown, title: seen.title))
        if sight != strange?.sight { strange = (sight, now) }
        switch sight {
        case .dialog(let what):
            try bus.report(name, state: .waiting, source: .screen, note: "the dialog '\(what)'")
            return true
        // What has got its first words will tell of itself soon.
        case .idle where try known.hooks == nil || Team.firstPrompt(bus, name) == nil: return true
        case .other(let words) where now - strange!.since > Supervisor.strange:
            try bus.report(name, state: .waiting, source: .screen, note: "not at its input line: \(words)")
            return true
        default: return now - started > Supervisor.patience
        }
    }

    /// What the last session held, else the task that the agent was made for. The worktree stands on its branch then.
    func takeTask(_ agent: AgentView) throws {
        var held = try bus.adopt(name, session: token)
        if held.isEmpty, let id = agent.card.task {
            var worker = Worker(agent, role: agent.role, manages: true)
            worker.session = token
            do {
                held = [try bus.claim(id, worker)]
                try bus.unreserve(id, for: name, by: name)
            } catch let failure as Failure where failure.kind == .no {}
            try bus.editCard(name) { $0.task = nil }
        }
        guard let worktree = agent.git else { return }
        // Nothing of its last session runs by now.
        do { try team.work.takeBack(worktree) } catch let failure as Failure {
            try bus.report(name, source: .supervisor, note: failure.message)
        }
        guard let first = held.first else { return }
        do { try team.work.enter(first.id, worktree, start: agent.card.base) } catch let failure as Failure {
            // A worktree with changes on another branch: the program or a person must see to them.
            try bus.report(name, source: .supervisor, note: "task \(first.id): \(failure.message)")
        }
    }

    func environment(_ agent: AgentView) -> [String: String?] {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return [
            "CADRE_AGENT": name, "CADRE_SESSION": token, "CADRE_DIR": bus.root.string,
            "CADRE_PORT": agent.card.port.map { "\($0)" },
            "CADRE_TARGET": team.settings.target.map { String($0.dropFirst("refs/heads/".count)) },
            "CADRE_FETCH": ((try? team.work.mode()) ?? .local) == .local ? nil : "yes",
            "CADRE_SHARE": try? Installation.file("programs")?.removingLastComponent().string, "CADRE_ROLE": agent.role,
            "CADRE_MODEL": agent.card.model,
            "CADRE_PROMPT": agent.card.body.isEmpty || agent.card.body.contains(0)
                ? nil : String(decoding: agent.card.body, as: UTF8.self),
            "PATH": path.split(separator: ":").first.map(String.init) == Installation.bin.string
                ? path : "\(Installation.bin.string):\(path)",
        ]
    }
}
