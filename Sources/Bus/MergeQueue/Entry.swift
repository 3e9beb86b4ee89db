import Storage
import SystemPackage

/// A file of `merge/queue` and `merge/done`. The body is the task's result.
package struct EntryFields: RecordFields {
    package let state = Field<Entry.Step>("State")
    package let task = Field<Int>("Task")
    /// As `refs/heads/…`.
    package let branch = Field<String>("Branch")
    /// The commit that the work begins after, the one that was submitted, and a reference's value that keeps it.
    package let base = Field<String>("Base")
    package let tip = Field<String>("Tip")
    package let kept = Field<String>("Kept")
    /// The claim.
    package let token = Field<String>("Token")
    package let author = Field<String>("Author")
    /// When it was submitted, in seconds since the epoch, and since when it waits for its turn.
    package let time = Field<Int>("Time")
    package let since = Field<Int>("Since")
    package let priority = Field<Int>("Priority")
    /// How it shall land; without one as configured.
    package let strategy = Field<String>("Strategy")
    /// How often its task has come back.
    package let attempts = Field<Int>("Attempts")
    package let returnedBy = Field<String>("Returned-By")
    /// What it waits for, or what came of it.
    package let why = Field<String>("Why")

    /// What the target held when the candidate was made, the candidate, its tree, and the gate's name.
    package let old = Field<String>("Old")
    package let commit = Field<String>("Commit")
    package let tree = Field<String>("Tree")
    package let gate = Field<String>("Gate")
    /// The topmost candidate of its batch, and the checkout that moves with the target.
    package let top = Field<String>("Top")
    package let topTree = Field<String>("Top-Tree")
    package let worktree = Field<String>("Worktree")
    /// The remote, and its branch, that it lands on as well.
    package let remote = Field<String>("Remote")
    package let remoteBranch = Field<String>("Remote-Branch")
    /// The tip that somebody approved, and who.
    package let approved = Field<String>("Approved")
    package let approvedBy = Field<String>("Approved-By")
    /// The file that blocks the entry, and that file's stamp when the entry began to wait.
    package let index = Field<String>("Index")
    package let indexStamp = Field<String>("Index-Stamp")
    /// The target's tree, where the gate fails on that itself.
    package let red = Field<String>("Red")
    /// The tries so far, and the time of the next. Before `Retry-At` no run tries the entry; `Look-At` only calls a
    /// runner.
    package let retries = Field<Int>("Retries")
    package let retryAt = Field<Int>("Retry-At")
    package let looks = Field<Int>("Looks")
    package let lookAt = Field<Int>("Look-At")
    /// The tip that was pushed for a pull request, the request, and the target that it was last looked for on.
    package let pushed = Field<String>("Pushed")
    package let request = Field<String>("Request")
    package let looked = Field<String>("Looked")

    package init() {}
}
package typealias EntryRecord = TypedRecord<EntryFields>

/// What the gate said of a tree. The body is the end of its output.
package struct GateVerdictFields: RecordFields {
    package let result = Field<GateResult>("Result")
    package let why = Field<String>("Why")
    package let time = Field<Int>("Time")
    package let seconds = Field<Int>("Seconds")
    /// How many commands the gate has, and how often it ran on the tree.
    package let commands = Field<Int>("Commands")
    package let runs = Field<Int>("Runs")
    /// Why it had failed before it passed.
    package let flaky = Field<String>("Flaky")

    package init() {}
}
package typealias GateVerdict = TypedRecord<GateVerdictFields>
package enum GateResult: String, FieldValue { case pass, fail }

/// The file `tasks/ID/returned`: what came back with the task last. The body is the conflict with its other side, or
/// the gate's output.
package struct ReturnedFields: RecordFields {
    package let why = Field<String>("Why")
    package let time = Field<Int>("Time")
    package let tip = Field<String>("Tip")
    package let attempts = Field<Int>("Attempts")
    /// Of a conflict: the commit on which it was put, since when it waits, and a list of paths.
    package let target = Field<String>("Target")
    package let since = Field<Int>("Since")
    package let paths = Field<[String]>("Paths")

    package init() {}
}
package typealias Returned = TypedRecord<ReturnedFields>

/// The file `merge/following`: the local target is being moved between two commits, in that worktree.
package struct FollowingFields: RecordFields {
    package let old = Field<String>("Old")
    package let new = Field<String>("New")
    package let worktree = Field<String>("Worktree")

    package init() {}
}
package typealias Following = TypedRecord<FollowingFields>

/// The file `merge/stopped`: why the queue as a whole stands still.
package struct QueueStopFields: RecordFields {
    package let why = Field<String>("Why")
    package let time = Field<Int>("Time")
    /// Whether a checkout stands between two commits.
    package let landing = Field<YesNo>("Landing")
    package let retries = Field<Int>("Retries")
    package let retryAt = Field<Int>("Retry-At")
    package let looks = Field<Int>("Looks")
    package let lookAt = Field<Int>("Look-At")

    package init() {}
}
package typealias QueueStop = TypedRecord<QueueStopFields>

