import AgentPrograms
import Bus
import Glibc
import Hooks
import Storage
import SystemPackage
import Team
import Tmux

// Waking. cadre wakes an idle agent with unread mail by pasting a line into its pane, if its program takes that; the
// mail itself comes through the hook, or by `cadre inbox next`. It types nothing unless all of these show that it
// disturbs nobody:
//
//   1  the agent's main turn is over, by its hooks, its state file or its screen; its sub-agents may work
//   2  the cursor is at the input line, the line is empty, and nothing on the screen says that the program works
//   3  the pane is in no mode and takes input, and no client that shows it had a key pressed lately
//
// Whatever prevents that becomes the agent's note while the mail waits, and an ask if it lasts and no person is at the
// keys. cadre looks again at growing intervals, up to a minute.
//
// The hook of the new turn proves that the program took the line (`Handed` is gone from the conversation). Until then
// cadre types nothing else: a line that still stands in the pane gets its Enter once more, and after half a minute it
// counts as lost. If a person takes the turn back, the line stands at the input line again; cadre removes exactly its
// own text.

/// When an agent is to be woken, and what keeps it from that.
struct MailWaker {
    var due: Double?
    var pause = 0.0
    /// When it is told again what a turn that failed had begun with.
    var again: Double?
    /// When asks were last answered, while a budget that is used up keeps it from being woken.
    var answers: Int?
    /// When mail from agents woke it, within the last hour.
    var woken: [Double] = []
    var isHeldBack = false
    /// What was pasted last, and when.
    var pasted: (words: String, time: Double)?
    /// What keeps it from its mail, and since when.
    var blocked: (why: String, since: Double)?
    /// The paths that it was told of, that keep it from the next task.
    var told: [String] = []

    /// Seconds that a line is given to begin a turn, and after which its Enter is pressed again.
    static let patience = 30.0
    static let enter = 3.0
    /// Seconds after which a person is asked to make way, if no key was pressed meanwhile.
    static let asking = 60.0
}

extension ProgramMonitor {
    func wake() throws {
        // It may have been replaced by a fresh one.
        watcher.watch(bus.unreadBox(name))
        let worker = try puller()
        if let worker { try bus.watchReady(worker, watcher) }
        let mail = try bus.waitingMail(of: name).first
        if try settleHanded() {
            waking.due = Time.monotonic() + 1
            return
        }
        func mayPull(_ worker: Worker) throws -> Bool { try bus.hasReady(worker) && bus.held(by: worker).isEmpty }
        let turn = try turn()
        let failed = try mail == nil && turn == .over ? bus.failedTurn(of: name) : nil
        if let failed, failed.next <= Time.now() {
            try bus.noteToldAgain(name)
            return try team.putBy(name, Team.failed(failed.why))
        }
        waking.again = failed.map { Time.monotonic() + Double($0.next - Time.now()) }
        guard let turn, try mail != nil || turn == .over && worker.map(mayPull) ?? false else {
            if turn != nil { try show(blocked: nil, what: "", lastKey: nil) }
            waking.due = nil
            waking.pause = 0
            return
        }
        let now = Time.monotonic()
        if waking.due == nil { waking.due = now + ProgramMonitor.grace }
        // An answer may have raised the budget.
        if let answers = waking.answers, answers != ProgramMonitor.changed(bus.doneAsks) {
            waking.answers = nil
            waking.due = now
            waking.pause = 0
        }
        if waking.isHeldBack, try !isLimited() { waking.due = now }
        guard waking.due! <= now else { return }
        if try isTaken(now) {
            waking.due = now + 1
            return
        }
        waking.isHeldBack = try mail != nil && isLimited()
        if waking.isHeldBack {
            waking.due = waking.woken[0] + 3600
            return
        }
        waking.pause = min(60, max(1, 2 * waking.pause))
        waking.due = now + waking.pause
        try team.reread()
        let reached = try team.reached(team.agent(name))
        try team.showReached(name, reached)
        guard reached == nil else {
            watcher.watch(bus.doneAsks)
            waking.answers = ProgramMonitor.changed(bus.doneAsks)
            return
        }
        guard try isFree(what: mail == nil ? "a task" : "mail") else { return }
        if let mail {
            let sender = try bus.message(mail, of: name)?.from ?? ""
            let option = try bus.agent(named: name)?.adopted == nil ? "" : " --as \(name)"
            if try handing(
                .mail,
                "You have mail from '\(Names.shown(sender))': 'cadre inbox next\(option)' prints what you were not "
                    + "shown."
            ) {
                if sender != "human" { waking.woken.append(now) }
                bus.journal("woken", by: "cadre", ["agent": name])
            }
        } else if let worker {
            _ = try pull(worker)
        }
    }

    /// Settles the mail in hand of a turn that was broken off, which no hook reports. A moment later, when the program
    /// has written its transcript, that shows whether the mail is in the conversation. True if it is too early to look.
    private func settleHanded() throws -> Bool {
        guard let handed = try bus.handed(of: name), let agent = try bus.agent(named: name), agent.state == .idle,
            let time = ProgramMonitor.changed(bus.agentState(name)), time > handed.time
        else { return false }
        guard Time.micros() * 1000 - time > 1_000_000_000 else { return true }
        try team.settleHanded(agent)
        return false
    }

    /// Pastes words that begin a turn, which its hook must know for ours.
    func handing(_ what: HandedOver, _ words: String) throws -> Bool {
        guard let pane else { return false }
        try bus.editConversation(name) { $0.handed = what }
        if try pane.tmux.paste(words, into: pane.id) {
            waking.pasted = (words, Time.monotonic())
            return true
        }
        try bus.editConversation(name) { $0.handed = nil }
        return false
    }

