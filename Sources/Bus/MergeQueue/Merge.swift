import Storage
import SystemPackage

// The merge queue's files. A submitted task has an entry, merge/queue/ID, and its marker in review/, under the token
// of the claim it was submitted with. The entry owns the task; there is no lease. Everything here happens under the
// lock, so an unfinished step that somebody else finds is a crash's.
//
// submit      1  merge/queue/ID is written, queued
//             2  claimed/… -> review/…                        the claim's token in the source name is the guard
//             3  the bell
//             After 1 recover does 2, if the claim is still held; else the entry is withdrawn. A second submission
//             under the same token only replaces the entry, and with it every approval.
//
// landed      The runner has moved the target and git says that the commit is reachable from it.
//             1  the entry is landed
//             2  review/… -> settle/…, as `done` does it, and the dependents are told
//             3  merge/queue/ID -> merge/done/ID
//             After 1 recover does 2 and 3.
//
// give back   1  tasks/ID/returned is written: why, and what the author needs to see
//             2  the entry is returning
//             3  mail to the author
//             4  the task's header: for the author, for 15 minutes
//             5  review/… -> edit/ID -> ready/…
//             6  merge/queue/ID -> merge/done/ID
//             After 2 recover does 3 to 6, so the author may be told twice; a task whose marker has moved on needs
//             only 6.
//
// An ask that goes with a step (held: review-ID, stuck and waiting: merge-ID) is opened before the step is written, and
// closed before the next is. An entry that waits for an answer and about which nobody is asked is queued again.
//
// While the entry is landing, cancel and replacement are refused: whether it landed is not known until its runner, or
// that one's successor, has looked. The runner checks the marker under the lock when it writes `landing`, so a
// cancelled task never lands.
extension Bus {
    /// How long a returned task is for its author alone, in seconds.
    static let returnLease = 900

    /// Submits a task under its claim: a live claim, or the one that it was submitted under before. Throws `Failure.no`
    /// if the claim is lost. `kept` is the value of the reference that keeps the tip. `strategy`: how the work is to
    /// land; nil keeps the strategy of the task's last submission.
    @discardableResult
    package func submit(
        _ claim: Claim, branch: String, base: String, tip: String, kept: String, strategy: String? = nil,
        result: [UInt8] = []
    ) throws -> Entry {
        try changing("submit") { held in
            guard let header = try header(claim.id) else { throw noTask(claim.id) }
            try requirePlan(claim.id, header, held)
            if header.isEpic, let open = try children(claim.id).first(where: { try !ended($0) }) {
                throw Failure.no("task \(claim.id) is an epic and its child \(open) is still open")
            }
            var record = EntryRecord()
            record.state = .queued
            record.task = claim.id
            record.branch = branch
            record.base = base
            record.tip = tip
            record.kept = kept
            record.token = claim.token
            record.author = claim.owner
            record.time = Time.now()
            record.priority = header.priority
            let back = try returned(claim.id)
            record.attempts = back?.attempts
            record.since = back?.since
            record.body = result
            let old = try self.entry(claim.id)
            record.strategy = try strategy ?? (old ?? lastEntry(claim.id))?.record.strategy
            var entry = Entry(id: claim.id, record: record)
            switch try find(claim.id, held)?.place {
            case .claimed(let now) where now.owner == claim.owner && now.token == claim.token:
                try write(entry)
                do { try take(claim, reviewMarker(claim)) } catch {
                    try Files.unlink(entryFile(claim.id))
                    throw error
                }
            case .review(let now) where now.owner == claim.owner && now.token == claim.token:
                guard let old else { throw missing(entryFile(claim.id)) }
                try refuseMoving(old)
                if old.tip == tip, old.record.strategy == entry.record.strategy, old.step != .stuck { return old }
                entry.record.time = old.time
                if result.isEmpty { entry.record.body = old.record.body }
                try closeAsks(of: claim.id, by: claim.owner, "submitted again")
                try write(entry)
            default: throw try lost(claim.id, claim.owner)
            }
            try Files.sync(state(.review))
            try Files.ring(mergeBell)
            journal("submitted", by: claim.owner, ["task": "\(claim.id)", "tip": tip])
            return entry
        }
    }

