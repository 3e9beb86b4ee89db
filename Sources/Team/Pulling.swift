import Bus
import Git
import Storage
import SystemPackage
import Tmux

// Work comes to the idle. An agent that is idle, holds nothing and has no unread mail gets the best ready task that
// fits it: claimed for it, its worktree moved to the task's branch, and the task's text pasted as its next prompt,
// under the same conditions as any line that is typed (see `Following`). Those are looked at before the claim, and what
// can't be handed over after all is given back. Killed in between, the agent holds the task, and its next start tells
// it so.
extension Team {
    /// The agent as one who takes tasks unasked; nil for one that was told not to, and for roles that make the tasks.
    static func puller(_ agent: AgentView) -> Worker? {
        guard agent.card["Pull"] != "no", agent.token != nil, !["lead", "coordinator"].contains(agent.role ?? "") else {
            return nil
        }
        return Worker(agent, role: agent.role, manages: agent.role == "manager")
    }

    /// Claims the best task for an agent that holds none, and moves its worktree; nil if there is none that can be now.
    /// Files that git does not know stay where they are, unless the branch has them too: then git refuses.
    func takeReady(_ agent: AgentView, _ worker: Worker) throws -> Claim? {
        var left: Work.Leftover?
        if let worktree = try standingWorktree(agent.name) {
            try work.takeBack(worktree)
            if try !worktree.dirty().isEmpty {
                left = try leftover(agent, worktree)
                if left == nil, try !worktree.dirty(untracked: false).isEmpty { return nil }
            }
        }
        guard let claim = try bus.claimBest(worker) else { return nil }
        do {
            // Of the task it may be used up as well.
            if let reached = try reached(agent) { throw Failure.no(reached.text) }
            if agent.git != nil { try work.refresh() }
            if let worktree = try self.agent(agent.name).git, let header = try bus.header(claim.id), !header.isEpic {
                try work.keep(agent)
                if let left { try putBy(left, agent, worktree, for: claim.id) }
                if header.merge {
                    try work.enter(claim.id, worktree, start: agent.card["Base"])
                } else {
                    try work.visit(worktree)
                }
            }
            return claim
        } catch {
            try bus.release(claim, by: agent.name)
            throw error
        }
    }

    /// Uncommitted changes in an agent's worktree that are those of a task it holds no more. Of `sh`, which changes
    /// nothing between two tasks, those of any.
    package func leftover(_ agent: AgentView, _ worktree: Git) throws -> Work.Leftover? {
        try work.leftover(of: agent, in: worktree, any: agent.card["Program"] == "sh")
    }

    /// Puts them by before the worktree is moved to another task.
    package func putBy(
        _ leftover: Work.Leftover, _ agent: AgentView, _ worktree: Git, for id: Int, say: (String) -> Void = { _ in }
    ) throws {
        if leftover.task == id, leftover.isOnBranch { return }
        let commit = try work.putBy(leftover, of: agent, in: worktree)
        say("what was left of task \(leftover.task) is kept as \(commit.prefix(12))")
        try bus.note(
            leftover.task, by: agent.name,
            Array("uncommitted changes that were left of it are kept: git show \(commit.prefix(12))\n".utf8))
    }
}

extension Following {
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
                            + "\(Following.some(paths))",
                        paths)
                }
                return false
            }
            waking.told = []
            try bus.endRetry(of: name)
            do {
                guard let text = try Team.firstPrompt(bus, name), try handing("task", text) else {
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
            // Once, as of what it is to see to: it may be what git says of files in the way.
            try hinder("the next task can't begin: \(failure.message)", [failure.message])
            return false
        }
    }

    /// Says what keeps it from the next task: to those who look, and once to itself.
    private func hinder(_ why: String, _ what: [String]) throws {
        if try bus.agent(named: name)?.report?["Note"] != Names.shown(why) {
            try bus.report(name, source: "supervisor", note: why)
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
