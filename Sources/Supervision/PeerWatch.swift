import Bus
import CLinux
import Configuration
import Glibc
import Landing
import Processes
import Storage
import SystemPackage
import Team

/// Watches the other agents' `alive` files. When the holder of a lock dies, the kernel closes its descriptor, and
/// inotify reports that. Two supervisors of a project watch, those that get one of two locks: a user has few inotify
/// instances, and two see each other's death. The first also watches the branches, looks for conflicts, and shows the
/// team's state in tmux.
final class PeerWatch: EventSource {
    private let lock: FileDescriptor
    private let isFirst: Bool
    private let watcher = Watcher()
    private let name: String
    /// The numbers of the agents' directories: what changes there is for the screen only.
    private var directories = Set<Int32>()
    private var dead = Set<String>()
    /// Those of them that rest: told when they die, since many may be stopped.
    private var resting: [String] = []
    private var again: Double?
    /// How often it was looked again since the last change.
    private var looks = 0
    /// When the merge queue is to try something again, or what went wrong is.
    private var retry: Double?
    /// What went wrong in a row.
    private var failures = 0
    /// What the first does for the screen.
    private var showing: StatusPublisher?
    /// The numbers of the directories where our executable is or may come to be, and whether it was replaced.
    private var installed = Set<Int32>()
    private(set) var isReplaced = false

    var descriptor: Int32? { watcher.descriptor }
    var remaining: Double? {
        [again, due, retry, showing?.due].compactMap { $0 }.min().map { max(0, $0 - Time.monotonic()) }
    }

    /// Nil if two watch already.
    init?(_ bus: Bus, _ name: String) throws {
        let first = try LivenessLock.take(bus.watchLock(0))
        guard let lock = try first ?? LivenessLock.take(bus.watchLock(1)) else { return nil }
        self.lock = lock
        isFirst = first != nil
        self.name = name
        watchInstallation()
        watcher.watch(bus.agents)
        watcher.watch(bus.mergeQueue)
        // An answer may let an entry go on.
        watcher.watch(bus.openAsks)
        // A runner that dies lets go of its lock.
        for file in [bus.mergeBell, bus.mergeLock] {
            if try !Files.exists(file) { try Files.ring(file) }
            watcher.watch(file)
        }
        try add(bus)
    }

    deinit { try? lock.close() }

    /// Watches everybody's directory, in which states are renamed to their places, and lock, which is there before the
    /// card. Again each time: one may have been retired, and another of its name made.
    private func add(_ bus: Bus) throws {
        for other in try bus.agentNames(drafts: true) {
            let directory = watcher.watch(bus.agent(other), Int32(IN_MOVED_TO))
            if other != name { watcher.watch(bus.alive(other)) }
            // Of one that is being made the card is waited for.
            if try Files.exists(bus.card(other)) { directories.insert(directory) }
        }
    }

    /// Watches the directory of our executable. While that is not there, as between an uninstallation and the next
    /// installation, also all above it that are: the kernel does not tell of the end of a directory that we run from.
    /// What comes while they are looked for is not missed.
    private func watchInstallation() {
        func places() -> Set<Int32> {
            var at = Installation.bin
            var found: Set<Int32> = [watcher.watch(at)]
            while (try? Files.exists(Installation.executable)) != true, at.removeLastComponent() {
                found.insert(watcher.watch(at))
            }
            return found.subtracting([-1])
        }
        repeat { installed = places() } while installed != places()
    }

    /// Handles a change: a death, or work for the merge queue. Opening another's file counts as a change too, so this
    /// acts only on new deaths; otherwise two watchers would wake each other for ever.
    ///
    /// The kernel reports a close shortly before it drops the lock. So if nobody is dead this looks again soon, and
    /// once more later, in case the dying process had to wait for a processor.
    func look(_ team: Team) {
        let before = PeerWatch.used()
        defer { spent += PeerWatch.used() - before }
        var changed = watcher.drain()
        if changed.contains(-1) || !changed.isDisjoint(with: installed) {
            changed.subtract(installed)
            watchInstallation()
            isReplaced = Installation.successor != nil
            if isReplaced { try? team.callAll() }
        }
        // What only changes what is shown is no death and moves no branch. Without inotify, or where it has lost count,
        // it may be anything.
        let isShownOnly =
            !changed.isEmpty && !changed.contains(-1) && changed.isSubset(of: directories.union(showing?.watched ?? []))
        let isDue = [again, due, retry].compactMap { $0 }.contains { $0 <= Time.monotonic() }
        let isAll = !isShownOnly && (isDue || !changed.isEmpty || !begun)
        if isAll {
            begun = true
            if !changed.isEmpty { looks = 0 }
            lookAtDeaths(team)
            lookAtBranches(team)
        }
        guard isOnDuty(team) else {
            showing = nil
            return
        }
        if showing == nil {
            showing = StatusPublisher()
            showing!.touch()
        }
        if isAll { showing!.watch(watcher, team.bus) }
        showing!.look(team, changed)
    }

