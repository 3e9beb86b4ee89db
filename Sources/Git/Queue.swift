import Bus
import Glibc
import Processes
import SystemPackage

// The runner of the merge queue: one at a time, by the lock merge/lock. For the entry that ranks first:
//
//   1  its work is put on top of the target, as one commit, in memory       -> a conflict goes back to the author
//   2  what a person or a role must approve is held until it is
//   3  gating is written, the gate runs on exactly that commit's tree       -> a failure goes back to the author,
//      unless the target itself fails: then nobody is blamed, the entry waits, and one ask is open
//   4  landing is written, with what the target held and where it is checked out
//   5  the target is moved by compare-and-swap                              -> moved meanwhile: from 1 again
//   6  git says that the target has the commit; landed is written; the task is done
//
// A runner that is killed leaves the entry's step. Its successor takes gating from 1 again (what the gate said is
// kept), and for landing looks whether the target has the commit: if not it finishes a fast-forward that has begun, or
// takes it from 1 again. The rest is healed from the files alone (Bus.healQueue).
//
// An entry that can't land now waits and holds up nobody. What is wrong with the queue as a whole (no target, commands
// that the person has not seen) stops it, with one ask.
public struct Queue {
    public let work: Work
    /// Told of each step: the task's id, what became of it, and why or which commit.
    let tell: ([String]) -> Void
    var bus: Bus { work.bus }
    var git: Git { work.repository }
    var settings: Settings { work.settings }

    public init(_ work: Work, tell: @escaping ([String]) -> Void = { _ in }) {
        self.work = work
        self.tell = tell
    }

    /// What a run did.
    public struct Report {
        public var landed: [Int] = []
        public var returned: [Int] = []
        /// What stands in the way, a line each.
        public var waiting: [String] = []
        /// Entries that can't be read, a line each.
        public var damaged: [String] = []
    }

    // MARK: when

    /// Whether there is work for a runner and none is at it.
    public static func needsRunner(_ bus: Bus) throws -> Bool {
        guard try bus.entries({ _ in }).contains(where: { try isDue($0, bus) }) else { return false }
        if let stopped = try bus.stopped()?.int("Time"), stopped + 300 > Time.now() {
            guard let bell = try Files.status(bus.mergeBell), bell.st_mtim.tv_sec > stopped else { return false }
        }
        // Runners that die again and again are not started again until something is new.
        if try tries(bus) >= 3, let bell = try Files.status(bus.mergeBell), let last = try Files.status(bus.mergeLock),
            bell.st_mtim.tv_sec <= last.st_mtim.tv_sec
        { return false }
        return try Lock.isFree(bus.mergeLock)
    }

    /// How many runners in a row did not come to their end: told by the lock's file.
    private static func tries(_ bus: Bus) throws -> Int {
        try Files.read(bus.mergeLock).flatMap { Int(String(decoding: $0.prefix { $0 != 10 }, as: UTF8.self)) } ?? 0
    }

    /// Whether looking at the entry now may move it.
    private static func isDue(_ entry: Entry, _ bus: Bus) throws -> Bool {
        switch entry.step {
        case .queued, .gating, .landed, .returning: return true
        // Its last runner could not finish it.
        case .landing: return (entry.record.int("Tried") ?? 0) + 300 <= Time.now()
        case .held: return try bus.reviewAsk(entry)?.answer != nil
        // Blocked by a worktree, whose index has changed since.
        case .waiting:
            guard let index = entry.record["Index"] else { return false }
            return try stamp(FilePath(index)) != entry.record["Index-Stamp"]
        case .stuck, .withdrawn: return false
        }
    }

    static func stamp(_ path: FilePath) throws -> String {
        guard let st = try Files.status(path) else { return "none" }
        return "\(st.st_mtim.tv_sec).\(st.st_mtim.tv_nsec)"
    }

    // MARK: running

    /// Lands what can be landed, one entry after the other; with `once` looks at one. Waits for a runner that is at work.
    public static func run(_ bus: Bus, _ git: Git, once: Bool, tell: @escaping ([String]) -> Void) throws -> Report {
        guard getenv("GATE_OF") == nil else { throw Failure.no("a gate can't run the queue that runs it") }
        var report = Report()
        // An entry that came after our last look, while the lock was ours, would find no runner: look again without it.
        repeat {
            try Lock.wait(bus.mergeLock) {
                try Files.write(Array("\(tries(bus) + 1)\n".utf8), to: bus.mergeLock, sync: false)
                try whole(bus, git, once: once, tell, &report)
                try Files.write(Array("0\n".utf8), to: bus.mergeLock, sync: false)
            }
        } while try !once && bus.entries({ _ in }).contains { $0.step == .queued } && needsRunner(bus)
        return report
    }

