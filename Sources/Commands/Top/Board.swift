import Bus
import Storage
import SystemPackage
import Team

/// A project that is shown: its bus, and how it is called.
struct Source {
    let bus: Bus
    let name: String

    init(_ bus: Bus) throws {
        self.bus = bus
        name = try Bus.project(bus.repository())
    }
}

/// What is known of the projects, as one look at their buses found it. Views make rows of it.
struct Board {
    struct Agent {
        /// Of all projects: `0/bob`.
        let key: String
        let source: Int
        var view: AgentView
        /// What it holds, by id.
        var tasks: [(id: Int, title: String)] = []
        /// Its branch, as git shows it.
        var branch: String?
        var unread = 0
        /// What its program last said of its conversation, see `Bus.fill`.
        var fill: Fill?
        /// With what its work conflicts: names and paths.
        var conflicts: [String] = []

        /// Open asks of its own.
        var asks = 0

        var name: String { view.name }
        /// Whether a person should look.
        var needsPerson: Bool { asks > 0 || [.waiting, .stuck, .quarantined, .dead].contains(view.state) }
    }

    struct Asked {
        let key: String
        let source: Int
        let ask: Ask
    }

    struct Queued {
        let key: String
        let source: Int
        let entry: Entry
        let title: String
    }

    var agents: [Agent] = []
    var asks: [Asked] = []
    var queue: [Queued] = []
    /// By name, of all projects together.
    var counts: [String: Int] = [:]
    /// What could not be read, in one line.
    var problem: String?

    subscript(agent key: String) -> Agent? { agents.first { $0.key == key } }
}

/// Reads the board, and again what has changed. Of tasks only those are read that somebody holds.
final class Reader: EventSource {
    let sources: [Source]
    private(set) var board = Board()
    /// Rises with each change of what was read, so that what was made of it is known to be old.
    private(set) var age = 0
    private let watcher = Watcher()
    private var titles: [String: String] = [:]

    init(_ sources: [Source]) { self.sources = sources }

    /// When it is due `read` is to be called.
    var descriptor: Int32? { watcher.descriptor }

    /// Waits until something has changed.
    func wait() { watcher.wait(seconds: 60) }

    /// Reads all. What can't be read stays as it was, and is told.
    func read() {
        watcher.drain()
        var next = Board()
        do {
            for (n, source) in sources.enumerated() { try read(source, n, &next) }
        } catch {
            next = board
            next.problem = (error as? Failure)?.message ?? "\(error)"
        }
        board = next
        age += 1
    }

    private func read(_ source: Source, _ n: Int, _ next: inout Board) throws {
        let bus = source.bus
        // Watched first, so that what changes while it is read is read again.
        for place in bus.counted + [bus.agents] { watcher.watch(place) }
        // Those that are being made as well: their cards come later.
        for name in try bus.agentNames(drafts: true) {
            for place in [bus.agent(name), bus.unreadBox(name)] { watcher.watch(place) }
        }
        let team = try bus.team()
        for (name, count) in try bus.counts(team) { next.counts[name, default: 0] += count }
        if let wrong = try Attention.all(bus, team).first(where: \.isWrong) {
            next.problem = next.problem ?? "\(wrong.subject) \(wrong.text)"
        }
        let claims = try bus.claims()
        let conflicts = try bus.conflicts()
        let asks = try bus.asks()
        var held: [String: [Claim]] = [:]
        for claim in claims { held[claim.owner, default: []].append(claim) }
        let owners = try Dictionary((claims + bus.reviews()).map { ($0.id, $0.owner) }) { first, _ in first }
        for view in team {
            var agent = Board.Agent(key: "\(n)/\(view.name)", source: n, view: view)
            for claim in (held[view.name] ?? []).sorted(by: { $0.id < $1.id }) {
                agent.tasks.append((claim.id, try title(claim.id, source, n)))
            }
            if let id = agent.tasks.first?.id { agent.branch = try bus.branch(id)?.name }
            agent.branch = agent.branch ?? view.card.branch
            agent.fill = try bus.fill(view.name)
            agent.unread = try bus.messages(of: view.name).count
            agent.asks = asks.filter { $0.from == view.name }.count
            agent.conflicts = Bus.told(of: view.name, conflicts, owners)
            next.agents.append(agent)
        }
        next.asks += asks.map { Board.Asked(key: "\(n)/\($0.id)", source: n, ask: $0) }
        let now = Time.now()
        var damaged: String?
        let entries = try bus.entries { damaged = $0.message }
        next.problem = next.problem ?? damaged
        next.queue += try entries.sorted { $0.isBefore($1, now) }.map {
            Board.Queued(key: "\(n)/\($0.id)", source: n, entry: $0, title: try title($0.id, source, n))
        }
    }

    /// Titles are read once: they change seldom, and then a task's detail shows the new one.
    private func title(_ id: Int, _ source: Source, _ n: Int) throws -> String {
        let key = "\(n)/\(id)"
        if let known = titles[key] { return known }
        let title = try source.bus.header(id)?.title ?? ""
        titles[key] = title
        return title
    }

    /// Forgets titles, after one may have been edited.
    func forgetTitles() { titles = [:] }
}
