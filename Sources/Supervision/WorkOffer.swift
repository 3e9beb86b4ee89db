import Bus
import Hooks
import Storage
import SystemPackage
import Team
import Tmux

// Offering work to an idle program, see `Team.takeReady`.
extension ProgramMonitor {
    func puller() throws -> Worker? {
        guard known.hooks != nil, let agent = try bus.agent(named: name) else { return nil }
        return Team.puller(agent)
    }

    /// Hands a task over; false if there is none that can be now.
    func pull(_ worker: Worker) throws -> Bool {
        let agent = try team.agent(name)
        do {
            guard let claim = try team.takeReady(agent, worker) else {
                if let paths = try agent.git?.dirty(untracked: false), !paths.isEmpty {
                    try hinder(
                        "changes in its worktree that are not committed keep '\(name)' from the next task: "
                            + "\(ProgramMonitor.some(paths))",
                        paths)
                }
                return false
            }
            waking.told = []
            try bus.endRetry(of: name)
            do {
                guard let text = try Team.firstPrompt(bus, name), try handing(.task, text) else {
                    throw Failure.no("'\(name)' can't be typed to")
                }
                return true
            } catch {
                try bus.release(claim, by: name)
                throw error
            }
        } catch let failure as Failure where failure.kind == .unsure {
            _ = try bus.noteRetry(of: name, failure.message)
            throw failure
        } catch let failure as Failure where failure.kind == .no {
            // The agent gets this once, as something to attend to: it may be git's word about files in the way.
            try hinder("the next task can't begin: \(failure.message)", [failure.message])
            return false
        }
    }

    /// Says what keeps it from the next task: to those who look, and once to itself.
    private func hinder(_ why: String, _ what: [String]) throws {
        if try bus.agent(named: name)?.report?.note != Names.shown(why) {
            try bus.report(name, source: .supervisor, note: why)
        }
        guard waking.told != what else { return }
        waking.told = what
        let subject = "what keeps you from the next task"
        guard try !bus.messages(of: name).contains(where: { try bus.message($0.id, of: name)?.subject == subject })
        else { return }
        _ = try bus.send(
            from: "cadre", to: name, subject: subject,
            body: Array("\(why)\nCommit what belongs to your last task, and put away what does not.\n".utf8))
    }

    static func some(_ paths: [String]) -> String {
        paths.prefix(3).map { Names.shown($0) }.joined(separator: ", ")
            + (paths.count > 3 ? " and \(paths.count - 3) more" : "")
    }
}
