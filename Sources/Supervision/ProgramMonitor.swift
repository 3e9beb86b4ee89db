import AgentPrograms
import Bus
import FoundationEssentials
import Glibc
import Hooks
import Processes
import Storage
import SystemPackage
import Team
import Tmux

/// Follows an agent's program beside its hooks: reads the program's own state file, and wakes the agent for mail or a
/// task.
///
/// Hooks don't report everything: a turn that a person breaks off, or a denied permission, ends without a word. Some
/// programs keep a file of their state that shows this. The monitor reports that state only if the file still says it a
/// moment later and the report still differs, because hooks come at about the same time and know more.
///
/// The screen shows what neither reports (see `AgentProgram.sight`): a dialog, anything else in place of the input
/// line, and the end of a turn of a program without a state file. The kernel reports when the program writes to its
/// terminal. Once it has written nothing for a moment the monitor looks, looks again before it reports, and a few times
/// after that. A screen that stays still costs nothing.
final class ProgramMonitor: EventSource {
    var team: Team
    var bus: Bus { team.bus }
    let name: String
    let known: AgentProgram
    private let process: Tree.Process
    let file: FilePath?
    /// What the state file said when it was read last, and when it counts; and when it last said that a person is
    /// waited for, in milliseconds since the epoch.
    var said: (state: AgentState, due: Double)?
    private var waited = 0
    /// Of one that was adopted, see `settleEnd`.
    var ending = AdoptedTurn()
    let isAdopted: Bool
    /// Whether its conversation's record says that its sub-agents work beside a main turn that is over.
    private var isBesideNoted = false

    let pane: (tmux: Tmux, id: String)?
    let watcher: Watcher
    /// What is not known before it is looked for.
    var waking = MailWaker()
    var looking: ScreenMonitor
    private var money: Int?

    /// Time for a hook to say the same, or to hand the mail over itself, in seconds; and for a file that was written
    /// before the last report to be written anew, on a machine that is busy.
    static let grace = 0.3
    private static let patience = 3.0
    /// Seconds after a key within which a person may be about to press another.
    static let typing = 5
    /// Of one whose main turn is over, the note.
    static let beside = "its sub-agents work"

    var descriptor: Int32? { watcher.descriptor }
    var remaining: Double? {
        let due = [waking.due, waking.again, said?.due, ending.due, looking.due].compactMap { $0 }.min()
        return due.map { max(0, $0 - Time.monotonic()) }
    }

    /// Nil for programs that tell nothing and are not to be typed to.
    init?(
        _ team: Team, _ name: String, _ known: AgentProgram?, _ process: pid_t,
        pane: String? = getenv("TMUX_PANE").map { String(cString: $0) }
    ) throws {
        guard let known, let process = Tree.Process(process) else { return nil }
        let bus = team.bus
        self.team = team
        self.name = name
        self.known = known
        self.process = process
        file = known.stateFile(of: process.pid)
        let tmux = known.doors.contains(.paste) && !known.empty.isEmpty && pane != nil ? try Tmux(bus) : nil
        self.pane = tmux.map { ($0, pane!) }
        // Of one that was adopted the terminal is another's.
        let isOurs = pane != nil && pane == getenv("TMUX_PANE").map { String(cString: $0) }
        looking = ScreenMonitor(tmux == nil || !isOurs ? nil : ttyname(0).map { FilePath(platformString: $0) })
        isAdopted = try bus.agent(named: name)?.adopted != nil
        guard file != nil || self.pane != nil else { return nil }
        // Its first words begin a turn as those do that are pasted, and mail comes with them.
        if try bus.conversation(name)?.handed != nil { waking.pasted = ("", Time.monotonic()) }
        isBesideNoted = try bus.conversation(name)?.beside != nil
        try bus.makeBox(name)
        watcher = Watcher()
        watcher.watch(bus.agent(name))
    }

    func look() throws {
        note(watcher.drain())
        if let file { try compare(file) }
        try watchMoney()
        if pane != nil {
            try watchScreen()
            try wake()
        }
    }

    /// Tells at once that a budget is used up, in the middle of a turn as well.
    private func watchMoney() throws {
        let now = try bus.fill(name)?.money
        guard now != money else { return }
        money = now
        if !team.settings.list("budget").isEmpty { try team.showReached(name, team.reached(team.agent(name))) }
    }

