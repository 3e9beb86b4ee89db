import Bus
import Glibc
import Hooks
import Processes
import Storage
import SystemPackage
import Team
import Tmux

// What follows the end of a program:
//
//   it ends well, nothing is held or ready for it         the agent rests
//   … and a ready task fits it                            it is started again, once for that task; when it ends so
//                                                         again the agent rests, and the person is asked
//   it is ended by keys in its pane                       the agent rests, says so, and gives back what it held
//   for a reason that may pass (exit status 75, a lock,   it is started again after a pause that doubles, however
//   a full disk)                                          often; see Retry
//   else, as cadre.restart says                           it is started again after a pause, cadre.maxRestarts times
//
// What can't be read or written meanwhile is tried again: a supervisor does not end because a disk is full.
extension Supervisor {
    /// Seconds within which a key that was pressed in the pane has ended the program.
    private static let pressed = 3

    /// Repeats a step while it can't be done, after pauses that double; nil if the supervisor is told to end meanwhile.
    func insist<T>(_ step: () throws -> T) throws -> T? {
        var pause = 0.5
        while true {
            do { return try step() } catch let failure as Failure where failure.kind == .unsure {
                terminal?.say("cadre: \(name): \(Names.shown(failure.message)), tried again in \(pause) s")
                _ = try? bus.noteRetry(of: name, failure.message)
                rest(seconds: pause)
                guard order == nil, !bus.isOutgrown else { return nil }
                pause = min(60, pause * 2)
            }
        }
    }

    /// Decides what follows the program's end, and waits until the next start is due. False if there is none.
    func goOn(after ended: Ended) throws -> Bool {
        var ended = ended
        do { try keep() } catch let failure as Failure where failure.kind == .unsure && order == nil {
            ended = .failed(failure)
        }
        noteCost()
        try bus.closePermissions(of: name, "its program has ended")
        try bus.closeAsk(named: Bus.heldUp(name), by: "cadre", "its program has ended")
        let agent = try team.agent(name)
        guard agent.want == .run else { return false }
        if let accompanied, !accompanied.isThere {
            try leave(agent)
            bus.journal("ended", by: name, ["agent": name, "how": "by itself"])
            try bus.report(name, state: .resting, source: .supervisor, note: "", session: token)
            return false
        }
        try team.reread()
        var code: Int32 = 0
        let what: String
        var isOver = true
        var mayPass = false
        switch ended {
        case _ where order != nil, .told, .work, .outgrown:
            // Told to end without a wish on the disk: by a person's kill, say. It should still run, but not by us.
            try bus.report(name, state: .dead, source: .terminated, session: token)
            return false
        case .exit(let status):
            code = Program.code(status)
            try noteEnd(code)
            what = code > 128 ? "ended by signal \(code - 128)" : "exit status \(code)"
            mayPass = code == 75
        case .failed(let failure):
            code = 75
            what = failure.message
            mayPass = failure.kind == .unsure
        case .handedOff:
            what = "handed over to a new session"
            isOver = false
        }
        if isOver, code == 0, isByTurns(agent) {
            try endTurn()
            delay = 0
            return true
        }
        if !mayPass { try bus.endRetry(of: name) }
        let held = try bus.claims().filter { $0.owner == name && $0.until == 0 }
        bus.journal("ended", by: name, ["agent": name, "how": what])
        if isOver, code == 0 || code == 128 + SIGINT, isEndedByKeys(code) { return try restAsTold(held) }
        if isOver, code == 0, held.isEmpty, team.restartPolicy(agent) != .always { return try goOnForWork(agent) }
        if isOver, team.restartPolicy(agent) == .never {
            try bus.report(name, state: .dead, source: .supervisor, note: what, session: token)
            return false
        }
        return mayPass ? try tryAgain(what) : try startAgain(agent, what, code)
    }

