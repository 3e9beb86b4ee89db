import Bus
import Glibc
import Hooks
import Processes
import Screen
import Storage
import Team
import Tmux

// One look at the team on a terminal. A session waits for keys, for changes on the bus, for the pane in sight and for
// the verbs beside it; it reads what has changed and draws what differs. It starts nothing, and no git, between a key
// and the screen: a verb's page appears when the verb has printed it.
final class Session {
    let screen: Screen
    let keys: Keys
    let reader: Reader
    let jobs = Jobs()
    var desk = Desk()
    var board: Board { reader.board }
    var sources: [Source] { reader.sources }
    var isOver = false
    /// What undoes the last actions: words of verbs.
    var undo: [(number: Int, words: [String], source: Source, what: String)] = []
    var number = 0

    /// What tasks' priorities will be once all keys have had their effects.
    var priorities: [String: Int] = [:]

    let preview = Preview()
    let changes = Changes()
    lazy var pages = Pages(reader, jobs)
    private var readAt = -1.0
    private var isStale = true
    var listing = Listing([])
    let tasks: Tasks
    let letters: Letters
    let spending: Spending
    var day = (age: -1, shown: Day())

    /// Seconds from one reading of the bus to the next.
    private static let pause = 0.1

    init(_ screen: Screen, _ keys: Keys, _ sources: [Source]) {
        self.screen = screen
        self.keys = keys
        reader = Reader(sources)
        tasks = Tasks(sources)
        letters = Letters(sources)
        spending = Spending(sources)
    }

    func run() {
        while !isOver {
            if isStale, Time.monotonic() - readAt >= Session.pause {
                reader.read()
                readAt = Time.monotonic()
                isStale = false
                changes.note(board.agents)
                try? spending.read()
            }
            paint()
            wait()
        }
        jobs.cancelAll()
    }

    // MARK: waiting

    private func wait() {
        if desk.view == .agents {
            changes.countNext(of: Set(visible.compactMap { listing.keys[$0] }), board, sources, jobs)
        } else {
            preview.end()
        }
        let previewed = previewed
        if let (pane, server, source) = previewed { preview.see(pane, on: server, of: source) }
        let now = Time.monotonic()
        var times = [Deadline(in: ticking)]
        // What is stale already need not be heard of again.
        if isStale { times.append(Deadline(at: readAt + Session.pause)) }
        if previewed != nil { times.append(Deadline(in: preview.pause(now))) }
        if let due = pages.due { times.append(Deadline(at: due)) }
        if desk.view == .tasks || desk.view == .day, tasks.readMore() { times.append(Deadline(in: 0)) }
        let shown = preview.descriptor < 0 ? nil : Readable(preview.descriptor)
        let events = EventLoop.wait(
            for: [Readable(0), isStale ? nil : reader, shown] + jobs.descriptors.map(Readable.init) + times)
        if events[1] != .none { isStale = true }
        if events[2] != .none { preview.read() }
        _ = jobs.read()
        if events[0] == .hungUp { isOver = true }
        while !isOver, let event = screen.next() { take(event) }
    }

    /// Seconds until the times that are shown would be others.
    private var ticking: Double {
        let now = Time.now()
        let young = board.agents.contains { now - ($0.view.report?.since ?? 0) < 60 }
        return young ? 1 : 30
    }

    // MARK: the pane that is looked at

    var chosenAgent: Board.Agent? {
        switch desk.view {
        case .agents: return desk.chosen[.agents].flatMap { board[agent: $0] }
        case .merge:
            guard let queued = board.queue.first(where: { $0.key == desk.chosen[.merge] }) else { return nil }
            return board[agent: "\(queued.source)/\(queued.entry.author)"]
        case .tasks:
            guard let key = desk.chosen[.tasks], let (n, id) = Detail.parts(key) else { return nil }
            return board.agents.first { agent in agent.source == n && agent.tasks.contains { "\($0.id)" == id } }
        case .asks:
            guard let asked = board.asks.first(where: { $0.key == desk.chosen[.asks] }) else { return nil }
            return board[agent: "\(asked.source)/\(asked.ask.from)"]
        default: return nil
        }
    }

    /// The pane that is to be looked at, if one is.
    private var previewed: (pane: String, server: String, source: Source)? {
        guard desk.view == .agents, desk.page == .screen, !desk.showsHelp, frame.split.detail != nil,
            let agent = chosenAgent, let pane = agent.view.session?.pane,
            let server = agent.view.session?.server
        else { return nil }
        return (pane, server, sources[agent.source])
    }

    func forget() {
        pages.forget()
        changes.forget()
        reader.forgetTitles()
        tasks.forget()
        isStale = true
    }

    func markStale() { isStale = true }
}
