import Bus
import Git
import Storage
import SystemPackage

// A branch that is removed under a worktree. git refuses that, its plumbing and a hand in `.git/refs` do not. HEAD then
// names a branch that is not there: all files are as if added, and the next commit has no parent. What the branch held
// is in the log of the worktree's HEAD (git-reflog(1)), which stays; so the branch comes back. One that never had a
// commit, as `git switch --orphan` makes, is its maker's and is left alone: the log's last switch names another.
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
