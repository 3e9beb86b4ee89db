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

    /// Time for a hook to say the same, or to hand the mail over itself, in seconds.
    private static let grace = 0.3
    /// Seconds after a key within which a person may be about to press another.
    private static let typing = 5

    var descriptor: Int32 { watcher.descriptor }
    /// Seconds until it must be looked again, whatever happens.
    func next() -> Double { [due, said?.due].compactMap { $0 }.min().map { max(0, $0 - Time.monotonic()) } ?? 3600 }

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
        guard file != nil || self.pane != nil else { return nil }
        try bus.makeBox(name)
        watcher.watch(bus.agent(name))
        try look()
    }

    func look() throws {
        watcher.drain()
        if let file { try compare(file) }
        try watchMoney()
        if let pane { try wake(pane.tmux, pane.id) }
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
        let before = said
        said = nil
        // While it is being written it may be no JSON.
        guard let bytes = try Files.read(file), let found = try? JSONDecoder().decode(State.self, from: Data(bytes)),
            found.procStart == "\(process.start)", let state = found.status.flatMap({ states[$0] }),
            let report = try bus.agent(named: name)?.report?["State"].flatMap({ AgentState(rawValue: $0) }), states.values.contains(report), report != state
        else { return }
        let now = Time.monotonic()
        guard let before, before.state == state else { return said = (state, now + Following.grace) }
        guard before.due <= now else { return said = before }
        try bus.report(name, state: state, source: "state file", note: state == .waiting ? found.waitingFor ?? "" : "")
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
        guard due! <= now else { return }
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
