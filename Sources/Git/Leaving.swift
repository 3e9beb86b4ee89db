import Bus
import Processes
import SystemPackage

// What an agent leaves behind in its worktree: of a task that was taken from it, that it could not finish, or that a
// crash cut short. Nothing of it is lost, and the worktree is clean for the next task:
//
//   on the branch of a task that is still open, with nothing under way     a commit on that branch, for who goes on there
//   elsewhere, or in the middle of a merge      a commit that only refs/cadre/work/agent-NAME reaches; then the worktree is
//                                               put back to what it stands on
//
// Nobody reads these commits as work: no hook of the user's runs, and nothing is signed. Killed in between, whoever does
// it next finds what is still uncommitted.
extension Work {
    /// Puts by what is uncommitted in the agent's worktree; returns the paths. Throws `Failure.no` if some can't be.
    @discardableResult
    public func putBy(_ agent: AgentView, why: String) throws -> [String] {
        guard let git = agent.git else { return [] }
        try breakStaleLocks(git)
        let dirty = try git.dirty()
        guard !dirty.isEmpty else { return [] }
        let message = Array("Left unfinished: \(why)\n".utf8)
        if let id = try openTask(of: git), try underWay(git) == nil {
            try git.run(["add", "-A", "--", "."])
            try git.run(["commit", "-q", "--no-verify", "--no-gpg-sign", "-F", "-"], input: message, environment: identityIfNone(git))
            if let tip = try git.commit("HEAD") { try keep("task-\(id)", tip) }
        } else {
            try keep("agent-\(agent.name)", snapshot(git, message))
            for command in ["merge", "rebase", "cherry-pick", "revert"] where try underWay(git) != nil { _ = try git.attempt([command, "--abort"]) }
            try git.run(["reset", "-q", "--hard", "HEAD"])
            try git.run(["clean", "-q", "-f", "-d"])
        }
        let left = try git.dirty()
        guard left.isEmpty else { throw Failure.no("uncommitted changes in '\(git.worktree?.string ?? "")' that can't be put by: \(Work.shown(left))") }
        return dirty
    }

    /// Removes the locks that a killed git has left in an agent's own git directory. Throws `Failure.unsure` if one may be held.
    public func breakStaleLocks(_ git: Git) throws {
        for name in ["index.lock", "HEAD.lock"] {
            if let why = try removeStale(git.directory.appending(name), git.worktree.map { [$0] } ?? []) { throw Failure.unsure(why) }
        }
    }

    /// The user's identity, or ours where none is set.
    public func identityIfNone(_ git: Git) throws -> [String: String?] {
        try git.attempt(["var", "GIT_COMMITTER_IDENT"]).status == 0 ? [:] : Work.identity
    }

    /// The task whose branch the worktree is on, if that has neither ended well nor been handed in.
    private func openTask(of git: Git) throws -> Int? {
        guard let reference = try git.branch() else { return nil }
        for claim in try bus.claims() where try bus.branch(claim.id)?.reference == reference { return claim.id }
        // In names that we gave the task's id is the first number after the last slash.
        guard let id = reference.split(separator: "/").last.flatMap({ Int($0.drop { !$0.isNumber }.prefix { $0.isNumber }) }),
            try bus.branch(id)?.reference == reference
        else { return nil }
        return try [.review, .done].contains(bus.view(id).state) ? nil : id
    }

    /// A commit of all that is in the worktree, on top of what it stands on, made beside its index.
    private func snapshot(_ git: Git, _ message: [UInt8]) throws -> String {
        let index = git.directory.appending("cadre-index")
        defer { _ = try? Files.unlink(index) }
        let aside: [String: String?] = ["GIT_INDEX_FILE": index.string]
        try git.run(["read-tree", "HEAD"], environment: aside)
        try git.run(["add", "-A", "--", "."], environment: aside)
        let tree = try git.run(["write-tree"], environment: aside).text
        return try git.run(["commit-tree", tree, "-p", "HEAD"], input: message, environment: Work.identity).text
    }
}
