import Bus
import Git
import Glibc
import Processes
import Storage

// The caller's identity. A name that a caller gives (`--as`, `$CADRE_AGENT`) counts only for a person, who may act for
// anybody. Every other caller gets its name from the kernel, whatever it says and whatever its environment has:
//
//   an agent's   a supervisor of this bus is among its ancestors (the nearest counts), or it has a session's mark: then
//                its supervisor was killed, or it has left its ancestors
//   the queue's  the merge queue's runner is among its ancestors, or it has the runner's mark: a gate, a filter, a
//                driver. It acts under no name and decides nothing
//   git's        a git that cadre has called is among its ancestors: a filter, a driver or a hook, which an agent may
//                have chosen. It decides nothing
//
// Nearly all calls are an agent's under its own name; its supervisor and its mark prove those at once.
extension CommandContext {
    enum Descent: Equatable {
        case agent(String)
        case queue, person
    }

    /// The name that the caller gives: `--as`, else `$CADRE_AGENT`; nil if it gives none. Of another project's agent
    /// the name counts for nothing here.
    private var given: String? { common.as ?? (isElsewhere ? nil : environment("CADRE_AGENT")) }

    /// The caller's name if it is an agent of another project; nil if it isn't. Throws `Failure.no` if this project has
    /// an agent of the same name.
    private func foreignName() throws -> String? {
        guard isElsewhere, let name = environment("CADRE_AGENT") else { return nil }
        guard try busIfAny()?.agent(named: name) == nil else {
            throw Failure.no(
                "there is an agent '\(name)' here, and you are that of another project: say who calls with '--as NAME'")
        }
        return name
    }

    /// The name the caller acts under. Throws `Failure.no` if it is not its own.
    package func caller() throws -> String { try callerResult.get() }

    func findCaller() throws -> String {
        let name = try Names.caller(given ?? foreignName() ?? "human")
        guard let bus = try busIfAny() else { return name }
        if try isSession(of: name, bus) { return name }
        switch try descentResult.get() {
        case .agent(let own):
            guard given == nil || name == own else {
                throw Failure.no("this is '\(own)', which can't act as '\(name)'")
            }
            return own
        case .queue: throw CommandContext.withinQueue
        case .person: return name
        }
    }

    /// The name that the caller reads as: whose tasks and mail are shown, which everybody may see.
    package func reader() throws -> String {
        if let given { return try Names.caller(given) }
        if try busIfAny() != nil, try descentResult.get() == .queue { return "human" }
        return try caller()
    }

    /// The name under which the caller decides: the agent's if the kernel says that an agent calls, else the one that
    /// the caller gives. Throws `Failure.no` for a process of the queue or of git, which runs agents' code.
    package func superior() throws -> String {
        _ = try bus()
        switch try descentResult.get() {
        case .agent(let name): return name
        case .queue: throw CommandContext.withinQueue
        case .person:
            guard try !Tree.isWithin(Git.within) else {
                throw Failure.no("this runs within git, which cadre started: a person or an agent does it, outside")
            }
            return try caller()
        }
    }

    /// Whether a person calls, under no agent's name.
    package func isPerson() throws -> Bool {
        try descentResult.get() == .person && caller() == "human" && !Tree.isWithin(Git.within)
    }

    /// The same at a terminal: not from cron, a hook or a runner. The C function is `open` of /dev/tty.
    package func isPersonAtTerminal() throws -> Bool {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else { return false }
        close(terminal)
        return try isPerson()
    }

    private static let withinQueue = Failure.no(
        "this runs within the merge queue: a person or an agent does it, outside")

    /// Whether the caller is of the named agent's session, as its mark and its supervisor tell.
    private func isSession(of name: String, _ bus: Bus) throws -> Bool {
        guard name != "human", let mark = Mark.own, let session = try AgentSession.read(bus.session(name)),
            session.mark == mark,
            session.boot == Host.boot, let pid = session.pid
        else { return false }
        return try Tree.isBelow(pid_t(pid)) && LivenessLock.isHeld(bus.alive(name))
    }

    func findDescent() throws -> Descent {
        guard let bus = try busIfAny() else { return .person }
        let runner = try bus.runner()
        var isOfQueue = false
        for pid in try Tree.ancestorsOfOurs() {
            if let name = try Tree.supervised(by: pid, bus) { return .agent(name) }
            isOfQueue = isOfQueue || runner?.isProcess(pid) == true
        }
        if isOfQueue { return .queue }
        guard let mark = Mark.own else { return .person }
        if let runner, !runner.isProcess(getpid()), runner.mark == mark { return .queue }
        for name in try bus.agentNames() where try AgentSession.read(bus.session(name))?.mark == mark {
            return .agent(name)
        }
        return .person
    }
}
