import AgentPrograms
import Bus
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
