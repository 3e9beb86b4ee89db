import Bus
import SystemPackage

// Who is told of a conflict: whoever works on either branch, once for the same paths. Who takes a task over is told as
// well. Two branches of one agent are one mail.
extension Prediction {
    /// Sends the mail that is due. `all` are the live branches, where they were looked at just now: who works on them may
    /// have changed. Returns whether there was any.
    @discardableResult
    func tell(_ all: [Branch]?) throws -> Bool {
        var any = false
        for var conflict in try bus.conflicts() {
            let before = conflict
            if let all {
                func agent(_ task: Int?) -> String? { all.first { task != nil && $0.task == task }?.agent }
                conflict.one.agent = agent(conflict.one.task)
                conflict.other.agent = agent(conflict.other.task)
            }
            for name in Set([conflict.one.agent, conflict.other.agent].compactMap { $0 }).sorted() {
                guard try !conflict.told.contains(name) && bus.canReceive(name) else { continue }
                try send(conflict, to: name)
                conflict.told.append(name)
                try bus.write(conflict)
                any = true
            }
            if conflict != before, conflict.told == before.told { try bus.write(conflict) }
        }
        return any
    }

    private func send(_ conflict: Conflict, to name: String) throws {
        let (mine, other) = conflict.one.agent == name ? (conflict.one, conflict.other) : (conflict.other, conflict.one)
        guard let task = mine.task else { return }
        var text = "Your branch '\(mine.name)' (task \(task)) "
        let subject: String
        if let another = other.task {
            let whose = other.agent == nil ? "" : other.agent == name ? " of your own" : " of '\(other.agent!)'"
            subject = "task \(task) conflicts with task \(another)\(whose)"
            text += "conflicts with '\(other.name)'\(whose) (task \(another)) in:\n\n\(list(conflict.paths))\n"
            text += "Whichever lands second will not merge by itself.\n"
            if let agent = other.agent, agent != name { text += "Agree with '\(agent)' who changes what: 'cadre send \(agent) TEXT'.\n" }
            text += "Once the other has landed, 'cadre merge update' brings it into your branch.\n"
            if let header = try bus.header(another) {
                text += "\nTask \(another) says, in the words of '\(header.by)':\n\n> \(Names.shown(header.title))\n"
                return try post(name, subject, Array(text.utf8) + Queue.quoted(header.body, "cadre task show \(another)"))
            }
        } else {
            subject = "task \(task) conflicts with '\(other.name)'"
            text += "conflicts with the target '\(other.name)' as it is now, in:\n\n\(list(conflict.paths))\n"
            text += "Bring it in with 'cadre merge update' and solve the conflict: as it is your work can't land.\n"
        }
        try post(name, subject, Array(text.utf8))
    }

    private func post(_ name: String, _ subject: String, _ body: [UInt8]) throws {
        // Retired meanwhile: there is nobody to tell.
        do { _ = try bus.send(from: "cadre", to: name, subject: Names.shown(subject), body: body) } catch let failure as Failure where failure.kind == .no {}
    }

    private func list(_ paths: [String]) -> String {
        paths.prefix(20).map { "  \(Names.shown($0))\n" }.joined() + (paths.count > 20 ? "  and \(paths.count - 20) more\n" : "")
    }
}