    private func refuseMoving(_ entry: Entry) throws {
        guard entry.step != .landing, entry.step != .landed else {
            throw Failure.unsure(
                "task \(entry.id) is being landed: try again, or run 'cadre merge run' if nothing lands it")
        }
    }

    /// What came back with the task last; nil if nothing did.
    package func returned(_ id: Int) throws -> Returned? { try Returned.read(returnedFile(id)) }

    // MARK: for the runner

    /// Takes the next step with an entry. Returns nil if somebody replaced, approved or removed the entry since the
    /// caller read it, or if its task is no longer in review.
    /// With `flushes` false the step is durable only after the next `flushQueue`: a power cut before that undoes the
    /// step as a whole.
    package func advance(
        _ entry: Entry, to step: Entry.Step, flushes: Bool = true, _ change: (inout EntryRecord) -> Void = { _ in }
    ) throws -> Entry? {
        try locked("merge") { _ in
            guard let now = try self.entry(entry.id), now.record == entry.record,
                try Files.exists(reviewMarker(entry.claim))
            else { return nil }
            var next = now
            next.record.why = nil
            change(&next.record)
            next.step = step
            try write(next, flushes: flushes)
            return next
        }
    }

    /// Has all steps of entries survive a power cut.
    package func flushQueue() throws { try Files.sync(mergeQueue) }

    /// The target holds `commit`, the entry's work: its task is done.
    package func land(_ entry: Entry, commit: String) throws {
        try changing("merge") { held in
            guard var now = try self.entry(entry.id), now.token == entry.token else { return }
            now.step = .landed
            now.record.commit = commit
            try write(now)
            try finishLanding(now, held)
        }
    }

    private func finishLanding(_ entry: Entry, _ held: LockProof) throws {
        if try Files.exists(reviewMarker(entry.claim)), let header = try header(entry.id) {
            try writeEnd(
                entry.claim, .done, by: entry.author, why: nil, result: entry.record.body, commit: entry.commit)
            if try Files.rename(reviewMarker(entry.claim), settleMarker(entry.claim, .done)) {
                journal("landed", by: entry.author, ["task": "\(entry.id)", "commit": entry.commit ?? ""])
                try settle(entry.claim, .done, header, held)
                try Files.sync(state(.done))
                try Files.sync(state(.review))
            }
        }
        try Files.unlink(returnedFile(entry.id))
        try conclude(entry)
    }

    /// Gives the task back to its author, who has mail unless it is by himself. `counted`: as an attempt that failed.
    /// `target` is the commit with which it conflicts. False if the entry is not the one any more that was looked at.
    @discardableResult
    package func giveBack(
        _ entry: Entry, by: String = "cadre", why: String, details: [UInt8], paths: [String] = [], counted: Bool,
        target: String? = nil
    ) throws -> Bool {
        var record = Returned()
        record.why = why
        record.time = Time.now()
        record.tip = entry.tip
        record.attempts = entry.attempts + (counted ? 1 : 0)
        record.target = target
        record.since = target == nil ? nil : entry.since
        record.paths = paths
        record.body = details
        return try changing("merge") { held in
            guard var now = try self.entry(entry.id), now.record == entry.record,
                try Files.exists(reviewMarker(entry.claim))
            else { return false }
            try write(record, to: returnedFile(entry.id))
            now.step = .returning
            now.record.why = why
            now.record.returnedBy = by
            try write(now)
            try finishReturn(now, held)
            return true
        }
    }

