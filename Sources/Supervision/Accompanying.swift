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

extension ProgramMonitor {
    /// An adopted program has no hooks that tell how its turn ended, and which conversation it is in after /clear. Its
    /// state file and the record of the conversation do, a moment later, when the program has written that down.
    func settleEnd(of conversation: String, isOver: Bool, _ written: Int) throws {
        guard isOver, written > ended else {
            ending = nil
            return
        }
        guard let ending, ending.written == written else {
            ending = (written, Time.monotonic() + 1)
            return
        }
        guard ending.due <= Time.monotonic() else { return }
        self.ending = nil
        ended = written
        try bus.editConversation(name) { $0.id = conversation }
        let note = try bus.agent(named: name)?.report?.note ?? ""
        if let why = try known.transcript(of: conversation).flatMap({ try Team.failedTurn(in: $0) }) {
            try bus.report(name, state: .idle, source: .stateFile, note: Team.turnFailed + why, turn: false)
            try team.noteFailure(of: name, why, known)
        } else {
            try bus.endFailedTurn(of: name, bus.conversation(name))
            if note.hasPrefix(Team.turnFailed) {
                try bus.report(name, state: .idle, source: .stateFile, note: "", turn: false)
            }
        }
    }
}
