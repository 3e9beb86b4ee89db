import AgentPrograms
import Bus
import Glibc
import Hooks
import Storage
import SystemPackage
import Team
import Tmux

/// When the screen of an agent is to be looked at, and what was seen there.
struct ScreenMonitor {
    /// The terminal, its number with the watcher, and when it is to be looked at; whether it is watched by then.
    let terminal: FilePath?
    var mark: Int32 = -1
    var due: Double?
    var armed = false
    var turns = 0
    /// How often it was looked at since anything changed.
    var repeats = 0
    var seen: AgentProgram.Sight?
    /// Since when that stands, and the dialogs that were answered.
    var since = 0.0
    var answered = Set<String>()
    /// Whether it was seen at its input line, or told of a turn: a dialog of its start is none any more.
    var isPastStart = false
    /// What it was seen to say of why it does not go on.
    var trouble: String?
    /// Whether a person was asked to see to what is there.
    var isAsked = false

    /// Seconds without output after which it is looked, and after which something that is not known counts as what it
    /// waits in.
    static let still = 0.2
    /// Seconds after which it is looked again where that failed.
    static let again = 1.0
    static let strange = 3.0
    /// Seconds between further looks at a screen that stands still: on a busy machine tmux may have shown it before the
    /// program's last output arrived.
    static let repeated = [1.0, 4, 16]
    /// Seconds for which a hook is believed against the screen.
    static let late = 2

    init(_ terminal: FilePath?) { self.terminal = terminal }
}

extension ProgramMonitor {
    /// Notes what the watcher told, before anything that can fail: it tells that once.
    func note(_ changed: Set<Int32>) {
        guard looking.terminal != nil, !changed.isEmpty || looking.mark < 0 else { return }
        let isDrawn = looking.mark < 0 || changed.contains(looking.mark) || changed.contains(-1)
        if isDrawn { looking.armed = false }
        looking.repeats = 0
        // What else has changed may be a hook's report that came late: what is in the way stands still.
        let soon =
            switch looking.seen {
            case .dialog, .other: true
            default: isDrawn
            }
        let time = Time.monotonic() + (soon ? ScreenMonitor.still : ScreenMonitor.again)
        looking.due = min(looking.due ?? .infinity, time)
    }

    /// Looks when the screen has stood still. While the agent waits for an answer it also looks now and then at a
    /// moving screen, since the program may have got the answer.
    func watchScreen() throws {
        let now = Time.monotonic()
        guard let terminal = looking.terminal, let time = looking.due, time <= now else { return }
        looking.turns += 1
        looking.mark = watcher.watch(terminal, Int32(bitPattern: UInt32(IN_MODIFY) | UInt32(IN_ONESHOT)))
        if !looking.armed {
            looking.armed = true
            looking.due = now + ScreenMonitor.still
            // It goes on writing.
            let state = try looking.turns % 6 == 0 ? bus.agent(named: name)?.state : nil
            guard state == .waiting || state == .idle || state == .working && looking.turns >= 18 else { return }
        } else {
            looking.due = nil
        }
        looking.turns = 0
        // What can't be told or noted now is looked at again, though nothing more may be drawn.
        let next = looking.due
        looking.due = now + ScreenMonitor.again
        guard let (sight, _, input, trouble) = display() else { return }
        looking.due = next
        do { try judge(sight, input, trouble, now) } catch {
            looking.due = now + ScreenMonitor.again
            throw error
        }
        if looking.due == nil, looking.repeats < ScreenMonitor.repeated.count {
            looking.due = now + ScreenMonitor.repeated[looking.repeats]
            looking.repeats += 1
        }
    }

    private func judge(_ sight: AgentProgram.Sight, _ input: Tmux.Input, _ trouble: String?, _ now: Double) throws {
        try show(trouble: trouble)
        switch sight {
        case .idle, .working: looking.isPastStart = true
        case .dialog, .other, .unknown: break
        }
        guard sight == looking.seen else {
            looking.seen = sight
            looking.since = now
            if sight != .unknown { looking.due = now + ScreenMonitor.still }
            return
        }
        try see(sight, input)
    }

    /// What the program says in its own place of what keeps its turn from going on, or has ended it.
    private func show(trouble: String?) throws {
        guard let agent = try bus.agent(named: name), let report = agent.report,
            agent.state == .working || agent.state == .idle && known.hooks != nil && file == nil
        else { return }
        let note = report.note.flatMap { $0.isEmpty ? nil : $0 }
        if let trouble {
            guard note == nil || looking.trouble != nil, looking.trouble != trouble else { return }
            looking.trouble = trouble
            try bus.report(name, source: .screen, note: trouble)
            if agent.state == .idle { try team.noteFailure(of: name, trouble, known) }
        } else if looking.trouble != nil {
            looking.trouble = nil
            if report.source == .screen { try bus.report(name, source: .screen, note: "") }
        }
    }

