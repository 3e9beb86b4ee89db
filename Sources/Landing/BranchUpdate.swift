import Bus
import Git
import Processes
import Storage
import SystemPackage

// Bringing the target into a branch, so that a conflict with it is solved where the work was done: git's own merge or
// rebase in the worktree, with the user's hooks and identity.
//
// A part of the branch that has landed as one commit is in the target, but not as git sees it: merged or replayed as
// they are, its changes would meet themselves. So git is given a commit that joins the two: the target's tree, with the
// target and the landed part as parents. Merged, it makes the landed part the base; and a rebase leaves out what is
// reachable from it.
extension TaskBranches {
    package enum Updated {
        case already
        case updated(String)
        /// The paths in which a conflict is open, and the command that goes on when they are solved.
        case conflict([String], String)
    }

    /// `claim`: what is worked on there; see `run`.
    package func update(_ worktree: Git, rebase: Bool, for claim: Claim? = nil) throws -> Updated {
        let target = try front()
        try bringBranchBack(worktree)
        let before = try underWay(worktree)
        let open = try worktree.unmerged()
        guard open.isEmpty else { return .conflict(open, before ?? "git commit") }
        if let before { throw Failure.no("no conflict is open, and the last step is to be finished: '\(before)'") }
        guard let branch = try worktree.branch(), let tip = try worktree.commit("HEAD") else {
            throw Failure.no("'\(worktree.worktree?.string ?? "")' is on no branch")
        }
        guard branch != settings.target else {
            throw Failure.no("this is '\(targetName)' itself: change to your own branch")
        }
        if try repository.isAncestor(target, of: tip) { return .already }
        let dirty = try worktree.dirty(untracked: false)
        guard dirty.isEmpty else {
            throw Failure.no("uncommitted changes: \(TaskBranches.shown(dirty)): commit them first")
        }

        let joined = try landedPart(of: tip, target).map { try join($0, target, worktree) } ?? target
        let result = try asOwner(
            worktree,
            rebase
                ? [
                    "-c", "rebase.updateRefs=false", "-c", "rebase.rebaseMerges=false", "rebase", "-q", "--onto",
                    target, joined,
                ]
                : [
                    "merge", "-q", "--ff", "--no-edit", "-m", "Merge '\(targetName)' into '\(branch.dropFirst(11))'",
                    joined,
                ],
            for: claim)
        let after = try underWay(worktree)
        let conflicts = try worktree.unmerged()
        guard conflicts.isEmpty else { return .conflict(conflicts, after ?? "git commit") }
        if result.status == 0, let new = try worktree.commit("HEAD") { return .updated(new) }
        // Stopped without a conflict. A merge that a hook refuses can be gone on with; a rebase goes back to where it
        // began.
        let said = String(decoding: result.error, as: UTF8.self).split(separator: "\n").map(String.init)
        let inTheWay = said.filter { $0.hasPrefix("\t") }.map { String($0.dropFirst()) }
        if rebase, after != nil { _ = try asOwner(worktree, ["rebase", "--abort"]) }
        guard inTheWay.isEmpty else {
            throw Failure.no(
                "untracked files are in the way: \(TaskBranches.shown(inTheWay)): move or remove them first")
        }
        let next = rebase ? nil : after.map { "; '\($0)' goes on, 'git merge --abort' goes back" }
        let why = said.last { !$0.hasPrefix("Not committing merge") }.map(Names.shown) ?? result.complaint
        throw Failure.no("unable to bring '\(targetName)' in: \(why)\(next ?? "")")
    }

    /// The command that finishes what a worktree is in the middle of; nil if it is in the middle of nothing.
    func underWay(_ worktree: Git) throws -> String? {
        for (file, command) in [
            ("rebase-merge", "git rebase --continue"), ("rebase-apply", "git rebase --continue"),
            ("CHERRY_PICK_HEAD", "git cherry-pick --continue"),
            ("REVERT_HEAD", "git revert --continue"), ("MERGE_HEAD", "git commit"),
        ] where try Files.exists(worktree.directory.appending(file)) { return command }
        return nil
    }

    /// The newest commit of a branch that has landed without becoming part of the target, if the branch was not brought
    /// up to the target since.
    func landedPart(of tip: String, _ target: String) throws -> String? {
        let own = try repository.run(["rev-list", "--topo-order", "\(target)..\(tip)"]).text.split(separator: "\n").map(
            String.init)
        guard !own.isEmpty else { return nil }
        var landed: [String: String] = [:]
        for entry in try bus.lastEntries() where entry.step == .landed { landed[entry.tip] = entry.commit }
        guard let part = own.first(where: { landed[$0] != nil }), let commit = landed[part],
            try repository.isAncestor(commit, of: target)
        else { return nil }
        let parted = try repository.attempt(["merge-base", target, tip])
        guard parted.status == 0, try repository.isAncestor(parted.text, of: part) else { return nil }
        return part
    }

    private func join(_ part: String, _ target: String, _ worktree: Git) throws -> String {
        try Committer(worktree).commit(
            "\(target)^{tree}", [part, target], Array("Join '\(targetName)' and what has landed of this branch\n".utf8))
    }

    /// git as the worktree's owner calls it: with hooks.
    func asOwner(
        _ worktree: Git, _ arguments: [String], input: [UInt8]? = nil, for claim: Claim? = nil,
        beside agent: String? = nil
    ) throws -> Program.Result {
        var program = worktree.program([])
        program.arguments =
            ["git", "--git-dir=\(worktree.directory.string)", "--work-tree=\(worktree.worktree?.string ?? "/")"]
            + arguments
        program.input = input
        return try run(program, for: claim, beside: agent)
    }

    static func shown(_ paths: [String]) -> String {
        paths.prefix(10).map(Names.shown).joined(separator: ", ")
            + (paths.count > 10 ? " and \(paths.count - 10) more" : "")
    }
}
