import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// Moving the target, by compare-and-swap.
//
// Where no worktree has it checked out, one update-ref with the old value. Where one has, the branch, the files and the
// index of that worktree move together, or not at all: see `Step`. The worktree is written in the entry before. A step
// that fails is taken back, and the entries wait. Where not even that can be done, for want of room or permission, they
// stay landing, and the queue stands still with one ask until a later run can finish the step or take it back.
extension MergeRunner {
    enum Moved {
        case moved
        /// The target holds something else by now.
        case elsewhere
        /// It can't be moved now without loss: why, what would be overwritten, if that is it, and a file whose change
        /// may tell that it can.
        case blocked(String, [String], FilePath?)
        /// The checkout is between the two: why.
        case halfway(String)
    }

    /// A worktree that has the target checked out, or is in the middle of something that ends by moving it.
    struct Checkout {
        var git: Git
        /// What it is in the middle of, and the file that tells it.
        var busy: (what: String, file: FilePath)?
        var place: String { git.worktree?.string ?? "" }
        /// Whose change tells that something was done in the worktree.
        var index: FilePath { git.directory.appending("index") }
    }

    /// Where the target is checked out, and what is uncommitted or untracked there.
    struct Ground {
        var checkouts: [Checkout]
        var dirty: [[String]]
    }

    func ground() throws -> Ground {
        let checkouts = try checkouts()
        return Ground(checkouts: checkouts, dirty: try checkouts.map { $0.busy == nil ? try $0.git.dirty() : [] })
    }

    /// Why the target can't be moved over this candidate's change now; with the index whose change may tell that it
    /// can.
    func inTheWay(_ candidate: Candidate, _ ground: Ground) throws -> (why: String, index: FilePath?)? {
        let name = work.targetName
        for checkout in ground.checkouts {
            if let (what, file) = checkout.busy {
                return ("'\(name)' is being \(what) in '\(checkout.place)': finish that first", file)
            }
        }
        if ground.checkouts.count > 1, let last = ground.checkouts.last {
            return (
                "'\(name)' is checked out in \(ground.checkouts.count) worktrees: leave it in all but one",
                last.git.directory.appending("HEAD")
            )
        }
        guard let checkout = ground.checkouts.first, let dirty = ground.dirty.first, !dirty.isEmpty else { return nil }
        let paths = try changes(candidate, among: dirty)
        return paths.isEmpty ? nil : (overwriting(paths, checkout), checkout.index)
    }