    private static func whole(_ bus: Bus, _ git: Git, once: Bool, _ tell: @escaping ([String]) -> Void, _ report: inout Report) throws {
        try bus.healQueue { report.damaged.append($0.message) }
        // What was looked at, as it was afterwards.
        var seen: [Int: Record] = [:]
        var first = true
        while true {
            // Read anew each time: what landed may have changed `.cadre`.
            let queue = Queue(Work(bus: bus, repository: git, settings: try Settings(git, bus: bus)), tell: tell)
            if first { try queue.resume() }
            first = false
            guard let entry = try queue.next(seen) else { break }
            if let why = try queue.obstacle() {
                try bus.setStopped(why)
                report.waiting.append(why)
                break
            }
            try bus.setStopped(nil)
            do {
                try queue.process(entry, &report)
            } catch let failure as Failure where failure.kind != .bug {
                // Not the entry's fault: it waits, the others go on.
                try queue.wait(entry, failure.message, nil, &report)
            }
            // One that is queued again (the target moved, a new tip) is looked at again.
            if let now = try bus.entry(entry.id), now.step != .queued || now.record == entry.record { seen[entry.id] = now.record }
            if once { break }
        }
    }

    /// The entry to look at next: the first by rank of those that this run has not seen as they are.
    private func next(_ seen: [Int: Record]) throws -> Entry? {
        let now = Time.now()
        return try bus.entries({ _ in }).filter { entry in
            guard seen[entry.id] != entry.record else { return false }
            switch entry.step {
            case .queued, .gating, .waiting: return true
            case .held: return try bus.reviewAsk(entry)?.answer != nil
            default: return false
            }
        }.min { ($0.rank(now), $0.time, $0.id) < ($1.rank(now), $1.time, $1.id) }
    }

    /// What keeps the whole queue from running; an ask is open for it. Nil if nothing does.
    private func obstacle() throws -> String? {
        var why: String?
        if settings.target == nil {
            why = "no target branch: choose one with 'git config cadre.target BRANCH'"
        } else if !settings.unseen.isEmpty {
            why = "'.cadre' of '\(work.targetName)' brings commands that you have not seen: run 'cadre init', then 'cadre merge run'"
        }
        if let why { try bus.openAsk(named: "merge", by: "cadre", "the merge queue stands still: \(why)") } else { try bus.closeAsk(named: "merge", by: "cadre", "") }
        return why
    }

    /// Goes on with what the last runner left. Needs the runner's lock.
    func resume() throws {
        try Tree.end(gateMark, of: "the gate")
        try forgetLanded()
        for entry in try bus.entries({ _ in }) where entry.step == .landing {
            guard let commit = entry.commit, let target = settings.target else { continue }
            var worktree: Git?
            if let place = entry.record["Worktree"], try Files.exists(FilePath(place).appending(".git")) {
                worktree = Git(directory: try Repository.find(from: FilePath(place), plain: true).gitDirectory, worktree: FilePath(place))
            }
            var why = try unlock(worktree)
            if why == nil, let worktree { why = try heal(entry, worktree) }
            if let now = try git.reference(target), try git.isAncestor(commit, of: now) {
                try finish(entry, commit)
            } else if let why {
                _ = try bus.advance(entry, to: .landing) {
                    $0["Why"] = Names.shown(why)
                    $0["Tried"] = "\(Time.now())"
                }
                tell(["\(entry.id)", "waiting", why])
                try ask(entry, "can't land: \(why)")
            } else {
                _ = try bus.advance(entry, to: .queued)
            }
        }
    }

    // MARK: one entry