/// An entry of the merge queue: a submitted task, in `merge/queue/ID` until it has landed or left the queue, then in
/// `merge/done/ID`.
package struct Entry {
    /// The entry's progress. The runner writes a step before it begins it, so whoever finds the entry knows what may
    /// have happened already.
    package enum Step: String, FieldValue {
        /// Waits for its turn.
        case queued
        /// Its candidate, `Commit` on top of `Old`, was made; the gate runs on it.
        case gating
        /// The candidate passed; the target is moved to it.
        case landing
        /// The target holds it.
        case landed
        /// Goes back to its author.
        case returning
        /// Waits for an approval.
        case held
        /// Waits until something outside has changed: `Why`.
        case waiting
        /// Came back too often: an ask is open.
        case stuck
        /// Taken out of the queue.
        case withdrawn
    }

    /// The task's id.
    package let id: Int
    package var record: EntryRecord

    init(id: Int, record: EntryRecord) {
        self.id = id
        self.record = record
    }

    init(id: Int, record: EntryRecord, of path: FilePath) throws {
        guard record.task == id, record.state != nil, record.tip != nil, record.base != nil, record.branch != nil,
            record.token != nil, record.author != nil, (0...4).contains(record.priority ?? 2)
        else { throw Record.damaged(path) }
        self.init(id: id, record: record)
    }

    package internal(set) var step: Step {
        get { record.state ?? .queued }
        set { record.state = newValue }
    }
    /// The branch, as `refs/heads/…`.
    package var branch: String { record.branch ?? "" }
    /// The commit its work begins after.
    package var base: String { record.base ?? "" }
    /// The commit that was submitted.
    package var tip: String { record.tip ?? "" }
    package var author: String { record.author ?? "" }
    package var token: String { record.token ?? "" }
    /// When it was submitted.
    package var time: Int { record.time ?? 0 }
    /// The task's current priority; the one at its submission if the task was not read.
    package var priority: Int { current ?? record.priority ?? 2 }
    var current: Int?
    /// When it began to wait for its turn. An entry that a conflict sent back keeps its earlier time, and so its place.
    package var since: Int { record.since ?? time }
    /// How often its task has come back.
    package var attempts: Int { record.attempts ?? 0 }
    package var why: String? { record.why }
    /// The candidate that was made of it, or the commit that landed.
    package var commit: String? { record.commit }
    /// What the target held when the candidates were made.
    package var old: String? { record.old }
    /// When a runner next tries a waiting or landing entry unasked, in seconds since the epoch, and the tries so far.
    package var again: (at: Int, tries: Int)? {
        guard step == .waiting || step == .landing, let at = record.retryAt ?? record.lookAt else {
            return nil
        }
        return (at, record.retries ?? record.looks ?? 1)
    }
    /// Whether somebody approved what is submitted now.
    package var isApproved: Bool { record.approved == tip }

    var claim: Claim { Claim(id: id, owner: author, token: token) }

    /// Smallest goes first: the priority, minus one for each hour waited.
    private func rank(_ now: Int) -> Int { priority * 3600 - (now - since) }

    /// Whether it goes before the other.
    package func isBefore(_ other: Entry, _ now: Int) -> Bool {
        (rank(now), since, id) < (other.rank(now), other.since, other.id)
    }
}

extension Bus {
    /// The queue's entries, by id. A damaged entry throws, unless `damaged` is there to take the failure.
    package func entries(_ damaged: ((Failure) -> Void)? = nil) throws -> [Entry] {
        guard let names = try Files.list(mergeQueue) else { throw missing(mergeQueue) }
        return try names.compactMap { Int($0) }.sorted().compactMap { id in
            do { return try entry(id) } catch let failure as Failure {
                guard let damaged else { throw failure }
                damaged(failure)
                return nil
            }
        }
    }

    /// The task's entry in the queue; nil if it has none.
    package func entry(_ id: Int) throws -> Entry? {
        var found = try entry(id, in: entryFile(id))
        if found != nil { found!.current = (try? header(id))?.priority }
        return found
    }

    /// What became of the task's last entry; nil if none has left the queue.
    package func lastEntry(_ id: Int) throws -> Entry? { try entry(id, in: endedEntryFile(id)) }

    /// All entries that have left the queue, the last of each task.
    package func lastEntries() throws -> [Entry] {
        guard let names = try Files.list(mergeDone) else { throw missing(mergeDone) }
        return try names.compactMap { Int($0) }.sorted().compactMap { try lastEntry($0) }
    }

    private func entry(_ id: Int, in path: FilePath) throws -> Entry? {
        try EntryRecord.read(path).map { try Entry(id: id, record: $0, of: path) }
    }

    func write(_ entry: Entry, flushes: Bool = true) throws {
        try replace(entryFile(entry.id), with: entry.record.bytes, sync: true, flushesName: flushes)
    }

