import Bus
import Storage
import SystemPackage

// Mail about conflicts. Whoever works on either branch gets it, once for the same paths; a later holder of the task
// gets it too. All new conflicts of one agent go into one mail.
extension ConflictPrediction {
    /// Sends the mail that is due. `all` are the live branches, where they were looked at just now: who works on them
    /// may have changed. Returns whether there was any.
    @discardableResult
    func tell(_ all: [Branch]?) throws -> Bool {
        let before = try bus.conflicts()
        var conflicts = before
        if let all {
            func agent(_ task: Int?) -> String? { all.first { task != nil && $0.task == task }?.agent }
            for n in conflicts.indices {
                conflicts[n].one.agent = agent(conflicts[n].one.task)
                conflicts[n].other.agent = agent(conflicts[n].other.task)
            }
        }
        var any = false
        for name in Set(conflicts.flatMap { [$0.one.agent, $0.other.agent] }.compactMap { $0 }).sorted() {
            let due = conflicts.indices.filter { n in
                [conflicts[n].one.agent, conflicts[n].other.agent].contains(name) && !conflicts[n].told.contains(name)
            }
            guard try !due.isEmpty && bus.canReceive(name) else { continue }
            try send(due.map { conflicts[$0] }, to: name)
            for n in due {
                conflicts[n].told.append(name)
                try bus.write(conflicts[n])
            }
            any = true
        }
        for (now, old) in zip(conflicts, before) where now != old && now.told == old.told { try bus.write(now) }
        return any
    }

    /// So many are told in full.
    private static let most = 10

    private func send(_ conflicts: [Conflict], to name: String) throws {
        let parts = try conflicts.map { try text($0, for: name) }
        let subject = parts.count == 1 ? parts[0].subject : "\(parts.count) conflicts of your work with others'"
        var body = Array(parts.prefix(ConflictPrediction.most).map(\.body).joined(separator: Array("\n\n".utf8)))
        let more = parts.dropFirst(ConflictPrediction.most).map { "  \($0.subject)\n" }.joined()
        if !more.isEmpty { body += Array("\n\nAnd, as 'cadre merge check' shows:\n\n\(more)".utf8) }
        // Retired meanwhile: there is nobody to tell.
        do { _ = try bus.send(from: "cadre", to: name, subject: Names.shown(subject), body: body) } catch let failure
            as Failure where failure.kind == .no
        {}
    }

    private func text(_ conflict: Conflict, for name: String) throws -> (subject: String, body: [UInt8]) {
        let (mine, other) = conflict.one.agent == name ? (conflict.one, conflict.other) : (conflict.other, conflict.one)
        let task = mine.task ?? 0
        var text = "Your branch '\(mine.name)' (task \(task)) conflicts with "
        guard let another = other.task else {
            text += "the target '\(other.name)' as it is now, in:\n\n\(list(conflict.paths))\n"
            text +=
                "As it is your work can't land: bring the target in with 'cadre merge update' and solve the conflict.\n"
            return ("task \(task) conflicts with '\(other.name)'", Array(text.utf8))
        }
        let whose = other.agent == nil ? "" : other.agent == name ? " of your own" : " of '\(other.agent!)'"
        text += "'\(other.name)'\(whose) (task \(another)) in:\n\n\(list(conflict.paths))\n"
        text += "Whichever lands second will not merge by itself.\n"
        if let agent = other.agent, agent != name {
            text += "Agree with '\(agent)' who changes what: 'cadre send \(agent) TEXT'.\n"
        }
        text += "Once the other has landed, 'cadre merge update' brings it into your branch.\n"
        var body = Array(text.utf8)
        if let header = try bus.header(another) {
            body += Array(
                "\nTask \(another) says, in the words of '\(header.by)':\n\n> \(Names.shown(header.title))\n".utf8)
            body += MergeRunner.quoted(header.body, "cadre task show \(another)")
        }
        return ("task \(task) conflicts with task \(another)\(whose)", body)
    }

    private func list(_ paths: [String]) -> String {
        paths.prefix(20).map { "  \(Names.shown($0))\n" }.joined()
            + (paths.count > 20 ? "  and \(paths.count - 20) more\n" : "")
    }
}
