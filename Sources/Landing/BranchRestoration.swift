import Bus
import Git
import Storage
import SystemPackage

// Restoring a branch that was removed under a worktree. git refuses to do that, but its plumbing and a hand in
// `.git/refs` don't. HEAD then names a missing branch: all files look added, and the next commit has no parent. The log
// of the worktree's HEAD (git-reflog(1)) stays and has the branch's commit, so the branch can come back. A branch
// without a commit, from `git switch --orphan`, is its maker's and stays missing: the log's last switch names another
// branch.
extension TaskBranches {
    /// Makes the branch that a worktree stands on again, if it was removed under it. `git` may be of its git directory
    /// alone. While the branch is there this costs two looks at the disk.
    func bringBranchBack(_ git: Git) throws {
        let head = try Files.read(git.directory.appending("HEAD")).map(Repository.line) ?? ""
        guard head.hasPrefix("ref: refs/heads/"), case let named = String(head.dropFirst(5)),
            try !repository.isThere(named),
            let branch = try git.branch(), try git.commit("HEAD") == nil, let tip = try lastTip(of: branch, git)
        else { return }
        _ = try repository.move(branch, to: tip, from: nil, why: "it was removed under a worktree")
    }

    /// Throws `Failure.no` that says so if the worktree stands on no commit.
    package func head(of worktree: Git) throws -> String {
        if let head = try worktree.commit("HEAD") { return head }
        let branch = try worktree.branch().map { "branch '\($0.dropFirst("refs/heads/".count))'" } ?? "HEAD"
        throw Failure.no(
            "\(branch) of '\(worktree.worktree?.string ?? "")' has no commit: commit there first, or switch to another "
                + "branch"
        )
    }

    private func lastTip(of branch: String, _ git: Git) throws -> String? {
        let name = branch.dropFirst("refs/heads/".count)
        let log =
            try Files.read(git.directory.appending("logs").appending("HEAD")).map {
                String(decoding: $0, as: UTF8.self)
            } ?? ""
        // Each line: OLD NEW who when TAB what.
        let lines = log.split(separator: "\n")
        let isSwitch = { (line: Substring) in
            line.contains("\tcheckout: moving from ") || line.contains("\tBranch: renamed ")
        }
        if let line = lines.last(where: isSwitch), line.hasSuffix(" to \(name)") || line.hasSuffix(" to \(branch)"),
            let tip = lines.last?.split(separator: " ").dropFirst().first,
            let commit = try repository.commit(String(tip))
        {
            return commit
        }
        // Where git keeps no log: what is known of the task.
        guard lines.isEmpty, let id = task(of: branch), let own = try bus.branch(id), own.reference == branch else {
            return nil
        }
        if case .open(let tip) = try standing(of: id) { return tip }
        return own.base
    }
}