    /// The entry leaves the queue.
    func conclude(_ entry: Entry) throws {
        try closeAsks(of: entry.id, by: "cadre", entry.step.rawValue)
        _ = try Files.rename(entryFile(entry.id), endedEntryFile(entry.id))
    }

    package func closeAsks(of id: Int, by: String, _ why: String) throws {
        try closeAsk(named: "merge-\(id)", by: by, why)
        try closeAsk(named: "review-\(id)", by: by, why)
    }

    /// The ask for a review of the entry's current tip, open or answered; nil if nobody opened one.
    package func reviewAsk(_ entry: Entry) throws -> Ask? {
        try ask("review-\(entry.id)").flatMap { $0.record.digest == entry.tip ? $0 : nil }
    }

    /// The entry that a review ask is about; nil if the entry has another tip by now.
    package func entry(reviewedIn ask: Ask) throws -> Entry? {
        guard ask.id.hasPrefix("review-"), let id = Int(ask.id.dropFirst(7)), let entry = try entry(id) else {
            return nil
        }
        return ask.record.digest == entry.tip ? entry : nil
    }

    /// Opens an ask for a review of the entry's current tip.
    package func openReview(_ entry: Entry, _ text: String) throws {
        // One about an earlier tip is moot.
        if try reviewAsk(entry) == nil { try closeAsk(named: "review-\(entry.id)", by: "cadre", "another tip") }
        try openAsk(named: "review-\(entry.id)", by: entry.author, kind: .review, digest: entry.tip, text)
    }

    func reviewMarker(_ claim: Claim) -> FilePath { Marker(id: claim.id, place: .review(claim)).path(self) }

    /// What the gate said of a tree; nil if it never ran.
    package func verdict(_ tree: String, _ gate: String) throws -> GateVerdict? {
        try GateVerdict.read(verdictFile(tree, gate))
    }

    /// The trees that some gate passed.
    package func passedTrees() throws -> Set<String> {
        var passed = Set<String>()
        for name in try Files.list(mergeVerdicts) ?? []
        where try GateVerdict.read(mergeVerdicts.appending(name))?.result == .pass {
            passed.insert(String(name.prefix { $0 != "," }))
        }
        return passed
    }

    package func setVerdict(_ tree: String, _ gate: String, _ verdict: GateVerdict) throws {
        try Files.mkdirs(mergeVerdicts)
        try write(verdict, to: verdictFile(tree, gate))
    }

    /// Counts that the gate failed on a tree, and why, and passed when it was run again.
    package func noteFlaky(_ tree: String, _ why: String) throws {
        try Files.append(Array("\(Time.text(Time.now()))\t\(tree)\t\(Names.shown(why))\n".utf8), to: flakyFile)
    }

    /// How many gate runs were flaky, when the last one was, and why it had failed at first.
    package func flaky() throws -> (count: Int, last: String, why: String)? {
        guard let lines = try Files.read(flakyFile)?.split(separator: 10), let last = lines.last else { return nil }
        let words = String(decoding: last, as: UTF8.self).split(separator: "\t", maxSplits: 2).map(String.init)
        return (lines.count, words[0], words.last ?? "")
    }

    /// Seconds until what failed so often is tried again: a minute to an hour.
    package static func backoff(_ tries: Int) -> Int { min(3600, 60 << min(max(tries, 1) - 1, 6)) }

    /// The local target is being moved between these commits, in that worktree; nil: no more. See `MergeRunner.follow`.
    package func setFollowing(from old: String, to new: String, worktree: FilePath?) throws {
        var record = Following()
        record.old = old
        record.new = new
        record.worktree = worktree?.string
        try replace(mergeFollowing, with: record.bytes, sync: true)
    }

    package func endFollowing() throws { try Files.unlink(mergeFollowing) }

    package func following() throws -> Following? { try Following.read(mergeFollowing) }

    /// Why the queue as a whole stands still, with when; nil if it does not.
    package func stopped() throws -> QueueStop? { try QueueStop.read(mergeStopped) }

    /// Stops the whole queue for a reason; nil lets it go on. `passes`: the reason may pass by itself, so a runner
    /// tries again after a pause that doubles. `inLanding`: a checkout stands between two commits, and the pause stays
    /// a minute.
    package func setStopped(_ why: String?, passes: Bool = false, inLanding: Bool = false) throws {
        guard let why else {
            try Files.unlink(mergeStopped)
            return
        }
        var stop = QueueStop()
        stop.landing = inLanding ? .yes : nil
        if passes {
            let tries = try (stopped()?.retries ?? 0) + 1
            stop.retries = tries
            stop.retryAt = Time.now() + Bus.backoff(inLanding ? 1 : tries)
        } else {
            let looks = try (stopped()?.looks ?? 0) + 1
            stop.looks = looks
            stop.lookAt = Time.now() + min(900, Bus.backoff(looks))
        }
        stop.why = why
        stop.time = Time.now()
        try write(stop, to: mergeStopped)
    }
}