    /// Whether this watcher does the first's work: it is the first, or there is none.
    private func isOnDuty(_ team: Team) -> Bool {
        (try? isFirst || !LivenessLock.isHeld(team.bus.watchLock(0))) == true
    }

    private func lookAtDeaths(_ team: Team) {
        again = nil
        // What goes wrong here is tried again later, at the next change, and by every other who recovers.
        do {
            try add(team.bus)
            let now = Set(
                try team.bus.agentNames().filter { try $0 != name && !LivenessLock.isHeld(team.bus.alive($0)) })
            let died = !now.subtracting(dead).isEmpty
            if now != dead { resting = try team.resting(among: now) }
            dead = now
            if died {
                try team.recover()
                dead.subtract(try team.revive(all: false))
            } else if looks < 2 {
                again = Time.monotonic() + (looks == 0 ? 0.05 : 0.5)
                looks += 1
            }
            // Deferred tasks that fall due, and leases that end: else nobody may look for hours.
            if try nextDue(team.bus).map({ $0 <= Time.now() }) ?? false { try team.recover() }
            try team.startQueue()
            try team.watchWork(of: resting, watcher)
            try team.rouse(resting)
            let next = try [MergeRunner.nextTry(team.bus), nextDue(team.bus)].compactMap { $0 }.min()
            retry = next.map { Time.monotonic() + max(1, Double($0 - Time.now())) }
            failures = 0
        } catch {
            failures = min(failures + 1, 6)
            retry = Time.monotonic() + Double(1 << failures) / 2
        }
    }

    /// When a deferred task falls due or a lease ends; watches those places.
    private func nextDue(_ bus: Bus) throws -> Int? {
        for place in try bus.deferredPlaces() { watcher.watch(place) }
        return try [bus.nextDue(), bus.nextEnd()].compactMap { $0 }.min()
    }

    // MARK: branches

    // A branch moves when git renames a file in its directory, so the times of those directories tell, and no process
    // is started while they stay. What else makes a conflict come or go is seen in the bus: a branch is submitted, a
    // task ends.

    /// What was seen when the branches were compared last.
    private var seen = ""
    /// When they are to be compared next: shortly after a change, since git touches a directory several times for one.
    private var due: Double?
    /// Not before this, so that it takes a tenth of the time at most.
    private var earliest = 0.0
    /// Processor time that watching took, in microseconds: no sign of work of our own agent.
    private var spent = 0
    /// The same in clock ticks.
    var used: Int { spent * sysconf(Int32(_SC_CLK_TCK)) / 1_000_000 }
    private var begun = false

    private func lookAtBranches(_ team: Team) {
        guard let now = try? sight(team), now != seen, isOnDuty(team) else {
            due = nil
            return
        }
        let begin = Time.monotonic()
        due = max(due ?? begin + 0.1, earliest)
        guard due! <= begin else { return }
        due = nil
        var isDone = true
        // What goes wrong here is tried again at the next change.
        do {
            let settings = try Settings(team.git, bus: team.bus)
            isDone =
                try ConflictPrediction(TaskBranches(bus: team.bus, repository: team.git, settings: settings)).check(
                    wait: false) != nil
        } catch {}
        let end = Time.monotonic()
        earliest = end + max(1, 9 * (end - begin))
        if isDone { seen = now } else { due = earliest }
        _ = try? watchConflicting(team.bus)
    }

