import AgentPrograms
import Bus
import FoundationEssentials
import Glibc
import Processes
import SystemPackage
import Tmux

/// Follows an agent's program beside its hooks: what its own state file says, and whether it is to be woken, for mail or
/// for a task.
///
/// Hooks are not told everything: a turn that a person breaks off, or a permission denied, ends without a word. A program
/// that keeps a file of its state says it there. What that says is reported if a moment later it still does and the report
/// still says otherwise, since hooks come at about the same time and tell more.
///
/// What neither tells is seen on the screen: a dialog that is up, and the end of a turn of a program without such a file. The
/// kernel tells of what the program writes to its terminal, and once it has written nothing for a moment it is looked, and
/// once more before that is reported. A screen that stands still costs nothing.
///
/// An idle agent that has unread mail is woken by a line pasted into its pane, if its program is reached that way; what is
/// in the mail comes by its hook, or by `cadre inbox next`. Nothing is typed unless all agree that nobody is disturbed: the
/// agent was reported idle, no line of the screen is that of a dialog or of work, the line with the cursor is an empty one
/// as the program draws it, the pane is in no mode and takes input, and no client that shows it had a key pressed lately.
/// Else it is looked again, at longer and longer intervals up to a minute, while the mail stays unread. That the line was
/// taken is seen by the agent's report that it works; until then the line stands in the pane, where it is found to be not
/// empty, so it is never typed twice.
final class Following {
    var team: Team
    var bus: Bus { team.bus }
    let name: String
    let known: AgentProgram
    private let process: Tree.Process
    private let file: FilePath?
    /// What the state file said when it was read last, and when it counts.
    private var said: (state: AgentState, due: Double)?

    private let pane: (tmux: Tmux, id: String)?
    private let watcher = Watcher()
    private var due: Double?
    private var pause = 0.0
    /// When asks were last answered, while a budget that is used up keeps it from being woken.
    private var answers: Int?
    private var money: String?
    /// When mail from agents woke it, within the last hour.
    private var woken: [Double] = []
    private var isHeldBack = false

    /// The terminal, its number with the watcher, and when it is to be looked at; whether it is watched by then.
    private let terminal: FilePath?
    private var mark: Int32 = -1
    private var lookDue: Double?
    private var armed = false
    private var turns = 0
    private var seen: AgentProgram.Sight?
    private var answered = Set<String>()

    /// Seconds without output after which it is looked.
    private static let still = 0.2

    /// Time for a hook to say the same, or to hand the mail over itself, in seconds.
    private static let grace = 0.3
    /// Seconds after a key within which a person may be about to press another.
    private static let typing = 5

    var descriptor: Int32 { watcher.descriptor }
    /// Seconds until it must be looked again, whatever happens.
    func next() -> Double { [due, said?.due, lookDue].compactMap { $0 }.min().map { max(0, $0 - Time.monotonic()) } ?? 3600 }

    /// Nil for programs that tell nothing and are not to be typed to.
    init?(_ team: Team, _ name: String, _ known: AgentProgram?, _ process: pid_t, pane: String? = getenv("TMUX_PANE").map { String(cString: $0) }) throws {
        guard let known, let process = Tree.Process(process) else { return nil }
        self.team = team
        self.name = name
        self.known = known
        self.process = process
        file = known.stateFile(of: process.pid)
        let tmux = known.doors.contains(.paste) && !known.empty.isEmpty && pane != nil ? try? Tmux(team.bus) : nil
        self.pane = tmux.map { ($0, pane!) }
        // Of one that was adopted the terminal is another's.
        let isOurs = pane != nil && pane == getenv("TMUX_PANE").map { String(cString: $0) }
        terminal = tmux == nil || !isOurs ? nil : ttyname(0).map { FilePath(platformString: $0) }
        guard file != nil || self.pane != nil else { return nil }
        try bus.makeBox(name)
        watcher.watch(bus.agent(name))
        try look()
    }

    func look() throws {
        let changed = watcher.drain()
        if let file { try compare(file) }
        try watchMoney()
        if let pane {
            try watchScreen(changed, pane.tmux, pane.id)
            try wake(pane.tmux, pane.id)
        }
    }

    // MARK: the screen

