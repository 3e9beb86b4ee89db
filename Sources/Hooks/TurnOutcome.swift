import AgentPrograms
import Bus
import FoundationEssentials
import Storage
import SystemPackage
import Team

// The outcome of a turn. If the turn stood, the mail that it began with is read; if it failed, cadre repeats its
// prompt.
extension Team {
    /// Settles the mail of a turn that goes on or has ended well: it is read. If another prompt came meanwhile, the
    /// transcript decides.
    func settleStood(_ agent: AgentView) throws {
        guard let handed = try bus.handed(of: agent.name) else { return }
        if handed.isDoubted {
            try settleHanded(agent, waits: true)
        } else {
            try bus.settleHanded(of: agent.name) { _ in true }
        }
    }

    /// Acknowledges the mail in hand that the transcript shows in a turn that stood; the rest becomes unread, or with
    /// `waits` stays in hand. `resumes`: the program goes on from the transcript, so mail in it is read whatever became
    /// of the turn.
    package func settleHanded(_ agent: AgentView, resumes: Bool = false, waits: Bool = false) throws {
        guard try bus.handed(of: agent.name) != nil else { return }
        let transcript =
            try bus.conversation(agent.name)?.transcript.flatMap { try Files.readEnd(FilePath($0), 4 << 20) } ?? []
        let lines = transcript.split(separator: 10)
        try bus.settleHanded(of: agent.name, waits: waits) { Team.holds(lines, Array($0.utf8), resumes: resumes) }
    }

    private struct Entry: Decodable {
        var type: String?
        var uuid: String?
        var parentUuid: String?
    }

    /// Whether the transcript has this text in a turn that stood. In a transcript whose entries name their
    /// predecessors, an entry of the person or the model must follow it: a turn that a person took back stays in the
    /// file, and nothing follows it.
    private static func holds(_ lines: [ArraySlice<UInt8>], _ text: [UInt8], resumes: Bool) -> Bool {
        var after = Set<String>()
        for line in lines {
            let isIn = line.holds(text)
            guard isIn || !after.isEmpty else { continue }
            if isIn, resumes { return true }
            let entry = try? JSONDecoder().decode(Entry.self, from: Data(line))
            guard let id = entry?.uuid else {
                // No such names: it is there.
                if isIn, after.isEmpty, entry?.type?.hasPrefix("api-") != true { return true }
                continue
            }
            if isIn { after.insert(id) }
            guard let before = entry?.parentUuid, after.contains(before) else { continue }
            if entry?.type == "assistant" || entry?.type == "user" { return true }
            after.insert(id)
        }
        return false
    }

    /// Schedules the repetition of a failed turn's prompt, after a pause. If only a person can mend the cause, or the
    /// failure has gone on for long, this opens an ask in the agent's name: the answer is mail to the agent, which
    /// makes it go on.
    package func noteFailure(of name: String, _ why: String, _ known: AgentProgram?) throws {
        let isSignedOut = known?.isSignedOut(why) == true
        let lasts = isSignedOut || known?.lasts(why) == true
        let retry = try bus.noteFailedTurn(of: name, why, first: lasts ? nil : settings.number(.retryPause))
        guard lasts || retry?.isLong == true else { return }
        let ask = isSignedOut ? Bus.signIn(name) : Bus.failing(name)
        let what =
            isSignedOut
            ? "is not let in to its model: \(why)" : "can't go on, its turns fail: \(retry?.question ?? why)"
        try bus.openAsk(
            named: ask, by: name,
            "'\(name)' \(what). 'cadre attach \(name)' leads there; once that is mended, 'cadre ask answer \(ask) "
                + "TEXT' has it go on"
        )
    }

    /// Why a turn failed, in a line: what the program says, or what it calls it.
    static func failure(_ kind: String?, _ details: String?) -> String {
        let kind = Names.shown(kind ?? "")
        let words = details.map { Names.shown(String($0.split(whereSeparator: \.isNewline).first ?? "")) } ?? ""
        if words.isEmpty { return kind }
        return ["", "unknown"].contains(kind) ? words : "\(kind): \(words)"
    }
}