    private func finishReturn(_ entry: Entry, _ held: LockProof) throws {
        if try Files.exists(reviewMarker(entry.claim)), var header = try header(entry.id) {
            let why = entry.why ?? "came back"
            // A stopped author doesn't take the task, and a reservation would keep it from the others.
            let goesFirst = try agent(named: entry.author).map { $0.want == .run } ?? true
            if entry.record.returnedBy != entry.author, try canReceive(entry.author) {
                let details = try returned(entry.id)?.body ?? []
                _ = try send(
                    from: "cadre", to: entry.author, subject: Names.shown("task \(entry.id) came back: \(why)"),
                    body: Array(
                        ("Task \(entry.id) (\(header.title)) came back from the merge queue: \(why)\nIt is ready "
                            + "again\(goesFirst ? ", for you first" : "").\n\n").utf8) + details)
            }
            // A permanent reservation stays.
            if header.to == nil || header.toUntil != 0 {
                header.to = goesFirst ? entry.author : nil
                header.toUntil = goesFirst ? Time.now() + Bus.returnLease : 0
                try replace(taskFile(entry.id), with: header.record.bytes, sync: true)
            }
            if try Files.rename(reviewMarker(entry.claim), Marker(id: entry.id, place: .edit).path(self)) {
                journal("returned", by: entry.author, ["task": "\(entry.id)", "why": why])
                try place(entry.id, held)
                try Files.sync(state(.review))
            }
        }
        try conclude(entry)
    }

    // MARK: for people

    /// Approves what is submitted now: another tip needs another approval.
    package func approve(_ id: Int, by: String) throws -> Entry {
        try change(id) { entry in
            entry.record.approved = entry.tip
            entry.record.approvedBy = by
            if entry.step == .held {
                entry.step = .queued
                entry.record.why = nil
            }
            journal("approved", by: by, ["task": "\(id)", "tip": entry.tip])
        }
    }

    /// Queues an entry again that waits, or a task that came back and that nobody has taken since. Forgets that the
    /// gate failed on it.
    package func retry(_ id: Int, by: String) throws -> Entry {
        try change(id, again: true) { entry in
            if let tree = entry.record.tree, let gate = entry.record.gate,
                try verdict(tree, gate)?.result == .fail
            {
                try Files.unlink(verdictFile(tree, gate))
            }
            if let red = entry.record.red, let gate = entry.record.gate {
                try Files.unlink(verdictFile(red, gate))
            }
            entry.step = .queued
            entry.record.clear(
                \.why, \.attempts, \.returnedBy, \.red, \.index, \.indexStamp, \.tree, \.gate, \.commit, \.old, \.top,
                \.topTree, \.retries, \.retryAt, \.looks, \.lookAt, \.pushed, \.request, \.looked)
            journal("retried", by: by, ["task": "\(id)"])
        }
    }

    /// Queues a task again that came back. Its entry still says `returning`, so a crash before the caller queues it
    /// sends the task back once more.
    private func enterAgain(_ id: Int, _ held: LockProof) throws -> Entry {
        guard let marker = try find(id, held) else { throw noTask(id) }
        guard var entry = try lastEntry(id), entry.step == .returning, case .ready = marker.place else {
            throw Failure.no("task \(id) is \(marker.state.rawValue) and not in the merge queue")
        }
        if let header = try header(id) { try requirePlan(id, header, held) }
        entry.record.approved = nil
        try write(entry)
        guard try Files.rename(marker.path(self), reviewMarker(entry.claim)) else {
            try Files.unlink(entryFile(id))
            throw Failure.no("task \(id) was claimed meanwhile")
        }
        return entry
    }