    /// Looks when it has stood still; while an answer is waited for also now and then while it does not, since the program may
    /// have got it.
    private func watchScreen(_ changed: Set<Int32>, _ tmux: Tmux, _ pane: String) throws {
        guard let terminal else { return }
        let now = Time.monotonic()
        if mark < 0 || changed.contains(mark) || changed.contains(-1) {
            if mark < 0 { mark = watcher.watch(terminal, Int32(bitPattern: UInt32(IN_MODIFY) | UInt32(IN_ONESHOT))) }
            armed = false
            lookDue = lookDue ?? now + Following.still
        }
        guard let time = lookDue, time <= now else { return }
        turns += 1
        if !armed {
            mark = watcher.watch(terminal, Int32(bitPattern: UInt32(IN_MODIFY) | UInt32(IN_ONESHOT)))
            armed = true
            lookDue = now + Following.still
            guard turns % 6 == 0, try bus.agent(named: name)?.state == .waiting else { return }
        } else {
            lookDue = nil
        }
        turns = 0
        guard let input = try? tmux.input(of: pane) else { return }
        let sight = known.sight(input.lines.joined(separator: "\n"), title: input.title, toType: false)
        if sight == seen { return try see(sight, input, tmux, pane) }
        seen = sight
        if sight != .unknown { lookDue = now + Following.still }
    }

    private func see(_ sight: AgentProgram.Sight, _ input: Tmux.Input, _ tmux: Tmux, _ pane: String) throws {
        guard let agent = try bus.agent(named: name), [.idle, .working, .waiting].contains(agent.state), agent.alive else { return }
        func report(_ state: AgentState, _ note: String = "") throws {
            guard state != agent.state else { return }
            try bus.report(name, state: state, source: "screen", note: note)
            if state != .waiting { try bus.closePermissions(of: name) }
        }
        if case .dialog(let what) = sight {
            try report(.waiting, "the dialog '\(what)'")
            return try answer(what, input, tmux, pane)
        }
        // What has a file says there how it is; a hook that waits knows what for.
        guard file == nil || agent.state == .waiting && agent.report?["Source"] == "screen" else { return }
        guard try !bus.permissions(of: name).contains(where: bus.isWaited) else { return }
        if sight == .idle { try report(.idle) }
        if sight == .working { try report(.working) }
    }

    /// Answers a dialog once, if the user wants it answered and it is known how in this version of the program.
    private func answer(_ dialog: String, _ input: Tmux.Input, _ tmux: Tmux, _ pane: String) throws {
        try team.reread()
        guard team.settings.list("answerDialogs").contains(dialog), !answered.contains(dialog), known.answers.contains(where: { $0.dialog == dialog }),
            input.isOpen, input.lastKey.map({ Time.now() - $0 >= Following.typing }) ?? true
        else { return }
        answered.insert(dialog)
        guard let version = try known.runningVersion(), let keys = known.answers.first(where: { $0.dialog == dialog && $0.version == version })?.keys else { return }
        guard let again = try? tmux.input(of: pane), known.sight(again.lines.joined(separator: "\n"), title: again.title, toType: false) == .dialog(dialog) else { return }
        try tmux.type(keys, into: pane)
        bus.journal("dialog answered", by: "cadre", ["agent": name, "dialog": dialog, "version": version])
    }

    // MARK: the state file

    private struct State: Decodable {
        var status: String?
        var waitingFor: String?
        /// In clock ticks since boot. The file of a process that was killed stays.
        var procStart: String?
    }

    private func compare(_ file: FilePath) throws {
        watcher.watch(file)
        let states: [String: AgentState] = ["idle": .idle, "busy": .working, "waiting": .waiting]
        let last = said
        said = nil
        // While it is being written it may be no JSON.
        guard let bytes = try Files.read(file), let found = try? JSONDecoder().decode(State.self, from: Data(bytes)),
            found.procStart == "\(process.start)", let state = found.status.flatMap({ states[$0] }),
            let before = try bus.agent(named: name)?.report, let report = before["State"].flatMap({ AgentState(rawValue: $0) }), states.values.contains(report),
            report != state, report != .waiting || before["Source"] != "screen"
        else { return }
        let now = Time.monotonic()
        guard let last, last.state == state else { return said = (state, now + Following.grace) }
        guard last.due <= now else { return said = last }
        try bus.report(name, state: state, source: "state file", note: state == .waiting ? found.waitingFor ?? "" : "")
        if state != .waiting { try bus.closePermissions(of: name) }
    }