    private func see(_ sight: AgentProgram.Sight, _ input: Tmux.Input) throws {
        guard let agent = try bus.agent(named: name), [.idle, .working, .waiting].contains(agent.state), agent.alive
        else { return }
        // It has spoken for itself: what stands there now is none of its start's, also where no look has come between.
        if [.hook, .stateFile, .heartbeat].contains(agent.report?.source) { looking.isPastStart = true }
        func report(_ state: AgentState, _ note: String? = nil) throws {
            guard state != agent.state else { return }
            try bus.report(
                name, state: state, source: .screen, note: note ?? looking.trouble ?? "",
                turn: state == .idle ? false : nil)
            if state == .idle, let trouble = looking.trouble { try team.noteFailure(of: name, trouble, known) }
            if state != .waiting { try bus.closePermissions(of: name) }
        }
        // A permission that its hook has asked for is told by that; one that no hook asks for is a dialog as any.
        let isAskedByHook = try file != nil && !bus.permissions(of: name).isEmpty
        switch sight {
        case .dialog(AgentProgram.permission) where isAskedByHook: return
        case .dialog(let what):
            try report(.waiting, "the dialog '\(what)'")
            try answer(what, input)
            return try ask("the dialog '\(what)' is up", input)
        case .other(let words):
            // In the middle of a turn a person may look at something.
            guard agent.state == .idle || agent.report?.source == .screen else { return }
            let left = looking.since + ScreenMonitor.strange - Time.monotonic()
            guard left <= 0 else {
                looking.due = Time.monotonic() + left
                return
            }
            try report(.waiting, "not at its input line: \(words)")
            return try ask("it is not at its input line: \(words)", input)
        case .unknown: return
        case .idle, .working: break
        }
        if looking.isAsked {
            looking.isAsked = false
            try bus.closeAsk(named: Bus.heldUp(name), by: "cadre", "the way is free")
        }
        // A turn that was broken off, which the file does not tell while sub-agents work.
        if case .idle = sight, file != nil, known.hooks != nil, agent.state != .idle, agent.report?.turn != nil {
            let left = max(
                looking.since + ScreenMonitor.strange - Time.monotonic(),
                (agent.report?.time ?? 0) > Time.now() - Int(ScreenMonitor.strange) ? 1 : 0)
            guard left <= 0 else {
                looking.due = Time.monotonic() + left
                return
            }
            return try bus.report(
                name, source: .stateFile, note: agent.state == .working ? ProgramMonitor.beside : nil, turn: false)
        }
        // What has a file says there how it is; a hook that waits knows what for.
        guard file == nil || agent.state == .waiting && agent.report?.source == .screen else { return }
        guard try !bus.permissions(of: name).contains(where: bus.isWaited) else { return }
        // On a machine that is busy its screen is drawn after the hook of the turn that has begun.
        if case .idle = sight, agent.state == .working, agent.report?.source == .hook,
            (agent.report?.time ?? 0) > Time.now() - ScreenMonitor.late
        {
            looking.due = Time.monotonic() + 1
            return
        }
        if case .idle = sight { try report(.idle) } else { try report(.working) }
    }

    /// Asks a person to attend to the screen: at a program's start at once, later if nobody has pressed a key for a
    /// while.
    private func ask(_ why: String, _ input: Tmux.Input) throws {
        guard !looking.isAsked else { return }
        let now = Time.monotonic()
        let patience = looking.isPastStart ? MailWaker.asking : ScreenMonitor.strange
        guard now >= looking.since + patience,
            !looking.isPastStart || input.lastKey.map({ Double(Time.now() - $0) > MailWaker.asking }) ?? true
        else {
            looking.due = max(looking.since + patience, now + 1)
            return
        }
        looking.isAsked = true
        try bus.openAsk(
            named: Bus.heldUp(name), by: "cadre",
            "'\(name)' waits for a person: \(why). 'cadre attach \(name)' leads there")
    }

    /// Answers a dialog of the program's start once, if the user wants it answered and it is known how in this version.
    /// At its place there is no input line, so that nothing that a person has typed is sent.
    private func answer(_ dialog: String, _ input: Tmux.Input) throws {
        try team.reread()
        guard !looking.isPastStart, team.settings.list("answerDialogs").contains(dialog),
            !looking.answered.contains(dialog), known.answers.contains(where: { $0.dialog == dialog }),
            input.isOpen, input.lastKey.map({ Time.now() - $0 >= ProgramMonitor.typing }) ?? true
        else { return }
        looking.answered.insert(dialog)
        guard let pane, let version = try known.runningVersion(),
            let keys = known.answers.first(where: { $0.dialog == dialog && $0.version == version })?.keys
        else { return }
        guard display()?.sight == .dialog(dialog) else { return }
        try pane.tmux.type(keys, into: pane.id)
        bus.journal("dialog answered", by: "cadre", ["agent": name, "dialog": dialog, "version": version])
    }
}
