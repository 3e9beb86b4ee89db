import Bus
import Configuration
import Git
import Glibc
import Storage
import SystemPackage
import Team
import Tmux

// Keeping what is shown of the team: the line in the bus's file `status`, and what tmux shows where its plugin is
// loaded. One supervisor does it, the one that watches first. It hears of changes by inotify on a few directories of
// the bus, and on one of each agent; a short while after a change, and four times a second at most, it counts, and
// calls tmux once if something is new. While nothing changes nothing is started. Without a supervisor nobody tells tmux
// of changes: verbs don't, but tmux's hooks have all filled when somebody attaches (`up --server`), and a person may
// (`status --tmux`).
final class StatusPublisher {
    /// Seconds from a change to the count, so that what comes together is counted once.
    private static let delay = 0.03
    /// Seconds between two counts.
    private static let pause = 0.25

    /// The numbers by which a watcher tells of what is counted here and concerns nobody else.
    private(set) var watched = Set<Int32>()
    private var bell: Int32 = -1
    /// When to count next; nil if nothing has changed.
    private(set) var due: Double?
    private var last = -1.0
    /// Seconds to the next try after one that failed.
    private var failed = 0.0
    private var shown: Shown?
    /// Other servers that show the project, in which none of its agents is.
    private var viewers: [Shown] = []
    private var spent: (day: String, changed: Int, text: String?)?

    /// Something has changed, or may have.
    func touch() { due = due ?? max(Time.monotonic() + StatusPublisher.delay, last + StatusPublisher.pause) }

    /// Has the watcher tell of what is counted. Places come and go, so it is called now and then.
    func watch(_ watcher: Watcher, _ bus: Bus) {
        for place in bus.counted where ![bus.mergeQueue, bus.openAsks].contains(place) { add(watcher.watch(place)) }
        bell = watcher.watch(bus.watchLock(0), Int32(IN_ATTRIB))
        add(bell)
    }

    private func add(_ number: Int32) { if number >= 0 { watched.insert(number) } }

    /// Counts and tells, if it is time. `changed` is what the watcher told.
    func look(_ team: Team, _ changed: Set<Int32>) {
        if changed.contains(bell) {
            shown?.forget()
            viewers = []
        }
        if !changed.isEmpty { touch() }
        guard let due, due <= Time.monotonic() else { return }
        do {
            try show(team)
            self.due = nil
            failed = 0
        } catch {
            // A server that does not answer must not keep us from what else there is to do.
            failed = min(60, max(1, failed * 2))
            self.due = Time.monotonic() + failed
        }
        last = Time.monotonic()
    }

    /// Counts and publishes now; false if no tmux with the plugin is there. `ended`: the agent that has just ended; its
    /// lock may be held by another process, which is making sure of that.
    @discardableResult
    func show(_ team: Team, ended: String? = nil) throws -> Bool {
        let bus = team.bus
        var agents = try bus.team()
        for at in agents.indices where agents[at].name == ended { agents[at].alive = false }
        let segments = Segments(try bus.counts(agents), cost: try cost(bus))
        bus.keepStatus(segments.line)
        if try shown == nil || !shown!.isThere || (bus.server() ?? shown!.server) != shown!.server {
            shown = try Shown(bus)
        }
        let isViewed = tellViewers(segments, bus)
        guard let server = shown?.server, shown!.isWanted else { return isViewed }
        let panes = { try StatusPublisher.panes(bus, agents, server: server, labels: $0) }
        let bells = try shown!.tell(
            segments, panes: panes, belongs: { StatusPublisher.belongs($0, bus) }, lives: StatusPublisher.lives)
        bells.forEach(ring)
        return shown!.isWanted || isViewed
    }

    /// Tells the other servers; false if there are none. One that is gone or does not answer, or where the plugin no
    /// longer is, is struck off the list: it comes back when somebody attaches there.
    private func tellViewers(_ segments: Segments, _ bus: Bus) -> Bool {
        let listed = (try? bus.viewers()) ?? []
        viewers = listed.compactMap { socket in
            guard socket != shown?.server,
                var viewer = viewers.first(where: { $0.server == socket }) ?? (try? Shown(bus, at: socket)),
                viewer.isThere
            else { return nil }
            do {
                try viewer.tell(
                    segments, panes: { _ in [:] }, belongs: { StatusPublisher.belongs($0, bus) },
                    lives: StatusPublisher.lives)
            } catch { return nil }
            return viewer.isWanted ? viewer : nil
        }
        let gone = Set(listed).subtracting(viewers.map(\.server))
        if !gone.isEmpty { try? bus.setViewers(bus.viewers().filter { !gone.contains($0) }) }
        return !viewers.isEmpty
    }

