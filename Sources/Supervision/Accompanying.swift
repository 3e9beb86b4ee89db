import AgentPrograms
import Bus
import Hooks
import Storage
import SystemPackage
import Team

// A supervisor beside an adopted program.
extension Supervisor {
    /// Begins to accompany an adopted program, in place of a session of our own.
    func accompany(_ adopted: Adopted) throws {
        token = try bus.beginSession(name, pane: nil, server: nil).token ?? ""
        let program = try team.agent(name).card.program ?? ""
        try bus.report(name, state: .idle, source: .supervisor, note: "", session: token)
        try begin(
            accompanying: adopted.process,
            following: ProgramMonitor(team, name, team.known(program), adopted.process.pid, pane: adopted.pane))
    }

    /// The adopted program has ended: the agent is an ordinary one. What the program has kept of the conversation is
    /// gone on with at the next start.
    func leave(_ agent: AgentView) throws {
        let id = try bus.conversation(name)?.id ?? ""
        let kept = try team.known(agent.card.program ?? "")?.transcript(of: id)
        try bus.editConversation(name) { $0.transcript = kept?.string }
        try bus.editCard(name) { $0.adopted = nil }
    }
}

/// How the turns of an adopted program end.
struct AdoptedTurn {
    /// Its conversation, and the record of that.
    var conversation = ""
    var record: FilePath?
    /// The stamp of both files at the last settled end of a turn; the stamp of a possible end, and when to settle it.
    var seen = ""
    var mark = ""
    var due: Double?
    /// The entry of the failure that was noted.
    var failure = ""
}

extension ProgramMonitor {
    /// Settles the end of a turn of an adopted program, which has no hooks to report it or the new conversation after
    /// /clear. The program's state file and its record show both, a moment later, once the program has written them.
    /// The state file misses a turn that is over in no time.
    func settleEnd(of conversation: String, isOver: Bool, _ written: Int) throws {
        if ending.record == nil || ending.conversation != conversation {
            ending.conversation = conversation
            ending.record = try known.transcript(of: conversation)
            try bus.editConversation(name) { $0.id = conversation }
        }
        guard let record = ending.record else { return }
        watcher.watch(record)
        let mark = "\(written) \(Files.stamp(record)?.text ?? "")"
        guard isOver, mark != ending.seen else {
            ending.due = nil
            return
        }
        guard let due = ending.due, mark == ending.mark else {
            (ending.mark, ending.due) = (mark, Time.monotonic() + 1)
            return
        }
        guard due <= Time.monotonic() else { return }
        (ending.seen, ending.due) = (mark, nil)
        if let failed = try Team.failedTurn(in: record) {
            guard failed.entry != ending.failure else { return }
            ending.failure = failed.entry
            try bus.report(name, state: .idle, source: .stateFile, note: Team.turnFailed + failed.why, turn: false)
            return try team.noteFailure(of: name, failed.why, known)
        }
        try bus.endFailedTurn(of: name, bus.conversation(name))
        if try bus.agent(named: name)?.report?.note?.hasPrefix(Team.turnFailed) == true {
            try bus.report(name, state: .idle, source: .stateFile, note: "", turn: false)
        }
    }
}
