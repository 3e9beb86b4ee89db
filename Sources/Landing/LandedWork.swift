import Bus
import Storage
import SystemPackage

// Whether a task's work has landed: the one place that decides it. Every way to `done` asks it, and so does who makes a
// branch again, or looks whether the bus is whole.
//
// The work is the newest of its commits that cadre saw: what was submitted last, or what was committed since. It has
// landed if the target has
//
//   - the commit itself (landed by a merge), or
//   - the commit that the queue made of it, by the entry or by the trailer Cadre-Tip, or
//   - nothing left to take from it: put on the target it changes nothing (squashed by a person, or undone).
//
// What a target had and has no more, since a person has set it back, has not landed. What was rewritten before it was
// submitted is kept, but is not the work.
extension TaskBranches {
    package enum Standing: Equatable {
        /// cadre saw no commits of it.
        case none
        case landed
        /// The commit that is still to land.
        case open(String)
    }

    package func standing(of id: Int) throws -> Standing {
        // A task without a branch has no commits: told without starting git.
        guard try bus.branch(id) != nil, let kept = try repository.reference(TaskBranches.kept(id)) else {
            return .none
        }
        let tip = try newest(of: id, kept)
        guard let target = settings.target, let held = try repository.commit(target) else { return .open(tip) }
        return try hasLanded(tip, of: id, in: held) ? .landed : .open(tip)
    }

    /// The reference that keeps what was committed for a task.
    package static func kept(_ id: Int) -> String { "\(keptPrefix)task-\(id)" }
    static let keptPrefix = "refs/cadre/work/"

    /// What a person or an agent is told of whose task is not done yet.
    package func unlanded(_ id: Int, _ tip: String) throws -> String {
        let name = try bus.branch(id)?.name ?? ""
        let back = try bus.returned(id)?.tip == tip
        return
            "task \(id) has work that \(back ? "came back and " : "")has not landed, \(tip.prefix(12)): 'git merge "
            + "\(tip.prefix(12))' on '\(name)' takes it up again; "
            + "only a person gives it up, with --no-merge"
    }

    /// Of what is kept for a task, what was submitted last or committed since.
    private func newest(of id: Int, _ kept: String) throws -> String {
        if let last = try bus.entry(id) ?? bus.lastEntry(id), last.record.kept == kept { return last.tip }
        // Where one commit does not contain the other, `keep` has joined them, the newer one second.
        let fields = try repository.run(["log", "-1", "--no-show-signature", "--format=%an%x00%ae%x00%s%x00%P", kept])
            .text
            .split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 4, fields[0] == "cadre", fields[1] == "cadre@localhost", fields[2] == "kept" else {
            return kept
        }
        let parents = fields[3].split(separator: " ").map(String.init)
        return parents.count == 2 ? parents[1] : kept
    }

    private func hasLanded(_ tip: String, of id: Int, in target: String) throws -> Bool {
        if try repository.isAncestor(tip, of: target) { return true }
        if let last = try bus.lastEntry(id), last.step == .landed, last.tip == tip, let commit = last.commit,
            try repository.commit(commit) != nil, try repository.isAncestor(commit, of: target)
        {
            return true
        }
        let parted = try repository.attempt(["merge-base", target, tip])
        guard parted.status == 0 else { return false }
        let log = try repository.run([
            "-c", "trailer.separators=:", "log", "--first-parent", "--no-show-signature", "--grep=^Cadre-Tip: \(tip)",
            "--format=%(trailers:key=Cadre-Tip,valueonly,separator=%x20)", "\(parted.text)..\(target)",
        ]).text
        if log.split(separator: "\n").contains(where: { $0 == tip }) { return true }
        guard case .tree(let tree) = try repository.merge(base: base(of: id, tip), ours: target, theirs: tip) else {
            return false
        }
        return try tree == repository.run(["rev-parse", "\(target)^{tree}"]).text
    }
}

extension MergeRunner {
    /// I8: tasks that are done though their work never landed, and that nobody gave up. `last` are the last entries.
    func examineDone(_ last: [Entry]) throws -> [Doctor.Problem] {
        var found: [Doctor.Problem] = []
        let landed = Set(last.filter { $0.step == .landed }.map(\.id))
        for name in try git.run(["for-each-ref", "--format=%(refname:lstrip=3)", TaskBranches.keptPrefix]).text.split(
            separator: "\n")
        {
            guard name.hasPrefix("task-"), let id = Int(name.dropFirst(5)) else { continue }
            // What landed once did, whatever a person has made of the target since, or its author has added.
            if landed.contains(id) { continue }
            guard try Files.exists(bus.task(id)), try bus.view(id).state == .done else { continue }
            guard case .open(let tip) = try work.standing(of: id), try bus.end(id)?.discarded != tip else {
                continue
            }
            found.append(
                Doctor.Problem(
                    invariant: "I8", path: bus.task(id).string,
                    what:
                        "task \(id) is done and its work \(tip) never landed: 'cadre task reopen \(id)' offers it again"
                ))
        }
        return found
    }
}
