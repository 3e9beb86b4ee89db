import Bus
import Git
import Glibc
import SystemPackage

extension Team {
    /// What an agent's worktree has that the target has not, as `git diff` prints it: committed, uncommitted and new files.
    /// Nothing of the agent's is touched: new files are marked in a copy of its index.
    public func difference(_ agent: AgentView, _ options: [String]) throws -> [UInt8] {
        guard let git = agent.git, let path = agent.worktree, try Files.exists(path) else { throw Failure.no("'\(agent.name)' has no worktree now") }
        guard let head = try git.commit("HEAD") else { throw Failure.no("'\(agent.name)' has no commit yet") }
        var base = head
        if let target = settings.target, try git.commit(target) != nil {
            let result = try git.attempt(["merge-base", head, target])
            if result.status == 0 { base = result.text }
        }
        let index = bus.aside()
        defer { _ = try? Files.unlink(index) }
        guard let bytes = try Files.read(git.directory.appending("index")) else { return try git.run(["diff"] + options + [base, head]).output }
        try Files.write(bytes, to: index, sync: false)
        let environment: [String: String?] = ["GIT_INDEX_FILE": index.string]
        // A nested repository without a commit can't be added; the rest is.
        _ = try git.attempt(["add", "-A", "-N", "--ignore-errors", "--", "."], environment: environment)
        let result = try git.attempt(["diff", "--no-ext-diff", "--no-textconv"] + options + [base, "--"], environment: environment)
        if options.contains("--quiet") { return result.status == 0 ? [] : [10] }
        guard result.status == 0 else { throw Failure.unsure("git diff failed in '\(path.string)': \(result.complaint)") }
        return result.output
    }
}
