import Storage
import SystemPackage

/// An entry of the merge queue: a submitted task, in `merge/queue/ID` until it has landed or left the queue, then in
/// `merge/done/ID`.
package struct Entry {
    /// How far it is. Written before what it names is begun, so that whoever finds the entry knows what may have
    /// happened already.
    package enum Step: String {
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
    /// Fields State, Task, Branch, Base, Tip, Kept, Token, Author, Time, Priority, Attempts; while they matter Why,
    /// Old, Commit, Tree, Gate, Top, Top-Tree, Worktree, Approved, Approved-By, Index, Remote, Remote-Branch, Retries,
    /// Retry-At, Look-At, Pushed, Request, Looked. The body is the task's result.
    package var record: Record

    init(id: Int, record: Record) {
        self.id = id
        self.record = record
    }

    init(id: Int, record: Record, of path: FilePath) throws {
        guard record.int("Task") == id, Step(rawValue: record["State"] ?? "") != nil, record["Tip"] != nil,
            record["Base"] != nil, record["Branch"] != nil, record["Token"] != nil, record["Author"] != nil
        else { throw Record.damaged(path) }
        self.init(id: id, record: record)
    }

    package internal(set) var step: Step {
        get { Step(rawValue: record["State"] ?? "") ?? .queued }
        set { record["State"] = newValue.rawValue }
    }
    /// The branch, as `refs/heads/…`.
    package var branch: String { record["Branch"] ?? "" }
    /// The commit its work begins after.
    package var base: String { record["Base"] ?? "" }
    /// The commit that was submitted.
    package var tip: String { record["Tip"] ?? "" }
    package var author: String { record["Author"] ?? "" }
    package var token: String { record["Token"] ?? "" }
    /// When it was submitted.
    package var time: Int { record.int("Time") ?? 0 }
    /// The task's as it is now.
    package var priority: Int { current ?? record.int("Priority") ?? 2 }
    var current: Int?
    /// Since when it waits for its turn: a conflict that sent it back is no reason to stand behind again.
    package var since: Int { record.int("Since") ?? time }
    /// How often its task has come back.
    package var attempts: Int { record.int("Attempts") ?? 0 }
    package var why: String? { record["Why"] }
    /// The candidate that was made of it, or the commit that landed.
    package var commit: String? { record["Commit"] }
    /// What the target held when the candidates were made.
    package var old: String? { record["Old"] }
    /// When what it waits for is tried again without anybody's asking, and how often it was.
    package var again: (at: Int, tries: Int)? {
        guard step == .waiting || step == .landing, let at = record.int("Retry-At") ?? record.int("Look-At") else {
            return nil
        }
        return (at, record.int("Retries") ?? record.int("Looks") ?? 1)
    }
    /// Whether somebody approved what is submitted now.
    package var isApproved: Bool { record["Approved"] == tip }

    var claim: Claim { Claim(id: id, owner: author, token: token) }

    /// Smallest goes first: the priority, minus one for each hour waited.
    private func rank(_ now: Int) -> Int { priority * 3600 - (now - since) }

    /// Whether it goes before the other.
    package func isBefore(_ other: Entry, _ now: Int) -> Bool {
        (rank(now), since, id) < (other.rank(now), other.since, other.id)
    }
}

extension Bus {
    /// The entries of the queue, by id. One that is damaged is an error, or told to `damaged`.
    package func entries(_ damaged: ((Failure) -> Void)? = nil) throws -> [Entry] {
        guard let names = try Files.list(mergeQueue) else { throw missing("merge/queue") }
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
        var found = try entry(id, in: mergeQueue)
        if found != nil { found!.current = (try? header(id))?.priority }
        return found
    }

    /// What became of the task's last entry; nil if none has left the queue.
    package func lastEntry(_ id: Int) throws -> Entry? { try entry(id, in: mergeDone) }

    /// All entries that have left the queue, the last of each task.
    package func lastEntries() throws -> [Entry] {
        guard let names = try Files.list(mergeDone) else { throw missing("merge/done") }
        return try names.compactMap { Int($0) }.sorted().compactMap { try lastEntry($0) }
    }

    private func entry(_ id: Int, in directory: FilePath) throws -> Entry? {
        let path = directory.appending("\(id)")
        return try Record.read(path).map { try Entry(id: id, record: $0, of: path) }
    }

    func write(_ entry: Entry) throws {
        try replace(mergeQueue.appending("\(entry.id)"), with: entry.record.bytes, sync: true)
    }

    /// The entry leaves the queue.
    func conclude(_ entry: Entry) throws {
        try closeAsks(of: entry.id, by: "cadre", entry.step.rawValue)
        _ = try Files.rename(mergeQueue.appending("\(entry.id)"), mergeDone.appending("\(entry.id)"))
    }

    package func closeAsks(of id: Int, by: String, _ why: String) throws {
        try closeAsk(named: "merge-\(id)", by: by, why)
        try closeAsk(named: "review-\(id)", by: by, why)
    }

    /// The ask about what an entry holds now, open or answered; nil if that was not asked.
    package func reviewAsk(_ entry: Entry) throws -> Ask? {
        try ask("review-\(entry.id)").flatMap { $0.record.digest == entry.tip ? $0 : nil }
    }

    /// The entry that such an ask is about; nil if it holds something else by now.
    package func entry(reviewedIn ask: Ask) throws -> Entry? {
        guard ask.id.hasPrefix("review-"), let id = Int(ask.id.dropFirst(7)), let entry = try entry(id) else {
            return nil
        }
        return ask.record.digest == entry.tip ? entry : nil
    }

    /// Asks who reviews about what the entry holds now.
    package func openReview(_ entry: Entry, _ text: String) throws {
        // One about an earlier tip is moot.
        if try reviewAsk(entry) == nil { try closeAsk(named: "review-\(entry.id)", by: "cadre", "another tip") }
        try openAsk(named: "review-\(entry.id)", by: entry.author, kind: .review, digest: entry.tip, text)
    }

    func reviewMarker(_ claim: Claim) -> FilePath { Marker(id: claim.id, place: .review(claim)).path(self) }

    /// What the gate said of a tree: field Result, pass or fail; the body is the end of its output. Nil if it never
    /// ran.
    package func verdict(_ tree: String, _ gate: String) throws -> Record? { try Record.read(verdictFile(tree, gate)) }

    /// The trees that some gate passed.
    package func passedTrees() throws -> Set<String> {
        var passed = Set<String>()
        for name in try Files.list(mergeVerdicts) ?? []
        where try Record.read(mergeVerdicts.appending(name))?["Result"] == "pass" {
            passed.insert(String(name.prefix { $0 != "," }))
        }
        return passed
    }

    package func setVerdict(_ tree: String, _ gate: String, _ verdict: Record) throws {
        try Files.mkdirs(mergeVerdicts)
        try write(verdict, to: verdictFile(tree, gate))
    }

    /// Counts that the gate failed on a tree, and why, and passed when it was run again.
    package func noteFlaky(_ tree: String, _ why: String) throws {
        try Files.append(Array("\(Time.text(Time.now()))\t\(tree)\t\(Names.shown(why))\n".utf8), to: flakyFile)
    }

    /// How often it did, when last, and why it had failed.
    package func flaky() throws -> (count: Int, last: String, why: String)? {
        guard let lines = try Files.read(flakyFile)?.split(separator: 10), let last = lines.last else { return nil }
        let words = String(decoding: last, as: UTF8.self).split(separator: "\t", maxSplits: 2).map(String.init)
        return (lines.count, words[0], words.last ?? "")
    }

    /// Seconds until what failed so often is tried again: a minute to an hour.
    package static func backoff(_ tries: Int) -> Int { min(3600, 60 << min(max(tries, 1) - 1, 6)) }

    /// The local target is being moved between these commits, in that worktree; nil: no more. See `Queue.follow`.
    package func setFollowing(from old: String, to new: String, worktree: FilePath?) throws {
        var record = Record()
        record["Old"] = old
        record["New"] = new
        record["Worktree"] = worktree?.string
        try replace(mergeFollowing, with: record.bytes, sync: true)
    }

    package func endFollowing() throws { try Files.unlink(mergeFollowing) }

    package func following() throws -> Record? { try Record.read(mergeFollowing) }

    /// Why the queue as a whole stands still, with when; nil if it does not.
    package func stopped() throws -> Record? { try Record.read(mergeStopped) }

    /// `passes`: what it is may pass by itself, so it is tried again, each time after twice as long; each minute where
    /// it is a checkout `inLanding`, between two commits.
    package func setStopped(_ why: String?, passes: Bool = false, inLanding: Bool = false) throws {
        guard let why else {
            try Files.unlink(mergeStopped)
            return
        }
        var record = Record()
        record["Landing"] = inLanding ? "yes" : nil
        if passes {
            let tries = try (stopped()?.int("Retries") ?? 0) + 1
            record["Retries"] = "\(tries)"
            record["Retry-At"] = "\(Time.now() + Bus.backoff(inLanding ? 1 : tries))"
        } else {
            let looks = try (stopped()?.int("Looks") ?? 0) + 1
            record["Looks"] = "\(looks)"
            record["Look-At"] = "\(Time.now() + min(900, Bus.backoff(looks)))"
        }
        record["Why"] = why
        record["Time"] = "\(Time.now())"
        try write(record, to: mergeStopped)
    }
}