    // MARK: waking

    private func wake(_ tmux: Tmux, _ pane: String) throws {
        // It may have been replaced by a fresh one.
        watcher.watch(bus.unreadBox(name))
        let worker = try puller()
        if let worker { try bus.watchReady(worker, watcher) }
        let mail = try bus.messages(of: name).first
        func mayPull(_ worker: Worker) throws -> Bool { try bus.hasReady(worker) && bus.held(by: worker).isEmpty }
        guard try isIdle(), try mail != nil || worker.map(mayPull) ?? false else {
            due = nil
            return pause = 0
        }
        let now = Time.monotonic()
        if due == nil { due = now + Following.grace }
        // An answer may have raised the budget.
        if let answers, answers != Following.changed(bus.doneAsks) {
            self.answers = nil
            due = now
            pause = 0
        }
        if isHeldBack, try !isLimited() { due = now }
        guard due! <= now else { return }
        isHeldBack = try mail != nil && isLimited()
        if isHeldBack { return due = woken[0] + 3600 }
        pause = min(60, max(1, 2 * pause))
        due = now + pause
        try team.reread()
        let reached = try team.reached(team.agent(name))
        try team.showReached(name, reached)
        guard reached == nil else {
            watcher.watch(bus.doneAsks)
            return answers = Following.changed(bus.doneAsks)
        }
        if let mail {
            let sender = try bus.message(mail.id, of: name)?.from ?? ""
            let option = try bus.agent(named: name)?.adopted == nil ? "" : " --as \(name)"
            if try isFree(tmux, pane), try handing("mail", tmux, pane, "You have mail from '\(Names.shown(sender))': 'cadre inbox next\(option)' prints what you were not shown.") {
                if sender != "human" { woken.append(now) }
                bus.journal("woken", by: "cadre", ["agent": name])
            }
        } else if let worker {
            _ = try pull(worker, tmux, pane)
        }
    }

    /// Pastes words that begin a turn, which its hook must know for ours.
    func handing(_ what: String, _ tmux: Tmux, _ pane: String, _ words: String) throws -> Bool {
        try bus.editConversation(name) { $0["Handed"] = what }
        if try tmux.paste(words, into: pane) { return true }
        try bus.editConversation(name) { $0["Handed"] = nil }
        return false
    }

    /// When a directory changed last, in nanoseconds.
    private static func changed(_ directory: FilePath) -> Int? {
        (try? Files.status(directory)).flatMap { $0 }.map { $0.st_mtim.tv_sec * 1_000_000_000 + $0.st_mtim.tv_nsec }
    }

    /// Tells at once that a budget is used up, in the middle of a turn as well.
    private func watchMoney() throws {
        let now = try bus.fill(name)?["Money"]
        guard now != money else { return }
        money = now
        if !team.settings.list("budget").isEmpty { try team.showReached(name, team.reached(team.agent(name))) }
    }

    /// Whether agents have woken it as often as they may in an hour; a person's mail wakes it always.
    private func isLimited() throws -> Bool {
        try team.reread()
        let limit = try team.settings.int("wakeRate", 30)
        woken.removeAll { $0 < Time.monotonic() - 3600 }
        guard woken.count >= limit, !woken.isEmpty else { return false }
        guard try !bus.messages(of: name).contains(where: { try bus.message($0.id, of: name)?.from == "human" }) else { return false }
        if !isHeldBack { bus.journal("not woken", by: "cadre", ["agent": name, "why": "\(limit) times in an hour, cadre.wakeRate"]) }
        return true
    }

    private func isIdle() throws -> Bool {
        guard let agent = try bus.agent(named: name), agent.want == .run, let report = agent.report, report["State"] == AgentState.idle.rawValue else { return false }
        // What it says itself it says while it works.
        return known.hooks == nil || report["Source"] != "heartbeat"
    }

    func isFree(_ tmux: Tmux, _ pane: String) throws -> Bool {
        guard let input = try? tmux.input(of: pane), input.isOpen, input.cursor < input.lines.count else { return false }
        if let key = input.lastKey, Time.now() - key < Following.typing { return false }
        let line = input.lines[input.cursor]
        switch known.sight(input.lines.joined(separator: "\n"), title: input.title) {
        case .dialog, .working: return false
        default: return known.empty.contains { $0.matches(line) }
        }
    }
}
