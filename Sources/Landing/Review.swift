import Bus
import Storage
import SystemPackage

// Who must approve an entry before it lands. An approval is for one tip; a new one needs another. What changes
// protected paths is not even gated before a person has seen it.
extension MergeRunner {
    /// Why the entry must be held; nil if it may go on. `gateFirst`: whether the gate has a say before who reviews.
    func review(_ entry: Entry, _ candidate: Candidate) throws -> (why: String?, gateFirst: Bool) {
        let protected = try protected(candidate)
        if !protected.isEmpty, !entry.isApproved || entry.record.approvedBy != "human" {
            return (
                "changes \(protected.prefix(5).map(Names.shown).joined(separator: ", ")): a person approves that", false
            )
        }
        if entry.isApproved { return (nil, false) }
        switch try reviewer() {
        case "none": return (nil, false)
        case "human": return ("a person reviews it", true)
        case "agent": return ("another agent reviews it", true)
        case let role: return ("a \(role) reviews it", true)
        }
    }

    /// none, human, agent, or a role. Without a gate a person looks.
    func reviewer() throws -> String {
        let otherwise = settings.list("gate").isEmpty ? "human" : "none"
        guard let set = settings.string("review"), !set.isEmpty else { return otherwise }
        return try ["none", "human", "agent"].contains(set) ? set : Names.role(set)
    }

    /// Whether `name` may approve the entry: a person always, its author never.
    package func mayApprove(_ name: String, _ entry: Entry) throws -> Bool {
        if name == "human" { return true }
        guard name != entry.author, let agent = try bus.agent(named: name), entry.step == .held else { return false }
        guard entry.why?.hasPrefix("changes ") != true else { return false }
        switch try reviewer() {
        case "agent": return true
        case "human", "none": return false
        case let role: return agent.role == role
        }
    }

    /// Mail to the agents of the role that reviews.
    func tellReviewers(_ entry: Entry) throws {
        let who = try reviewer()
        guard who != "human", who != "agent" else { return }
        for name in try bus.agentNames() where name != entry.author {
            guard let agent = try bus.agent(named: name), agent.role == who else { continue }
            let text =
                "Task \(entry.id) of '\(entry.author)' waits for a review: see 'cadre merge show \(entry.id)', then "
                + "'cadre merge approve \(entry.id)' or 'cadre merge reject \(entry.id) --why TEXT'.\n"
            _ = try bus.send(from: "cadre", to: name, subject: "review task \(entry.id)", body: Array(text.utf8))
        }
    }

    func reviewText(_ entry: Entry, _ candidate: Candidate, _ why: String) throws -> String {
        let stat = try git.run([
            "diff", "--stat=80", "--no-color", "--no-ext-diff", "--no-textconv", candidate.parent, candidate.commit,
        ]).text
        let title = try bus.header(entry.id)?.title ?? ""
        return
            "review task \(entry.id) of '\(entry.author)': \(title) (\(why))\n'cadre merge show \(entry.id)' shows it; "
            + "'cadre merge approve \(entry.id)' or 'cadre merge reject \(entry.id)' decides\n\n"
            + stat
    }
}