    /// Changes an entry. With `again` also that of a task that came back.
    private func change(_ id: Int, again: Bool = false, _ body: (inout Entry) throws -> Void) throws -> Entry {
        try changing("merge") { held in
            guard var entry = try self.entry(id) ?? (again ? enterAgain(id, held) : nil) else {
                guard let marker = try find(id, held) else { throw noTask(id) }
                throw Failure.no("task \(id) is \(marker.state.rawValue) and not in the merge queue")
            }
            try refuseMoving(entry)
            try body(&entry)
            try closeAsks(of: id, by: "cadre", entry.step.rawValue)
            try write(entry)
            try Files.ring(mergeBell)
            return entry
        }
    }

    /// Takes a task out of the queue, back to its author.
    package func withdraw(_ id: Int, by: String, why: String) throws {
        var tip: String?
        // A runner may take steps with it meanwhile.
        for _ in 0..<64 {
            guard let entry = try entry(id) else {
                throw Failure.no("task \(id) is \(try view(id).state.rawValue) and not in the merge queue")
            }
            try refuseMoving(entry)
            guard tip == nil || tip == entry.tip else { break }
            tip = entry.tip
            if try giveBack(entry, by: by, why: why, details: [], counted: false) { return }
        }
        throw Failure.unsure("the entry of task \(id) changed meanwhile, try again")
    }

    /// Under the lock, before a task in review is cancelled.
    func refuseCancel(_ id: Int) throws { if let entry = try entry(id) { try refuseMoving(entry) } }

    /// Under the lock, after a task in review was cancelled.
    func dropEntry(_ id: Int) throws {
        guard var entry = try entry(id) else { return }
        entry.step = .withdrawn
        entry.record.why = "cancelled"
        try write(entry)
        try conclude(entry)
    }

    /// Under the lock, before a task is opened again: its entry belongs to the time before.
    func leaveQueue(_ id: Int, _ held: LockProof) throws {
        if let entry = try entry(id) { _ = try healOne(entry, held) }
    }

    // MARK: healing

    /// Finishes what a crash left of submissions, landings and returns. Returns how many there were. An entry that
    /// can't be read is told to `damaged` and left alone, with its task.
    @discardableResult
    package func healQueue(_ damaged: (Failure) -> Void = { _ in }) throws -> Int {
        guard try !((Files.list(mergeQueue) ?? []).isEmpty && reviews().isEmpty) else { return 0 }
        return try changing("merge") { held in
            var healed = 0
            for entry in try withoutActuallyEscaping(damaged, do: { try entries($0) }) {
                if try healOne(entry, held) { healed += 1 }
            }
            // A task in review that no entry owns: its entry was lost. Its tip is kept, so it is only to be submitted
            // again.
            for claim in try reviews() where try !Files.exists(entryFile(claim.id)) {
                guard try Files.rename(reviewMarker(claim), Marker(id: claim.id, place: .edit).path(self)) else {
                    continue
                }
                try place(claim.id, held)
                healed += 1
            }
            return healed
        }
    }

    private func healOne(_ entry: Entry, _ held: LockProof) throws -> Bool {
        let marker = try find(entry.id, held)
        let place = marker?.place
        if case .review(let now) = place, now.token == entry.token, now.owner == entry.author {
            switch entry.step {
            case .landed: try finishLanding(entry, held)
            case .returning: try finishReturn(entry, held)
            case .held where try reviewAsk(entry) == nil, .stuck where try ask("merge-\(entry.id)") == nil:
                var next = entry
                next.step = .queued
                next.record.why = nil
                try write(next)
                try Files.ring(mergeBell)
            default: return false
            }
            return true
        }
        if case .claimed(let now) = place, now.token == entry.token, now.owner == entry.author, entry.step == .queued {
            try take(now, reviewMarker(entry.claim))
            try Files.ring(mergeBell)
            journal("submitted", by: entry.author, ["task": "\(entry.id)", "tip": entry.tip])
            return true
        }
        var last = entry
        if entry.step != .landed, entry.step != .returning {
            last.step = .withdrawn
            last.record.why = marker?.state == .cancelled ? "cancelled" : nil
            try write(last)
        }
        try conclude(last)
        return true
    }
}