    private func process(_ entry: Entry, _ report: inout Report) throws {
        var entry = entry
        if entry.step == .held, let answer = try bus.reviewAsk(entry), let by = answer.record["By"] {
            guard try mayApprove(by, entry) else {
                return try bus.openReview(entry, "\(answer.text)\n('\(by)' may not answer this)")
            }
            if answer.answer == "approved" { entry = try bus.approve(entry.id, by: by) } else {
                return try giveBack(entry, "rejected by '\(by)'", [], counted: false, &report)
            }
        }
        let target = try work.targetCommit()
        if try git.isAncestor(entry.tip, of: target) { return try land(entry, target, &report) }
        let candidate: Candidate
        switch try stack(entry, on: target) {
        case .nothing: return try land(entry, target, &report)
        case .conflict(let paths, let messages):
            let shown = paths.prefix(10).map(Names.shown).joined(separator: ", ") + (paths.count > 10 ? " and \(paths.count - 10) more" : "")
            let advice = "Bring '\(work.targetName)' into your branch with 'cadre merge update', solve the conflict, and submit again.\n\n"
            let other = try otherSide(entry, paths, below: target, target: target)
            return try giveBack(entry, "conflict in \(shown)", Array(advice.utf8) + messages + other, paths, counted: true, &report)
        case .candidate(let made): candidate = made
        }
        if let why = try review(entry, candidate) {
            try bus.openReview(entry, try reviewText(entry, candidate, why))
            try tellReviewers(entry)
            guard try bus.advance(entry, to: .held, { $0["Why"] = why }) != nil else { return try bus.closeAsks(of: entry.id, by: "cadre", "it changed meanwhile") }
            tell(["\(entry.id)", "held", why])
            return
        }
        // Before the gate, which may take long.
        guard try mayMove(entry, candidate, &report) != nil else { return }
        let gateName = try gateName()
        guard let gating = try bus.advance(entry, to: .gating, {
            $0["Old"] = candidate.parent
            $0["Commit"] = candidate.commit
            $0["Tree"] = candidate.tree
            $0["Gate"] = gateName
        }) else { return }
        let verdict = try gate(candidate.commit, candidate.tree, for: entry.id)
        guard verdict.passed else {
            let tree = try git.run(["rev-parse", "\(target)^{tree}"]).text
            guard try gate(target, tree, for: 0).passed else {
                let why = "the gate fails on '\(work.targetName)' itself"
                try bus.openAsk(named: "target-red", by: "cadre", "\(why), at \(target): nothing lands but what turns it green")
                return try wait(gating, why, nil, &report, red: tree)
            }
            return try giveBack(gating, verdict.why ?? "the gate failed", verdict.output, counted: true, &report)
        }
        try bus.closeAsk(named: "target-red", by: "cadre", "")
        try land(gating, candidate, &report)
    }

    /// Where the target is checked out, if it can be moved to the candidate; nil if not: then the entry waits.
    private func mayMove(_ entry: Entry, _ candidate: Candidate, _ report: inout Report) throws -> [Checkout]? {
        let checkouts = try checkouts()
        let name = work.targetName
        if let busy = checkouts.first(where: { $0.busy != nil }) {
            try wait(entry, "'\(name)' is being \(busy.busy ?? "") in '\(busy.place)': finish that first", nil, &report)
            return nil
        }
        if checkouts.count > 1 {
            try wait(entry, "'\(name)' is checked out in \(checkouts.count) worktrees: leave it in all but one", nil, &report)
            return nil
        }
        if let checkout = checkouts.first {
            let paths = try overlap(candidate, checkout)
            guard paths.isEmpty else {
                try wait(entry, overwriting(paths, checkout), checkout.index, &report)
                return nil
            }
        }
        return checkouts
    }

    private func land(_ entry: Entry, _ candidate: Candidate, _ report: inout Report) throws {
        guard let checkouts = try mayMove(entry, candidate, &report) else { return }
        let checkout = checkouts.first
        guard let landing = try bus.advance(entry, to: .landing, { $0["Worktree"] = checkout?.git.worktree?.string }) else { return }
        switch try move(to: candidate, checkout, why: "land task \(entry.id)") {
        case .elsewhere: _ = try bus.advance(landing, to: .queued)
        case .blocked(let why): try wait(landing, why, checkout?.index, &report)
        case .moved:
            guard let target = settings.target, let now = try git.reference(target), try git.isAncestor(candidate.commit, of: now) else {
                _ = try bus.advance(landing, to: .queued)
                return
            }
            try finish(landing, candidate.commit)
            report.landed.append(entry.id)
            tell(["\(entry.id)", "landed", candidate.commit])
        }
    }