    /// Watches the directories of the branches, and tells what they are like.
    private func sight(_ team: Team) throws -> String {
        let bus = team.bus
        let prefix = "refs/heads/" + (team.settings.string("branchPrefix") ?? "cadre/") + "x"
        var branches =
            [prefix, team.settings.target].compactMap { $0 } + (bus.compared()?.branches.values.map(\.reference) ?? [])
        for claim in try bus.claims() + bus.reviews() {
            if let branch = try bus.branch(claim.id) { branches.append(branch.reference) }
        }
        var directories = Set<String>()
        for branch in branches {
            var path = FilePath(branch)
            while path.removeLastComponent(), path.string.hasPrefix("refs/heads") { directories.insert(path.string) }
        }
        var parts = try bus.reviews().map { "\($0.id)" }.sorted()
        parts += try watchConflicting(bus).sorted().map { "\($0) has ended" }
        for name in directories.sorted() {
            let path = team.git.directory.pushing(FilePath(name))
            watcher.watch(path)
            parts.append(
                "\(name) \(try Files.status(path).map { "\($0.st_mtim.tv_sec).\($0.st_mtim.tv_nsec)" } ?? "none")")
        }
        return parts.joined(separator: "\n")
    }

    /// Watches the tasks that conflict, of which one may end without a branch that moves; gives those that have.
    private func watchConflicting(_ bus: Bus) throws -> Set<Int> {
        let (all, ended) = try bus.conflicting()
        for id in all { watcher.watch(bus.task(id)) }
        return ended
    }

    /// Processor time of this process and of the children that it has reaped. The C function is `getrusage`.
    private static func used() -> Int {
        [RUSAGE_SELF, RUSAGE_CHILDREN].map { who in
            var usage = rusage()
            getrusage(who.rawValue, &usage)
            return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000 + usage.ru_utime.tv_usec
                + usage.ru_stime.tv_usec
        }.reduce(0, +)
    }
}

/// Tells when an agent that holds a task has shown no sign of work for so long: nothing on its terminal, no processor
/// time of its tree, no heartbeat. Once it gets mail, then the person is asked; only a person restarts it.
final class StallDetector: EventSource {
    private let seconds: Int
    private var due: Double
    private var last: (ticks: Int, beat: Int)
    private var quiet = 0

    /// From now on. `besides` is processor time of ours that is no sign of the agent's work.
    init(seconds: Int, besides: Int) {
        self.seconds = max(1, seconds)
        due = Time.monotonic() + Double(self.seconds)
        last = (Tree.ticks(of: getpid()) - besides, 0)
    }

    var descriptor: Int32? { nil }
    var remaining: Double? { max(0, due - Time.monotonic()) }

    func look(_ team: Team, _ name: String, besides: Int) throws {
        let bus = team.bus
        due = Time.monotonic() + Double(seconds)
        let agent = try team.agent(name)
        // Ours are among them, so that what orphans have used counts once they are reaped.
        let now = (
            ticks: Tree.ticks(of: getpid()) - besides,
            beat: agent.report?.source == .heartbeat ? agent.report?.time ?? 0 : 0
        )
        // A hundredth of the time is a sign of work, and a second whatever the time; less is a program that idles.
        let busy = now.ticks - last.ticks >= min(100, max(1, seconds)) * sysconf(Int32(_SC_CLK_TCK)) / 100
        // When it was last written to is told to 8 s.
        let written = Terminal.lastWritten().map { Time.now() - $0 < seconds + 8 } ?? false
        let beat = now.beat != last.beat
        last = now
        let task = try bus.claims().first { $0.owner == name }
        // One whose plan waits has nothing to do, and one whose turn failed is told to go on otherwise.
        let isWaiting =
            try task.map { try bus.isPlanWaiting($0.id) || bus.conversation(name)?.failed != nil } ?? false
        guard let task, !busy, !written, !beat, !isWaiting, agent.want == .run,
            agent.report?.state != .waiting
        else {
            if quiet > 1 {
                try bus.closeAsk(named: "silent-\(name)", by: "cadre", "it is at work again")
                if agent.report?.state == .stuck {
                    try bus.report(name, state: task == nil ? .idle : .working, source: .silence)
                }
            }
            quiet = 0
            return
        }
        quiet += 1
        if quiet == 1 {
            _ = try bus.send(
                from: "cadre", to: name, subject: "are you at work on task \(task.id)?",
                body: Array(
                    "Nothing was heard of you for \(seconds) s. 'cadre heartbeat' tells that you are alive.\n".utf8))
        } else if quiet == 2 {
            try bus.report(name, state: .stuck, source: .silence)
            try bus.openAsk(
                named: "silent-\(name)", by: "cadre",
                "'\(name)' holds task \(task.id) and was silent for \(2 * seconds) s: look with 'cadre peek \(name)', "
                    + "or stop it"
            )
        }
    }
}