    /// Whether the pasted line may still begin its turn. For a program without hooks the agent's state shows when it
    /// has.
    private func isTaken(_ now: Double) throws -> Bool {
        guard let pane, let pasted = waking.pasted, known.hooks != nil, now < pasted.time + MailWaker.patience,
            try bus.conversation(name)?.handed != nil
        else { return false }
        if now > pasted.time + MailWaker.enter, let (sight, typed, input, _) = display(), case .idle(false) = sight,
            input.isOpen, isOwn(typed)
        {
            try pane.tmux.type(["Enter"], into: pane.id)
        }
        return true
    }

    /// Whether this is what was pasted last, word for word, or what the program shows in place of that.
    private func isOwn(_ typed: String?) -> Bool {
        guard let typed, let own = waking.pasted?.words, !typed.isEmpty else { return false }
        func plain(_ text: String) -> String { text.filter { !$0.isWhitespace } }
        if plain(typed) == plain(own) { return true }
        let words = typed.split(separator: " ")
        return words.count == 5 && typed.hasPrefix("[Pasted text #") && words[4] == "lines]"
            && words[3] == "+\(own.split(separator: "\n", omittingEmptySubsequences: false).count - 1)"
    }

    /// When a directory changed last, in nanoseconds.
    private static func changed(_ directory: FilePath) -> Int? {
        (try? Files.status(directory)).flatMap { $0 }.map { $0.st_mtim.tv_sec * 1_000_000_000 + $0.st_mtim.tv_nsec }
    }

    /// Whether agents have woken it as often as they may in an hour; a person's mail wakes it always.
    private func isLimited() throws -> Bool {
        try team.reread()
        let limit = try team.settings.number(.wakeRate)
        waking.woken.removeAll { $0 < Time.monotonic() - 3600 }
        guard waking.woken.count >= limit, !waking.woken.isEmpty else { return false }
        guard try !bus.waitingMail(of: name).contains(where: { try bus.message($0, of: name)?.from == "human" }) else {
            return false
        }
        if !waking.isHeldBack {
            bus.journal("not woken", by: "cadre", ["agent": name, "why": "\(limit) times in an hour, cadre.wakeRate"])
        }
        return true
    }

    private enum Turn { case over, beside }

    /// Whether its main turn is over, and nothing or only its sub-agents work; nil if it is not.
    private func turn() throws -> Turn? {
        guard let agent = try bus.agent(named: name), agent.want == .run, let report = agent.report else { return nil }
        // What it says itself it says while it works.
        if report.state == .idle {
            return known.hooks == nil || report.source != .heartbeat ? .over : nil
        }
        // A sub-agent waits for a person, the main turn for nobody.
        if report.state == .waiting, report.turn == nil {
            let asks = try bus.permissions(of: name)
            return !asks.isEmpty && asks.allSatisfy { $0.record.subagent != nil } ? .beside : nil
        }
        return known.hooks != nil && report.state == .working && report.turn == nil
            && report.source == .stateFile ? .beside : nil
    }

    /// Whether words may be typed. What keeps them from that is shown, and after a while a person is asked.
    func isFree(what: String) throws -> Bool {
        guard let pane, let (sight, typed, input, _) = display() else { return false }
        var why: String?
        switch sight {
        case .working: return false
        case .dialog(let dialog): why = "the dialog '\(dialog)' is up"
        case .other(let words): why = "not at its input line: \(words)"
        case .idle(false) where isOwn(typed) && input.isOpen: try pane.tmux.type(["C-u"], into: pane.id)
        case .idle(false): why = "a line is half typed in its pane"
        // It is at the end of its screen, or shows what is not known.
        case .unknown: why = known.idle.isEmpty ? nil : "its input line is not visible"
        case .idle(true): break
        }
        if why == nil, !input.isOpen { why = "its pane is in a mode, or takes no input" }
        let isNear = input.lastKey.map { Time.now() - $0 < ProgramMonitor.typing } ?? false
        try show(blocked: why, what: what, lastKey: input.lastKey)
        // Our own words go first.
        if case .idle(false) = sight { return false }
        return why == nil && !isNear
    }

    private func show(blocked why: String?, what: String, lastKey: Int?) throws {
        let ask = Bus.heldUp(name)
        let now = Time.monotonic()
        guard let why else {
            guard waking.blocked != nil else { return }
            waking.blocked = nil
            try bus.closeAsk(named: ask, by: "cadre", "the way is free")
            if let report = try bus.agent(named: name)?.report, report.source == .screen,
                report.state != .waiting
            {
                try bus.report(name, source: .screen, note: "")
            }
            return
        }
        if waking.blocked?.why != why {
            waking.blocked = (why, waking.blocked?.since ?? now)
            // A dialog is what it waits for, which its state says.
            if try bus.agent(named: name)?.state != .waiting {
                try bus.report(name, source: .screen, note: "\(what)\(Bus.waits)\(why)")
            }
        }
        guard now > waking.blocked!.since + MailWaker.asking,
            lastKey.map({ Double(Time.now() - $0) > MailWaker.asking }) ?? true
        else {
            waking.due = min(waking.due ?? now + 5, now + 5)
            return
        }
        try bus.openAsk(
            named: ask, by: "cadre", "\(what) waits for '\(name)': \(why). 'cadre attach \(name)' leads there")
    }
}
