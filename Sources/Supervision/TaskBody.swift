import Bus
import CLinux
import Glibc
import Processes
import Storage
import SystemPackage
import Team

// The body of a task, run as a script on behalf of the built-in agent, for as long as that holds the task:
//
//   1  become the subreaper, so that whatever the body starts stays below us
//   2  watch the claims, then look whether this one is there
//   3  set back what a run before this has left (see `Team.begin`), and run the body: it has no standard input, and is
//      told to end when we die
//   4  it ends; or the claim is gone, since somebody cancelled the task or took it away: that rename is what wakes us,
//      so nobody needs to tell us and no word can be lost. A body that has itself handed its task in goes on to its end
//   5  end all that is left of it, and say on descriptor 5 how it ended: its exit status, or `lost`. Where what comes
//      before the body can't be done now, `again`, and what is in the way on standard error
//
// Killed anywhere, nothing is said, and the agent, which waits for that, ends and is started again with its task.
package final class TaskBody {
    private let team: Team
    private var bus: Bus { team.bus }
    private let claim: Claim
    private let signals: SignalQueue
    private var body: pid_t = 0
    private var isHurried = false
    /// The task is no longer its agent's to end.
    private var isOver = false
    /// Seconds that what is left of a body has to end by itself.
    private static let grace = 3.0
    /// Where it says how the body ended.
    private static let answer: Int32 = 5

    /// Throws `Failure.no` if this session does not hold the task.
    package init(_ team: Team, _ id: Int, _ worker: Worker) throws {
        self.team = team
        guard let claim = try team.bus.held(by: worker).first(where: { $0.id == id }) else {
            throw Failure.no("task \(id) is not held by '\(worker.name)'")
        }
        self.claim = claim
        signals = SignalQueue([SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT])
        _ = csys_set_subreaper()
    }

    /// Returns when nothing is left of the body that this makes.
    package static func run(_ make: () throws -> TaskBody) throws {
        do { say(try make().run()) } catch let failure as Failure where [.unsure, .no].contains(failure.kind) {
            say(failure.kind == .no ? "lost" : "again")
            throw failure
        }
    }

    private static func say(_ how: String) {
        let line = how + "\n"
        _ = write(TaskBody.answer, line, line.utf8.count)
    }

    /// How it ended.
    private func run() throws -> String {
        let watcher = Watcher()
        watcher.watch(bus.claimsPlace)
        guard let header = try bus.header(claim.id) else { throw bus.noTask(claim.id) }
        try team.begin(claim.id, by: claim.owner)
        let script = try Program.memory(header.body)
        var program = Program([
            Installation.executable.string, "supervise", "--child", "\(getpid())", "0", "/bin/sh", "/dev/fd/3",
        ])
        program.third = script
        body = try program.start(stdin: -1, stdout: 1, stderr: 2)
        close(script)
        let ended = try wait(watcher)
        Tree.endOwn(grace: isHurried ? 0 : TaskBody.grace) { [self] in
            look()
            return isHurried
        }
        return ended.map { isOver ? "lost" : "\(Program.code($0))" } ?? "lost"
    }

    /// How the body ended; nil if the claim is gone.
    private func wait(_ watcher: Watcher) throws -> Int32? {
        while true {
            // A claim that can't be looked up is no reason to end the body.
            switch try? bus.fate(of: claim) {
            case .lost where !isOver: return nil
            case .ended: isOver = true
            default: break
            }
            if EventLoop.wait(for: [watcher, signals], atMost: 60)[0] != .none { watcher.drain() }
            if let status = look() { return status }
            if isHurried { return SIGTERM }
        }
    }

    /// Takes the signals that came; the wait status of the body if it has ended.
    @discardableResult
    private func look() -> Int32? {
        var ended: Int32?
        while true {
            switch signals.next() {
            case nil: return ended
            case SIGCHLD: ended = reap() ?? ended
            default: isHurried = true
            }
        }
    }

    private func reap() -> Int32? {
        var ended: Int32?
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG)
            if pid <= 0 { return ended }
            if pid == body { ended = status }
        }
    }
}