    /// What its pane shows now; nil if that can't be told.
    func display() -> (sight: AgentProgram.Sight, typed: String?, input: Tmux.Input, trouble: String?)? {
        guard let pane, let input = try? pane.tmux.input(of: pane.id) else { return nil }
        let display = Display(input.drawn, cursor: input.cursor, isCursorShown: input.isCursorShown, title: input.title)
        return (known.sight(display), known.typed(display), input, known.trouble(display))
    }

    // MARK: the state file

    private struct State: Decodable {
        var status: String?
        var waitingFor: String?
        /// In clock ticks since boot. The file of a process that was killed stays.
        var procStart: String?
        /// When the status was written, in milliseconds since the epoch.
        var statusUpdatedAt: Double?
        /// Its conversation.
        var sessionId: String?
    }

    private func compare(_ file: FilePath) throws {
        watcher.watch(file)
        let states: [String: AgentState] = ["idle": .idle, "busy": .working, "waiting": .waiting]
        let last = said
        said = nil
        // While it is being written it may be no JSON.
        guard let bytes = try Files.read(file), let found = try? JSONDecoder().decode(State.self, from: Data(bytes)),
            found.procStart == "\(process.start)", let state = found.status.flatMap({ states[$0] })
        else { return }
        let written = found.statusUpdatedAt.map { Int($0) } ?? 0
        if isAdopted { try settleEnd(of: found.sessionId ?? "", isOver: state == .idle, written) }
        if state == .idle, isBesideNoted {
            try bus.editConversation(name) { $0.beside = nil }
            isBesideNoted = false
        }
        if state == .waiting { waited = max(waited, written) } else { try settle(written) }
        guard let before = try bus.agent(named: name)?.report,
            let report = before.state, states.values.contains(report),
            report != state, report != .waiting || before.source != .screen
        else { return }
        // Said before the last report, which may tell what is newer.
        let isOld =
            try found.statusUpdatedAt != nil
            && Files.status(bus.agentState(name)).map {
                $0.st_mtim.tv_sec * 1000 + $0.st_mtim.tv_nsec / 1_000_000 > written
            } ?? false
        // While asks are open, what closes them tells that it waits no more.
        if report == .waiting, try bus.permissions(of: name).contains(where: { try isOld || bus.isWaited(for: $0) }) {
            return
        }
        let now = Time.monotonic()
        guard let last, last.state == state else {
            said = (state, now + (isOld ? ProgramMonitor.patience : ProgramMonitor.grace))
            return
        }
        guard last.due <= now else {
            said = last
            return
        }
        // Its main turn is over, and its input line takes words: others work for it.
        let isBeside =
            state == .working && before.turn == nil && known.hooks != nil
            && display().map { if case .idle = $0.sight { true } else { false } } ?? false
        if isBeside, !isBesideNoted {
            try bus.editConversation(name) { $0.beside = .yes }
            isBesideNoted = true
        }
        // A hook may have told more meanwhile.
        guard try bus.agent(named: name)?.report == before else { return }
        let note = state == .waiting ? found.waitingFor ?? "" : isBeside ? ProgramMonitor.beside : ""
        try bus.report(name, state: state, source: .stateFile, note: note, turn: state == .idle ? false : nil)
    }

    /// Closes the permissions that were answered in the program or are moot: the program has said since each ask that
    /// it waits for nobody, and no dialog is up. If it has not reported an ask's dialog yet, that ask gets five seconds
    /// more. While the hook of an ask waits, nobody has answered in the program: programs end such a hook with their
    /// dialog.
    private func settle(_ written: Int) throws {
        let now = Time.micros() / 1000
        func isOver(_ ask: Ask) throws -> Bool {
            guard try !bus.isWaited(for: ask) else { return false }
            let asked = ask.record.micros.map { $0 / 1000 } ?? (ask.record.time ?? 0) * 1000
            return written > asked && (waited >= asked - 5000 || now > asked + 5000)
        }
        guard try bus.permissions(of: name).contains(where: isOver) else { return }
        if let sight = display()?.sight {
            switch sight {
            case .dialog, .other: return
            default: break
            }
        }
        try bus.closePermissions(of: name, where: isOver)
    }
}