    /// Whether a person has ended it: Ctrl-C says so itself, an end of input is told by a key pressed just now.
    private func isEndedByKeys(_ code: Int32) -> Bool {
        guard terminal != nil, let pane = getenv("TMUX_PANE").map({ String(cString: $0) }) else { return false }
        if code != 0 { return true }
        guard let tmux = try? Tmux(bus), let key = try? tmux.input(of: pane).lastKey else { return false }
        return Time.now() - key <= Supervisor.pressed
    }

    private func restAsTold(_ held: [Claim]) throws -> Bool {
        try bus.report(
            name, state: .resting, source: .keys,
            note: "ended by keys in its pane: 'cadre up \(name)' starts it", session: token)
        // Killed before, whoever recovers does it.
        for claim in held {
            do { try bus.release(claim, by: name) } catch let failure as Failure where failure.kind == .no {}
        }
        return false
    }

    /// Nothing is held: it rests, unless there is work that it has not been started for yet.
    private func goOnForWork(_ agent: AgentView) throws -> Bool {
        let ready = try Team.puller(agent).flatMap(bus.firstReady)
        guard let id = ready else {
            try bus.report(name, state: .resting, source: .supervisor, note: "", session: token)
            return false
        }
        guard agent.report?.startedFor == id else {
            try bus.noteStart(of: name, for: id)
            terminal?.say("cadre: \(name): ended, and task \(id) is ready for it: starting again")
            return true
        }
        try bus.report(
            name, state: .resting, source: .supervisor, note: "it ended again without taking task \(id)",
            session: token)
        try bus.openAsk(
            named: "rests-\(name)", by: "cadre",
            "'\(name)' ended twice by itself while task \(id) is ready for it, and rests: look with 'cadre peek "
                + "\(name)', start it with 'cadre up \(name)', or 'cadre retire \(name)'"
        )
        return false
    }

    /// Schedules another start after a failure that may pass. If the program has named its own failure and a retry,
    /// that one counts.
    private func tryAgain(_ what: String) throws -> Bool {
        let told = try team.agent(name).retry.flatMap { $0.next >= Time.now() ? $0 : nil }
        try bus.report(name, state: .starting, source: .supervisor, note: told?.why ?? what, session: token)
        let retry = try told ?? bus.noteRetry(of: name, what)
        return try wait(Double(max(0, retry.next - Time.now())), retry.why)
    }

    private func startAgain(_ agent: AgentView, _ what: String, _ code: Int32) throws -> Bool {
        // What its hook said went wrong.
        let said = agent.report?.source == .hook ? agent.report?.note.flatMap { $0.isEmpty ? nil : $0 } : nil
        try bus.noteRestart(name)
        let missing = code == 126 || code == 127
        if let why = try missing ? "its program can't be run" : team.tooMany(name) {
            let whole = "\(why) (\(what)\(said.map { ", \($0)" } ?? ""))"
            try team.quarantine(name, whole)
            try bus.report(name, state: .quarantined, source: .supervisor, note: whole, session: token)
            return false
        }
        try bus.report(name, state: .starting, source: .supervisor, note: what, session: token)
        // It has done something.
        if try Time.monotonic() - started > 60 || Set(bus.claims().filter { $0.owner == name }.map(\.id)) != begunWith {
            delay = 0
        }
        if delay >= 1 { try bus.noteNextStart(of: name, at: Time.now() + Int(delay)) }
        defer { delay = min(60, max(0.25, delay * 2)) }
        return try wait(delay, what)
    }

    /// Waits before the next start; false if we are told to end meanwhile.
    private func wait(_ seconds: Double, _ what: String) throws -> Bool {
        terminal?.say("cadre: \(name): \(Names.shown(what)), starting again\(seconds > 0 ? " in \(seconds) s" : "")")
        rest(seconds: seconds)
        guard let order, try team.agent(name).want == .run else { return true }
        try bus.report(name, state: .dead, source: order == .hangUp ? .hangup : .terminated, session: token)
        return false
    }
}
