import Bus
import Git
import Glibc
import Landing
import Storage
import SystemPackage

// What an agent has changed. Nothing of the agent's is touched: new files are put into a copy of its index.
extension Team {
    /// What its worktree has that the target has not, or with `sinceSeen` had not when it was last marked as seen, as
    /// `git diff` prints it: committed, uncommitted and new files.
    package func difference(_ agent: AgentView, _ options: [String], sinceSeen: Bool = false) throws -> [UInt8] {
        let (git, path) = try worktree(agent)
        guard let head = try git.commit("HEAD") else { throw Failure.no("'\(agent.name)' has no commit yet") }
        var base = head
        if sinceSeen, let seen = try git.reference(Team.seen(agent.name)) {
            base = seen
        } else if let target = settings.target, try git.commit(target) != nil, case let target = try work.front() {
            let result = try git.attempt(["merge-base", head, target])
            if result.status == 0 { base = result.text }
        }
        return try withIndex(git) { environment in
            guard let environment else {
                return try git.run(["diff", "--no-ext-diff", "--no-textconv"] + options + [base, head]).output
            }
            // A nested repository without a commit can't be added; the rest is.
            _ = try git.attempt(["add", "-A", "-N", "--ignore-errors", "--", "."], environment: environment)
            let result = try git.attempt(
                ["diff", "--no-ext-diff", "--no-textconv"] + options + [base, "--"], environment: environment)
            if options.contains("--quiet") { return result.status == 0 ? [] : [10] }
            guard result.status == 0 else {
                throw Failure.unsure("git diff failed in '\(path.string)': \(result.complaint)")
            }
            return result.output
        }
    }

    /// Marks all that is in its worktree now as seen: `sinceSeen` goes by it, until the next time or until the agent is
    /// retired.
    package func markSeen(_ agent: AgentView) throws {
        let (git, _) = try worktree(agent)
        let tree = try withIndex(git) { environment in
            guard let environment else { return "HEAD^{tree}" }
            _ = try git.attempt(["add", "-A", "--ignore-errors", "--", "."], environment: environment)
            return try git.run(["write-tree"], environment: environment).text
        }
        let commit = try git.run(
            ["commit-tree", tree], input: Array("seen\n".utf8), environment: TaskBranches.identity
        ).text
        try git.run(["update-ref", "-m", "cadre: seen", Team.seen(agent.name), commit])
    }

    static func seen(_ name: String) -> String { "refs/cadre/seen/\(name)" }

    private func worktree(_ agent: AgentView) throws -> (Git, FilePath) {
        guard let git = agent.git, let path = agent.worktree, try Files.exists(path) else {
            throw Failure.no("'\(agent.name)' has no worktree now")
        }
        return (git, path)
    }

    /// Calls it with the environment in which git uses a copy of the index, or nil if there is no index.
    private func withIndex<T>(_ git: Git, _ body: ([String: String?]?) throws -> T) throws -> T {
        guard let bytes = try Files.read(git.directory.appending("index")) else { return try body(nil) }
        let index = bus.aside()
        defer { _ = try? Files.unlink(index) }
        try Files.write(bytes, to: index, sync: false)
        return try body(["GIT_INDEX_FILE": index.string])
    }
}
