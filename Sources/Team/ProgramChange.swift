import Bus
import Storage

extension Team {
    /// Gives an agent that does not run another program, which begins anew with what is on the disk: another program's
    /// conversation is nothing to it. That is forgotten first, so that it never gets it.
    package func setProgram(of name: String, to program: String) throws {
        let agent = try agent(name)
        guard !agent.alive else {
            throw Failure.no("'\(name)' runs '\(agent.card.program ?? "")': 'cadre stop \(name)' first")
        }
        var request = SpawnRequest()
        request.program = program
        request.headless = agent.isHeadless
        request.worktree = agent.worktree != nil
        try requireProgram(request)
        let command = try command(request)
        // What it holds and what it was made for goes on with the other program, unless a person gave that to another.
        // Killed before the end, it is done again.
        if let before = agent.program {
            let held = try bus.claims().filter { $0.owner == name }.map(\.id)
            let only = try takes(program)
            for id in Set(held + [agent.card.prompted].compactMap { $0 })
            where try bus.header(id)?.program == before && before != program {
                if let only {
                    guard held.contains(id) else { continue }
                    throw Failure.no(
                        "'\(name)' holds task \(id), which is for '\(before)', and '\(only)' would run its words as a "
                            + "script: 'cadre claim --release \(id)' first"
                    )
                }
                let after = try known(program)?.name
                do { try bus.edit(id, by: "cadre") { $0.program = after } } catch let failure as Failure
                    where failure.kind == .no
                {}
            }
        }
        if agent.card.program != program { try bus.editConversation(name) { $0 = Conversation() } }
        try bus.editCard(name) { card in
            card.program = program
            card.command = command
        }
    }
}
