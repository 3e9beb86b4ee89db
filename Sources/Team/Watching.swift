import Bus
import CSys
import Glibc
import Processes
import SystemPackage

/// Watching the other agents' `alive` files. The descriptor that held a lock is closed when its holder dies, which
/// inotify tells of; two supervisors of a project watch, whoever got one of two locks, since a user has few inotify
/// instances and two see each other's death as well.
final class Watch {
    private let lock: FileDescriptor
    private let watcher = Watcher()
    private let name: String
    private var known = Set<String>()
    private var dead = Set<String>()
    private var again: Double?

    var descriptor: Int32 { watcher.descriptor }
    /// Seconds until it must be looked again, whatever happens.
    func next() -> Double { again.map { max(0, $0 - Time.monotonic()) } ?? 3600 }

    /// Nil if two watch already.
    init?(_ bus: Bus, _ name: String) throws {
        guard let lock = try Alive.take(bus.watchLock(0)) ?? Alive.take(bus.watchLock(1)) else { return nil }
        self.lock = lock
        self.name = name
        watcher.watch(bus.agents)
        watcher.watch(bus.mergeQueue)
        // A runner that dies lets go of its lock.
        for file in [bus.mergeBell, bus.mergeLock] {
            if try !Files.exists(file) { try Files.ring(file) }
            watcher.watch(file)
        }
        try add(bus)
    }

    deinit { try? lock.close() }

    private func add(_ bus: Bus) throws {
        for other in try bus.agentNames() where other != name && known.insert(other).inserted { watcher.watch(bus.alive(other)) }
    }

    /// Something changed. If somebody died, or work came to the merge queue: see to it. Looking at a file of another's
    /// is a change, too, so what was dead before is no reason to act: two watchers would wake each other for ever.
    ///
    /// The kernel tells of a close shortly before it drops the lock: where nobody is found dead it is looked once more.
    func look(_ team: Team) {
        watcher.drain()
        let second = again != nil
        again = nil
        // What goes wrong here is tried again at the next change, and by every other who recovers.
        do {
            try add(team.bus)
            let now = Set(try team.bus.agentNames().filter { try $0 != name && !Alive.isHeld(team.bus.alive($0)) })
            let died = !now.subtracting(dead).isEmpty
            dead = now
            if died {
                try team.recover()
                dead.subtract(try team.revive(all: false))
            } else if !second {
                again = Time.monotonic() + 0.05
            }
            try team.startQueue()
        } catch { return }
    }
}

/// Tells when an agent that holds a task has shown no sign of work for so long: nothing on its terminal, no processor
/// time of its tree, no heartbeat. Once it gets mail, then the person is asked; only a person restarts it.
final class Silence {
    private let seconds: Int
    private var due: Double
    private var last: (ticks: Int, beat: Int)
    private var quiet = 0

    /// From now on.
    init(seconds: Int) {
        self.seconds = max(1, seconds)
        due = Time.monotonic() + Double(self.seconds)
        last = (Tree.ticks(of: getpid()), 0)
    }

    /// Seconds until the next look.
    func next() -> Double { max(0, due - Time.monotonic()) }
    var isDue: Bool { Time.monotonic() >= due }

    func look(_ team: Team, _ name: String) throws {
        let bus = team.bus
        due = Time.monotonic() + Double(seconds)
        let agent = try team.agent(name)
        // Ours are among them, so that what orphans have used counts once they are reaped.
        let now = (ticks: Tree.ticks(of: getpid()), beat: agent.report?["Source"] == "heartbeat" ? agent.report?.int("Time") ?? 0 : 0)
        // A hundredth of the time is a sign of work, and a second whatever the time; less is a program that idles.
        let busy = now.ticks - last.ticks >= min(100, max(1, seconds)) * sysconf(Int32(_SC_CLK_TCK)) / 100
        // When it was last written to is told to 8 s.
        let written = Terminal.lastWritten().map { Time.now() - $0 < seconds + 8 } ?? false
        let beat = now.beat != last.beat
        last = now
        let task = try bus.claims().first { $0.owner == name }
        guard let task, !busy, !written, !beat, agent.want == .run, agent.report?["State"] != AgentState.waiting.rawValue else {
            if quiet > 1 {
                try bus.closeAsk(named: "silent-\(name)", by: "cadre", "it is at work again")
                if agent.report?["State"] == AgentState.stuck.rawValue { try bus.report(name, state: task == nil ? .idle : .working, source: "silence") }
            }
            quiet = 0
            return
        }
        quiet += 1
        if quiet == 1 {
            _ = try bus.send(from: "cadre", to: name, subject: "are you at work on task \(task.id)?", body: Array("Nothing was heard of you for \(seconds) s. 'cadre heartbeat' tells that you are alive.\n".utf8))
        } else if quiet == 2 {
            try bus.report(name, state: .stuck, source: "silence")
            try bus.openAsk(named: "silent-\(name)", by: "cadre", "'\(name)' holds task \(task.id) and was silent for \(2 * seconds) s: look with 'cadre peek \(name)', or stop it")
        }
    }
}
