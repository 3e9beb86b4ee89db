import Bus
import Configuration
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// The runner of the merge queue: one at a time, by the lock merge/lock. It takes the entries that rank first, and
//
//   1  puts their work on top of the target, one commit each, in memory      -> a conflict goes back to its author
//   2  holds what a person or a role must approve until it is
//   3  writes gating and runs the gate on exactly the tree on top            -> who makes it fail goes back (see Batch)
//   4  writes landing, with what the target held and where it is checked out
//   5  moves the target by compare-and-swap                                  -> moved meanwhile: from 1 again
//   6  is told by git that the target has the commits; writes landed; the tasks are done
//
// A runner that is killed leaves each entry's step. Its successor takes gating from 1 again (what the gate said is
// kept), and for landing looks whether the target has the commit: if not it finishes a fast-forward that has begun, or
// takes it from 1 again. The rest is healed from the files alone (Bus.healQueue).
//
// An entry that can't land now waits and holds up nobody. What is wrong with the queue as a whole (no target, commands
// that the person has not seen) stops it, with one ask.
package struct MergeRunner {
    package let work: TaskBranches
    /// Told of each step: the task's id, what became of it, and why or which commit.
    let tell: ([String]) -> Void
    let cache: RunCache
    let own: IsolatedGit
    var bus: Bus { work.bus }
    var git: Git { work.repository }
    var settings: Settings { work.settings }

    package init(_ work: TaskBranches) { self.init(work, RunCache()) { _ in } }

    private init(_ work: TaskBranches, _ cache: RunCache, tell: @escaping ([String]) -> Void) {
        self.work = work
        self.tell = tell
        self.cache = cache
        own = IsolatedGit(work, cache)
    }

    /// What a run did.
    package struct Report {
        package var landed: [Int] = []
        package var returned: [Int] = []
        /// What stands in the way, a line each.
        package var waiting: [String] = []
        /// Entries that can't be read, a line each.
        package var damaged: [String] = []
        /// Whether a checkout is in the middle of a landing, so that nothing else lands.
        var stands = false
    }

    // MARK: running

    /// Lands what can be landed; with `once` looks at one entry, with `remote` on the remote's target as well. Waits
    /// for a runner that is at work.
    package static func run(_ bus: Bus, _ git: Git, once: Bool, remote: Bool, tell: @escaping ([String]) -> Void) throws
        -> Report
    {
        var report = Report()
        let mark = Mark.next()
        // An entry that came after our last look, while the lock was ours, would find no runner: look again without it.
        repeat {
            try FileLock.wait(bus.mergeLock) {
                // Processes that the last runner started may still run and act, though the runner itself has let go of
                // the lock.
                if let last = try bus.runner(), !last.isProcess(getpid()) {
                    var holders = Mark.Holders(last.mark, boot: last.boot, start: last.start)
                    holders?.except = last.pid.map(pid_t.init)
                    try Tree.end(gateMark(bus), or: holders, of: "the merge queue", bus)
                }
                try bus.beginRun(mark: mark)
                if let mark { Mark.take(mark) }
                try setTries(bus, tries(bus) + 1)
                // What a filter, a driver or a program that signs leaves behind stays below us, and is ended.
                ProcessGroup.adopt()
                do {
                    try whole(bus, git, once: once, remote: remote, tell, &report)
                } catch let failure as Failure where failure.kind != .bug {
                    // Nobody may read a runner's output, so `status` shows what stopped it.
                    try MergeRunner.stop(bus, failure.message, passes: failure.kind == .unsure)
                    try setTries(bus, 0)
                    throw failure
                }
                try setTries(bus, 0)
                try bus.closeAsk(named: "runner", by: "cadre", "the queue has run")
            }
        } while try !once && bus.entries({ _ in }).contains { $0.step == .queued } && needsRunner(bus)
        return report
    }

    private static func whole(
        _ bus: Bus, _ git: Git, once: Bool, remote: Bool, _ tell: @escaping ([String]) -> Void, _ report: inout Report
    ) throws {
        try bus.healQueue { report.damaged.append($0.message) }
        // What waits or is held, as it was when this run had looked at it.
        var seen: [Int: EntryRecord] = [:]
        var first = true
        let cache = RunCache()
        while true {
            // Read anew each time: what landed may have changed `.cadre`.
            var settings = try Settings(git, bus: bus)
            try settings.askForWaiting(bus)
            if remote { settings.set("mergeMode", "remote") }
            let queue = MergeRunner(TaskBranches(bus: bus, repository: git, settings: settings), cache, tell: tell)
            if first { try queue.resume(&report) }
            first = false
            if report.stands { break }
            let due = try queue.due(seen)
            guard !due.isEmpty else { break }
            if let (why, passes) = try queue.obstacle() {
                try MergeRunner.stop(bus, why, passes: passes)
                report.waiting.append(why)
                break
            }
            try bus.setStopped(nil)
            try queue.closeApproval()
            let before = report.landed.count
            let ended = before + report.returned.count
            defer { try? ProcessGroup.endChildren() }
            for (entry, isOver) in try queue.round(once ? Array(due.prefix(1)) : due, &report) {
                guard let now = try bus.entry(entry.id) else { continue }
                if [.waiting, .held, .stuck].contains(now.step) || (isOver && now.record == entry.record) {
                    seen[entry.id] = now.record
                }
            }
            // What ended the runners before us is overcome.
            if report.landed.count + report.returned.count > ended, try tries(bus) > 1 { try setTries(bus, 1) }
            // A target that was red may be green.
            if report.landed.count > before { seen = seen.filter { $0.value.red == nil } }
            // One whose author has handed in another tip meanwhile was not looked at yet.
            if once, try bus.entry(due[0].id).map({ $0.step != .queued || $0.tip == due[0].tip }) ?? true { break }
        }
        // What this run has left alone, since it is not yet to be tried again.
        for entry in try bus.entries({ _ in }) where entry.step == .waiting && seen[entry.id] == nil {
            if let again = entry.record.retryAt, again > Time.now() {
                report.waiting.append("\(entry.id): \(entry.why ?? "") (tried again at \(Time.text(again)))")
            }
        }
    }

    /// Lands one batch of these entries. Returns the entries that it looked at, and whether it is done with each;
    /// otherwise this run looks at the entry again, even if it is unchanged.
    private func round(_ due: [Entry], _ report: inout Report) throws -> [(entry: Entry, ended: Bool)] {
        var ended: [Entry] = []
        // Where not even a batch can be begun, it is all the same to each of them.
        var stacked = due
        do {
            var batch = try Batch(self)
            let limit = try batch.limit()
            for entry in due where batch.layers.count < limit {
                // An entry that is tried again is stacked alone: it may be refused again.
                if entry.record.retries != nil, !batch.layers.isEmpty { continue }
                if batch.layers.first?.entry.record.retries != nil { break }
                do {
                    if try batch.place(entry, &report) == .settled { ended.append(entry) }
                } catch let failure as Failure where failure.kind != .bug {
                    // Not the entry's fault: it waits, the others go on.
                    try wait(entry, failure.message, nil, &report, passes: failure.kind == .unsure)
                    ended.append(entry)
                }
            }
            stacked = batch.layers.map(\.entry)
            try batch.run(&report)
            if let changed = batch.changed { ended.append(changed) }
        } catch let failure as Failure where failure.kind != .bug {
            for entry in stacked { try wait(entry, failure.message, nil, &report, passes: failure.kind == .unsure) }
        }
        return ended.map { ($0, true) } + stacked.map { ($0, false) }
    }

    /// The entries that this run has not seen as they are, by rank.
    private func due(_ seen: [Int: EntryRecord]) throws -> [Entry] {
        let now = Time.now()
        return try bus.entries({ _ in }).filter { entry in
            guard seen[entry.id] != entry.record else { return false }
            switch entry.step {
            case .queued, .gating: return true
            case .waiting: return (entry.record.retryAt ?? 0) <= now || entry.record.red != nil
            case .held: return try bus.reviewAsk(entry)?.answer != nil
            default: return false
            }
        }.sorted { $0.isBefore($1, now) }
    }

    /// What keeps the whole queue from running, and whether it may pass by itself; nil if nothing does.
    private func obstacle() throws -> (why: String, passes: Bool)? {
        var why: String?
        var passes = false
        if settings.target == nil {
            why = "no target branch: choose one with 'git config cadre.target BRANCH'"
        } else if let gone = try work.targetIsGone() {
            why = gone
        } else if !settings.unseen.isEmpty {
            why =
                "'.cadre' of '\(work.targetName)' brings commands that you have not seen: run 'cadre init', then "
                + "'cadre merge run'"
        } else if let remote = try remoteObstacle() {
            (why, passes) = remote
        }
        if why == nil { try bus.closeAsk(named: "merge", by: "cadre", "") }
        return why.map { ($0, passes) }
    }

    /// Goes on with what the last runner left. Needs the runner's lock. What may have been pushed is left as it is
    /// unless the network may be used.
    func resume(_ report: inout Report, network: Bool = true) throws {
        try Tree.end(MergeRunner.gateMark(bus), of: "the gate", bus)
        try forgetLanded()
        try resumeFollowing(&report)
        if report.stands { return }
        if try bus.stopped()?.landing != nil {
            // What was in the middle of a landing no more is: it is said again if it is.
            try bus.setStopped(nil)
            try bus.closeAsk(named: "merge", by: "cadre", "")
        }
        for entry in try bus.entries({ _ in }) where entry.step == .landing {
            guard let commit = entry.commit, let target = settings.target else { continue }
            let worktree = try checkout(entry.record.worktree)
            var why = try unlock(worktree)
            if why == nil, let worktree, let old = entry.old {
                why = try heal(from: old, to: entry.record.top ?? commit, worktree, why: "land task \(entry.id)")
                // All that land with it are in the same checkout.
                if let why, entry.record.remote == nil {
                    return try stand(bus.entries({ _ in }).filter { $0.step == .landing }, why, &report)
                }
            }
            if let now = try git.reference(target), try git.isAncestor(commit, of: now) {
                try landed(entry, commit, &report)
            } else if let why {
                try stay(entry, why, nil, &report)
            } else if entry.record.remote != nil {
                if network { try resumePushed(entry, &report) }
            } else {
                _ = try bus.advance(entry, to: .queued)
            }
        }
    }

    // MARK: one entry

    /// Takes the answer that a held entry got: nil if it may not go on.
    func answered(_ entry: Entry, _ report: inout Report) throws -> Entry? {
        guard entry.step == .held, let answer = try bus.reviewAsk(entry), let by = answer.record.by else {
            return entry
        }
        guard try mayApprove(by, entry) else {
            try bus.openReview(entry, "\(answer.text)\n('\(by)' may not answer this)")
            return nil
        }
        if answer.answer == "approved" { return try bus.approve(entry.id, by: by) }
        try giveBack(entry, "rejected by '\(by)'", [], counted: false, &report)
        return nil
    }

    func hold(_ entry: Entry, _ candidate: Candidate, _ why: String) throws {
        try bus.openReview(entry, try reviewText(entry, candidate, why))
        try tellReviewers(entry)
        guard try bus.advance(entry, to: .held, { $0.why = why }) != nil else {
            return try bus.closeAsks(of: entry.id, by: "cadre", "it changed meanwhile")
        }
        tell(["\(entry.id)", "held", why])
    }

    func returnConflict(
        _ entry: Entry, on target: String, _ paths: [String], _ messages: [UInt8], _ report: inout Report
    ) throws {
        let shown =
            paths.prefix(10).map(Names.shown).joined(separator: ", ")
            + (paths.count > 10 ? " and \(paths.count - 10) more" : "")
        let advice =
            "Bring '\(work.targetName)' into your branch with 'cadre merge update', solve the conflict, and submit "
            + "again.\n\n"
        let other = try otherSide(entry, paths, below: target, target: target)
        // A conflict with commits that came to the target after the author brought it in doesn't count against the
        // author.
        let before = try bus.returned(entry.id)?.target.flatMap { try git.commit($0) }
        let isNew = try before.map { try git.isAncestor($0, of: entry.tip) } ?? false
        try giveBack(
            entry, "conflict in \(shown)", Array(advice.utf8) + messages + other, paths, counted: !isNew,
            target: target, &report)
    }

    /// The target has the entry's work already. It is landing first, so that nothing else is put in its place
    /// meanwhile.
    func landAsIs(_ entry: Entry, _ target: String, _ report: inout Report) throws {
        guard
            let landing = try bus.advance(
                entry, to: .landing,
                {
                    $0.clear(\.old, \.tree, \.gate, \.worktree, \.top, \.topTree, \.remote, \.remoteBranch)
                    $0.commit = target
                })
        else { return }
        try finish(landing, target)
        report.landed.append(entry.id)
        tell(["\(entry.id)", "landed", "already in '\(work.targetName)'"])
    }

    /// The target holds the entry's commit. `changed`: the paths that it changes, where they are known.
    func landed(_ entry: Entry, _ commit: String, changed: [String]? = nil, _ report: inout Report) throws {
        if changed.map(MergeRunner.hasInstructions) ?? true { try tellInstructions(entry, commit) }
        try finish(entry, commit)
        report.landed.append(entry.id)
        tell(["\(entry.id)", "landed", commit])
    }

    private func finish(_ entry: Entry, _ commit: String) throws {
        // A branch that we made and that is done with goes; where it is begun again, should the task be opened again,
        // is noted.
        if var branch = try bus.branch(entry.id) {
            // It is gone already where all that landed together were dropped at once.
            let isGone = try !branch.given && git.filed(branch.reference) == .absent
            branch.base = try isGone || work.drop(branch, at: entry.tip) ? commit : entry.tip
            try bus.setBranch(entry.id, branch)
        }
        try bus.land(entry, commit: commit)
    }

    /// How long the commits that an agent made stay reachable after their task has landed, in seconds.
    static let keepLanded = 30 * 86400

    /// Lets go of what was kept for tasks that landed so long ago, unless more was kept since. Looks once a day.
    private func forgetLanded() throws {
        let now = Time.now()
        if let last = try Files.status(bus.mergeSwept)?.st_mtim.tv_sec, abs(now - last) < 86400 { return }
        for name in try git.run(["for-each-ref", "--format=%(refname:lstrip=3)", TaskBranches.keptPrefix]).text.split(
            separator: "\n")
        {
            guard name.hasPrefix("task-"), let id = Int(name.dropFirst(5)), let last = try bus.lastEntry(id),
                last.step == .landed,
                let kept = last.record.kept, let ended = try bus.end(id)?.time,
                ended + MergeRunner.keepLanded <= now,
                try bus.view(id).state == .done
            else { continue }
            _ = try git.attempt(["update-ref", "-d", TaskBranches.keptPrefix + name, kept])
        }
        try work.forgetSubmodules()
        try forgetLogs(olderThan: now - MergeRunner.keepLanded)
        try Files.ring(bus.mergeSwept)
    }

    func giveBack(
        _ entry: Entry, _ why: String, _ details: [UInt8], _ paths: [String] = [], counted: Bool, target: String? = nil,
        _ report: inout Report
    ) throws {
        let limit = try settings.number(.mergeAttempts)
        if counted, entry.attempts + 1 >= limit {
            let attempts = entry.attempts + 1
            try ask(
                entry,
                "of '\(entry.author)' did not land in \(attempts) attempts, the last: \(why)\n"
                    + "'cadre merge show \(entry.id)' shows it; 'merge retry', 'merge reject' (back to its author) or "
                    + "'task cancel' decides"
            )
            guard
                try bus.advance(
                    entry, to: .stuck,
                    {
                        $0.why = why
                        $0.attempts = attempts
                    }) != nil
            else {
                return try bus.closeAsks(of: entry.id, by: "cadre", "it changed meanwhile")
            }
            report.waiting.append("\(entry.id): \(why)")
            tell(["\(entry.id)", "stuck", why])
            return
        }
        guard try bus.giveBack(entry, why: why, details: details, paths: paths, counted: counted, target: target) else {
            return
        }
        report.returned.append(entry.id)
        tell(["\(entry.id)", "returned", why])
    }
}