    /// What today has cost: `$1.23`, with a `+` if a part of it is unknown, `-` if all is; nil if nothing was used.
    private func cost(_ bus: Bus) throws -> String? {
        guard let (day, changed) = try bus.spentTodayChanged() else { return nil }
        // A change within the clock's grain of a count would not show.
        let isStill = Time.micros() * 1000 - changed > 1_000_000_000
        if let spent, spent.day == day, spent.changed == changed { return spent.text }
        var sum = Sum()
        for part in try bus.spent(on: day) { sum.add(part.used.money) }
        let text =
            sum == Sum() ? nil : sum.known.map { "$" + Money.text($0, places: 2) + (sum.isPartial ? "+" : "") } ?? "-"
        spent = isStill ? (day, changed, text) : nil
        return text
    }

    /// What the panes of the agents on a server are to be told.
    private static func panes(_ bus: Bus, _ agents: [AgentView], server: String, labels: Bool) throws -> [String:
        ShownPane]
    {
        var tasks: [String: [Int]] = [:]
        for claim in try bus.claims() { tasks[claim.owner, default: []].append(claim.id) }
        var panes: [String: ShownPane] = [:]
        for agent in agents {
            guard let session = agent.session, let pane = session.pane, session.server == server else { continue }
            let held = tasks[agent.name]?.sorted() ?? []
            panes[pane] = ShownPane(
                agent: agent.name, pid: agent.alive ? session.pid : nil,
                options: [
                    "@cadre_state": agent.state.rawValue, "@cadre_task": held.map(String.init).joined(separator: " "),
                ],
                label: labels ? try label(bus, agent, held) : nil, isWaiting: agent.state == .waiting)
        }
        return panes
    }

    /// Name, role, state, task, progress. What agents write is made plain: without control characters, and no format.
    private static func label(_ bus: Bus, _ agent: AgentView, _ tasks: [Int]) throws -> String {
        var parts = [agent.role.map { "\(agent.name) (\($0))" } ?? agent.name, agent.state.rawValue]
        if let id = tasks.first {
            parts.append("\(id) " + Tmux.escaped(String(Names.shown(try bus.header(id)?.title ?? "").prefix(60))))
            if let progress = agent.report?.progress { parts.append(Tmux.escaped(Names.shown(progress))) }
        }
        return parts.joined(separator: " · ")
    }

    /// Rings the bell in a pane, as a program in it would.
    private func ring(_ pane: ShownPane) {
        guard let pid = pane.pid else { return }
        let fd = open("/proc/\(pid)/fd/0", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard fd >= 0 else { return }
        if isatty(fd) == 1 { _ = write(fd, "\u{07}", 1) }
        close(fd)
    }

    private static func belongs(_ directory: String, _ bus: Bus) -> Bool {
        (try? Repository.find(from: FilePath(directory), plain: true).commonDirectory == bus.repository()) == true
    }

    private static func lives(_ root: String) -> Bool {
        guard let bus = try? Bus.open(FilePath(root)) else { return false }
        return (try? LivenessLock.isHeld(bus.watchLock(0)) || LivenessLock.isHeld(bus.watchLock(1))) == true
    }
}

extension Team {
    /// Publishes the team's state in tmux once, and tells the process that keeps it up to date that the server may have
    /// lost it; false if no tmux with the plugin is there.
    @discardableResult
    package func show() throws -> Bool {
        // Rung afterwards: what was counted here may be older by then than what was told from there.
        defer { if (try? LivenessLock.isHeld(bus.watchLock(0))) == true { try? Files.ring(bus.watchLock(0)) } }
        return try StatusPublisher().show(self)
    }

    /// Shows how the team is when an agent has ended that was the last: nobody else does.
    func showEnd(of name: String) {
        guard let agents = try? bus.team(), !agents.contains(where: { $0.name != name && $0.alive }) else { return }
        _ = try? StatusPublisher().show(self, ended: name)
    }

    /// The projects that this tmux server shows: those whose agents run in it, and those of the directories where its
    /// sessions began. Those whose agents run in another server note that this one shows them too.
    package static func all(in tmux: Tmux) throws -> [Team] {
        let (shown, directories) = try tmux.places()
        let roots = shown.union(
            directories.compactMap { try? Bus.place(in: Repository.find(from: $0, plain: true).commonDirectory) })
        return roots.sorted { $0.string < $1.string }.compactMap { root in
            guard let bus = try? Bus.open(root), let repository = try? bus.repository() else { return nil }
            if let here = tmux.path, let server = try? bus.server(), server != here, Tmux.answers(server) {
                try? bus.setViewers(Set(bus.viewers()).union([here]).sorted())
            }
            let git = Git(common: repository)
            return try? Team(bus: bus, git: git, settings: Settings(git, bus: bus))
        }
    }
}