    /// What the candidate changes of these paths and of what is below them.
    func changes(_ candidate: Candidate, among paths: [String]) throws -> [String] {
        let places = Set(paths.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 })
        return try (candidate.changed ?? changed(candidate.parent, candidate.commit)).filter { path in
            places.contains(path) || path.indices.contains { path[$0] == "/" && places.contains(String(path[..<$0])) }
        }
    }

    /// The paths in which two commits differ.
    func changed(_ one: String, _ other: String) throws -> [String] {
        let output = try git.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", one, other]).output
        return output.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    func overwriting(_ paths: [String], _ checkout: Checkout) -> String {
        let shown =
            paths.prefix(5).map(Names.shown).joined(separator: ", ")
            + (paths.count > 5 ? " and \(paths.count - 5) more" : "")
        return
            "'\(work.targetName)' is checked out in '\(checkout.place)' and landing would overwrite \(shown): commit, "
            + "stash or move what is there"
    }

    func checkouts() throws -> [Checkout] {
        guard let target = settings.target else { return [] }
        let branch = String(target.dropFirst("refs/heads/".count))
        var found: [Checkout] = []
        for (path, head) in try worktreesByFiles() ?? work.worktrees() {
            // A worktree that was removed by hand is listed until it is pruned.
            guard let repository = try Repository.at(path) else { continue }
            var busy: (String, FilePath)?
            for (file, what) in [
                ("rebase-merge/head-name", "rebased"), ("rebase-apply/head-name", "rebased"),
                ("BISECT_START", "bisected"),
            ] {
                let file = repository.gitDirectory.pushing(FilePath(file))
                guard let bytes = try Files.read(file) else { continue }
                let name = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
                if name == target || name == branch { busy = (what, file) }
            }
            if head == target || busy != nil {
                found.append(
                    Checkout(git: try own.tame(Git(directory: repository.gitDirectory, worktree: path)), busy: busy))
            }
        }
        return found
    }

    /// All worktrees, as the files of the repository have them (gitrepository-layout(5)), and the branch of each; nil
    /// where only git can tell: of a bare repository, or of one that is not shaped as usual.
    private func worktreesByFiles() throws -> [(path: FilePath, branch: String?)]? {
        guard git.directory.lastComponent?.string == ".git",
            [nil, "false"].contains(try own.configured().value("core.bare"))
        else { return nil }
        var found: [(path: FilePath, branch: String?)] = []
        for name in [nil] + (try Files.list(work.worktreesDirectory) ?? []) {
            let directory = name.map { work.worktreesDirectory.appending($0) } ?? git.directory
            let link = name == nil ? directory : try TaskBranches.link(directory.appending("gitdir"), from: directory)
            // git overlooks one that names no place.
            guard let link else { continue }
            guard link.lastComponent?.string == ".git" else { return nil }
            switch try Git(common: directory).headFiled() {
            case .branch(let branch): found.append((link.removingLastComponent(), branch))
            case .detached: found.append((link.removingLastComponent(), nil))
            case .unknown: return nil
            }
        }
        return found
    }

    /// Moves the target from the candidate's parent to the candidate.
    func move(to candidate: Candidate, _ checkout: Checkout?, why: String) throws -> Moved {
        guard let target = settings.target else { throw Failure.no("no target branch") }
        guard let checkout, let step = try Step(checkout.git, from: candidate.parent, to: candidate.commit) else {
            let moved = try git.move(target, to: candidate.commit, from: candidate.parent, why: why)
            return moved ? .moved : .elsewhere
        }
        func blocked(_ why: String, _ file: FilePath?) -> Moved {
            .blocked(
                "'\(work.targetName)' is checked out in '\(checkout.place)' and can't be moved there: \(why)", [], file)
        }
        let lock: ReferenceLock
        switch try ReferenceLock.take(
            checkout.git, of: git, target, from: candidate.parent, to: candidate.commit, why: why)
        {
        case .held(let held): lock = held
        case .elsewhere: return .elsewhere
        case .refused(let why, let file): return blocked(why, file)
        }
        defer { lock.release() }
        let hidden = try step.hidden()
        guard hidden.isEmpty else { return .blocked(overwriting(hidden, checkout), hidden, checkout.index) }
        if let failed = try step.forward() {
            if let left = try step.back() { return .halfway(MergeRunner.halfway(step, failed.trouble, left)) }
            // Something came there since it was looked.
            if failed.lock == nil, let obstacle = try inTheWay(candidate, ground()) {
                return .blocked(obstacle.why, [], obstacle.index)
            }
            return blocked(failed.trouble, failed.lock)
        }
        if lock.commit() { return .moved }
        let now = try git.reference(target)
        if now == candidate.commit { return .moved }
        if let left = try step.back() { return .halfway(MergeRunner.halfway(step, "the branch can't be moved", left)) }
        return now == candidate.parent ? blocked("git does not move it", nil) : .elsewhere
    }

    static func halfway(_ step: Step, _ why: String, _ left: (paths: [String], why: String)) -> String {
        let shown =
            left.paths.prefix(5).map(Names.shown).joined(separator: ", ")
            + (left.paths.count > 5 ? " and \(left.paths.count - 5) more" : "")
        return
            "landing in '\(step.place.string)' went half the way (\(why)) and can't be taken back (\(left.why)): "
            + "\(shown.isEmpty ? "the index" : shown)"
    }

    // MARK: healing

    /// Finishes a move that a killed runner left half done, or that a runner could not take back. Takes the move back
    /// if it can't be finished, or if the person has committed or switched branches since. Nil if the checkout is whole
    /// now, else why it stays between the two commits.
    func heal(from old: String, to new: String, _ worktree: Git, why: String) throws -> String? {
        guard let target = settings.target, let step = try Step(worktree, from: old, to: new) else { return nil }
        guard let now = try git.reference(target), try !git.isAncestor(new, of: now) else { return nil }
        let isAsBefore = try now == old && worktree.branch() == target
        switch try step.begun() {
        case .nothing: return nil
        case .some where !isAsBefore, .other where !isAsBefore:
            return try step.back().map {
                MergeRunner.halfway(step, "'\(work.targetName)' was left or moved meanwhile", $0)
            }
        case .other(let path):
            return
                "landing in '\(step.place.string)' was interrupted and '\(Names.shown(path))' was changed since: bring "
                + "it to what \(old) or \(new) has"
        case .some: break
        }
        if let failed = try step.finish() {
            return try step.back().map { MergeRunner.halfway(step, failed.trouble, $0) }
        }
        _ = try git.move(target, to: new, from: old, why: why)
        return nil
    }

    /// Stops the queue, with one ask, because these entries' landing is half done and nothing may land over it.
    func stand(_ entries: [Entry], _ why: String, _ report: inout Report) throws {
        for entry in entries { _ = try bus.advance(entry, to: .landing) { $0.why = Names.shown(why) } }
        if let first = entries.first {
            try ask(first, "can't land: \(why)")
        } else {
            try bus.openAsk(named: "merge", by: "cadre", "the merge queue stands still: \(why)")
        }
        try bus.setStopped(why, passes: true, inLanding: true)
        report.waiting.append(entries.first.map { "\($0.id): \(why)" } ?? why)
        report.stands = true
        for entry in entries { tell(["\(entry.id)", "waiting", why]) }
    }

    /// A worktree by its path, as it was written down; nil if it is gone.
    func checkout(_ place: String?) throws -> Git? {
        guard let place, let repository = try Repository.at(FilePath(place)) else { return nil }
        return try own.tame(Git(directory: repository.gitDirectory, worktree: FilePath(place)))
    }

    /// I8: a checkout that is between two commits, with no runner at it.
    func examineLanding() throws -> [Doctor.Problem] {
        guard let target = settings.target, try FileLock.isFree(bus.mergeLock) else { return [] }
        var moves = try bus.entries().filter { $0.step == .landing }.map {
            ($0.record.worktree, $0.old, $0.record.top ?? $0.commit)
        }
        if let following = try bus.following() {
            moves.append((following.worktree, following.old, following.new))
        }
        for case (let place?, let old?, let new?) in moves {
            guard let worktree = try checkout(place), let now = try git.reference(target),
                try !git.isAncestor(new, of: now),
                let step = try Step(worktree, from: old, to: new)
            else { continue }
            if case .nothing = try step.begun() { continue }
            return [
                Doctor.Problem(
                    invariant: "I8", path: place,
                    what: "is between \(old) and \(new): 'cadre merge run' finishes the landing, or says why not")
            ]
        }
        return []
    }
}