    /// The target has the entry's work already. It is landing first, so that nothing else is put in its place meanwhile.
    private func land(_ entry: Entry, _ target: String, _ report: inout Report) throws {
        guard let landing = try bus.advance(entry, to: .landing, {
            for key in ["Old", "Tree", "Gate", "Worktree"] { $0[key] = nil }
            $0["Commit"] = target
        }) else { return }
        try finish(landing, target)
        report.landed.append(entry.id)
        tell(["\(entry.id)", "landed", "already in '\(work.targetName)'"])
    }

    private func finish(_ entry: Entry, _ commit: String) throws {
        // A branch that we made and that is done with goes; where it is begun again, should the task be opened again, is noted.
        if var branch = try bus.branch(entry.id) {
            branch.base = try work.drop(branch, at: entry.tip) ? commit : entry.tip
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
        for name in try git.run(["for-each-ref", "--format=%(refname:lstrip=3)", "refs/cadre/work/"]).text.split(separator: "\n") {
            guard name.hasPrefix("task-"), let id = Int(name.dropFirst(5)), let last = try bus.lastEntry(id), last.step == .landed,
                let kept = last.record["Kept"], let ended = try bus.end(id)?.int("Time"), ended + Queue.keepLanded <= now,
                try bus.view(id).state == .done
            else { continue }
            _ = try git.attempt(["update-ref", "-d", "refs/cadre/work/\(name)", kept])
        }
        try Files.ring(bus.mergeSwept)
    }

    private func giveBack(_ entry: Entry, _ why: String, _ details: [UInt8], _ paths: [String] = [], counted: Bool, _ report: inout Report) throws {
        let limit = try settings.int("mergeAttempts", 3)
        if counted, entry.attempts + 1 >= limit {
            let attempts = entry.attempts + 1
            try ask(
                entry, "of '\(entry.author)' did not land in \(attempts) attempts, the last: \(why)\n"
                    + "'cadre merge show \(entry.id)' shows it; 'merge retry', 'merge reject' (back to its author) or 'task cancel' decides")
            guard try bus.advance(entry, to: .stuck, { $0["Why"] = why; $0["Attempts"] = "\(attempts)" }) != nil else {
                return try bus.closeAsks(of: entry.id, by: "cadre", "it changed meanwhile")
            }
            report.waiting.append("\(entry.id): \(why)")
            tell(["\(entry.id)", "stuck", why])
            return
        }
        guard try bus.giveBack(entry, why: why, details: details, paths: paths, counted: counted) else { return }
        report.returned.append(entry.id)
        tell(["\(entry.id)", "returned", why])
    }

    private func wait(_ entry: Entry, _ why: String, _ index: FilePath?, _ report: inout Report, red: String? = nil) throws {
        guard let now = try bus.entry(entry.id), now.tip == entry.tip, now.token == entry.token else { return }
        guard now.step != .landing || entry.step == .landing else { throw Failure.unsure("task \(entry.id): \(why)") }
        let stamp = try index.map(Queue.stamp)
        if red == nil { try ask(entry, "waits: \(why)") }
        guard try bus.advance(now, to: .waiting, {
            $0["Why"] = Names.shown(why)
            $0["Index"] = index?.string
            $0["Index-Stamp"] = stamp
            $0["Red"] = red
        }) != nil else { return try bus.closeAsks(of: entry.id, by: "cadre", "it changed meanwhile") }
        report.waiting.append("\(entry.id): \(why)")
        tell(["\(entry.id)", "waiting", why])
    }

    /// One ask for each entry, with what is the matter now.
    private func ask(_ entry: Entry, _ what: String) throws {
        let name = "merge-\(entry.id)"
        let text = "task \(entry.id) \(what)"
        if let open = try bus.ask(name), open.answer == nil, open.text != text { try bus.closeAsk(named: name, by: "cadre", "") }
        try bus.openAsk(named: name, by: "cadre", text)
    }

    /// What the gate last said of an entry's work; nil if it did not run.
    public static func gateOutput(_ bus: Bus, _ entry: Entry) throws -> [UInt8]? {
        guard let tree = entry.record["Tree"], let gate = entry.record["Gate"] else { return nil }
        return try bus.verdict(tree, gate)?.body
    }
}
