import Glibc
import Storage
import SystemPackage

// How a task ends.
//
//   0  its end (who, when, result) is written to result,TOKEN and flushed: a full disk refuses here, before anything
//   1  claimed/… -> settle/…,OUTCOME                      the commit point; the token in the source name is the guard
//   2  result,TOKEN -> end
//   3  under the lock: dependents become ready, children of a cancelled task blocked, a parent whose children
//      have all ended ends too, and an ask is opened for a failure and for what can never become ready; who held what
//      another cancelled is told
//   4  settle/… -> done/ID, failed/ID or cancelled/ID
//
// A reopened task goes to edit/ first; then its end is removed, its epic reopened and its dependents are blocked, and
// then it is placed. A crash leaves it in edit/, where the next writer does the same again.
//
// After 1 the task has ended whatever happens; recover does 2 to 4 again, each of which may be done twice.
extension Bus {
    /// Ends the task that `claim` holds as done. Throws `Failure.no` if the claim is no longer this one's. `discarded`
    /// is the commit of its work that a person gave up. Whether its work has landed is asked before: see
    /// `TaskBranches.standing`.
    package func finish(_ claim: Claim, by: String, result: [UInt8] = [], discarded: String? = nil) throws {
        guard let header = try header(claim.id) else { throw noTask(claim.id) }
        try requirePlan(claim.id, header)
        if header.isEpic, let open = try children(claim.id).first(where: { try !ended($0) }) {
            throw Failure.no("task \(claim.id) is an epic and its child \(open) is still open")
        }
        try end(claim, header, .done, by: by, why: nil, result: result, discarded: discarded)
    }

    /// Ends the task that `claim` holds as failed. `personKnows`: a person does it, who need not be told.
    package func fail(_ claim: Claim, by: String, why: String, personKnows: Bool = false) throws {
        guard let header = try header(claim.id) else { throw noTask(claim.id) }
        try end(claim, header, .failed, by: by, why: why, personKnows: personKnows, result: [])
    }

    private func end(
        _ claim: Claim, _ header: TaskHeader, _ outcome: Outcome, by: String, why: String?, personKnows: Bool = false,
        result: [UInt8],
        discarded: String? = nil
    ) throws {
        // If the lists of relatives are damaged this throws: after the end nobody would notify them.
        for file in [dependentsFile(claim.id)] + [header.parent.map(childrenFile)].compactMap({ $0 }) {
            guard try Files.status(file)?.st_size == 0 else {
                _ = try ids(in: file)
                continue
            }
            try changing(outcome.state.rawValue) { _ = try ids(in: file, $0) }
        }
        try writeEnd(claim, outcome, by: by, why: why, personKnows: personKnows, result: result, discarded: discarded)
        let to = settleMarker(claim, outcome)
        try take(claim, to)
        journal(outcome.state.rawValue, by: by, ["task": "\(claim.id)"])
        do {
            try settle(claim, outcome, seconds: 10)
        } catch let failure where failure is Failure {
            // It has ended all the same; whoever recovers tells the dependents.
            journal("unsettled", by: by, ["task": "\(claim.id)", "why": "\(failure)"])
        }
        try Files.sync(state(.claimed))
        try Files.sync(state(outcome.directory))
    }

    func writeEnd(
        _ claim: Claim, _ outcome: Outcome, by: String, why: String?, personKnows: Bool = false, result: [UInt8],
        commit: String? = nil,
        discarded: String? = nil, holder: String? = nil
    ) throws {
        var end = TaskEnd()
        end.state = outcome.state
        end.by = by
        end.token = claim.token
        end.time = Time.now()
        end.why = why.map { Names.shown($0) }
        end.personKnows = personKnows ? .yes : nil
        end.commit = commit
        end.discarded = discarded
        end.holder = holder
        end.body = result
        try replace(resultFile(claim.id, claim.token), with: end.bytes, sync: true)
    }

    /// Moves a claim's marker, under whatever end of lease it has now. Throws `Failure.no` if it is gone.
    func take(_ claim: Claim, _ to: FilePath) throws {
        for _ in 0..<64 {
            guard
                let now = try claims(of: claim.id).first(where: { $0.token == claim.token && $0.owner == claim.owner })
            else { break }
            if try Files.rename(Marker(id: now.id, place: .claimed(now)).path(self), to) { return }
        }
        throw try lost(claim.id, claim.owner)
    }

    /// Why `owner` can't do something with the task as its holder.
    func lost(_ id: Int, _ owner: String) throws -> Failure {
        guard let marker = try find(id) else { return noTask(id) }
        switch marker.place {
        case .claimed(let other) where other.owner == owner:
            return .no("task \(id) is claimed by '\(owner)' under another session's token")
        case .claimed(let other): return .no("task \(id) is claimed by '\(other.owner)'")
        default: return .no("task \(id) is \(marker.state.rawValue), not claimed by '\(owner)'")
        }
    }

    /// Steps 2 to 4. Without relatives it needs no lock, unless it failed: what has failed may be cancelled meanwhile.
    func settle(_ claim: Claim, _ outcome: Outcome, seconds: UInt32 = 30) throws {
        guard let header = try header(claim.id) else { throw noTask(claim.id) }
        let alone =
            try outcome == .done && header.parent == nil && !header.isEpic && !Files.exists(dependentsFile(claim.id))
        if alone {
            if try writeDown(claim, outcome) { try conclude(claim, outcome, header) }
        } else {
            try changing("settle", seconds: seconds) { try settle(claim, outcome, header, $0) }
        }
    }

    func settle(_ claim: Claim, _ outcome: Outcome, _ header: TaskHeader, _ held: LockProof) throws {
        // Another has settled it, and perhaps somebody reopened or cancelled it since.
        guard try Files.exists(settleMarker(claim, outcome)), try writeDown(claim, outcome)
        else { return }
        let waiting = try dependents(claim.id, held)
        if outcome == .done {
            for id in waiting { try reconsider(id, held) }
        } else {
            try escalate(claim, header, outcome, waiting, held)
        }
        if outcome == .cancelled, header.isEpic {
            for child in try children(claim.id, held) { try reconsider(child, held) }
        }
        if let parent = header.parent { try completeEpic(parent, by: claim.owner, held) }
        try conclude(claim, outcome, header)
    }

    /// False if another has settled it, and the end that is there may be a later one.
    private func writeDown(_ claim: Claim, _ outcome: Outcome) throws -> Bool {
        if try Files.rename(resultFile(claim.id, claim.token), endFile(claim.id)) { return true }
        if try end(claim.id)?.token == claim.token { return true }
        guard try Files.exists(settleMarker(claim, outcome)) else { return false }
        try writeEnd(claim, outcome, by: claim.owner, why: nil, result: [])
        return try Files.rename(resultFile(claim.id, claim.token), endFile(claim.id))
    }

    private func conclude(_ claim: Claim, _ outcome: Outcome, _ header: TaskHeader) throws {
        if outcome == .cancelled, let end = try end(claim.id), let holder = end.holder {
            try tell(holder, claim.id, header, "was cancelled", by: end.by ?? claim.owner)
        }
        try withdrawPlan(claim.id, Bus.taskEnded)
        if header.retry != nil { try closeAsk(named: "retry-\(claim.id)", by: claim.owner, "it has ended") }
        // Gone: another process settled it meanwhile.
        _ = try Files.rename(settleMarker(claim, outcome), marker(outcome.directory, claim.id))
    }

    /// An epic ends when all its children are done or cancelled, at least one of them done, and it is not for planning.
    func completeEpic(_ id: Int, by: String, _ held: LockProof) throws {
        // One with a branch may have work of its own: who holds it hands that in.
        guard let header = try header(id), header.isEpic, try planning(id, header)?.holds != true,
            try !Files.exists(branchFile(id))
        else { return }
        var done = 0
        for child in try children(id, held) {
            switch try find(child, held)?.state {
            case .done: done += 1
            case .cancelled, nil: break
            default: return
            }
        }
        guard done > 0 else { return }
        for _ in 0..<64 {
            guard let marker = try find(id, held) else { return }
            var claim = Claim(id: id, owner: by, token: Random.token())
            switch marker.place {
            case .ready, .blocked, .deferred: break
            case .claimed(let holder): claim = holder
            default: return
            }
            guard try Files.rename(marker.path(self), settleMarker(claim, .done)) else {
                continue
            }
            journal("done", by: by, ["task": "\(id)"])
            try settle(claim, .done, header, held)
            return
        }
    }

    // MARK: who is told

    /// Opens one ask about all tasks that wait for one that won't be done; for a failed task also if nothing waits.
    private func escalate(_ claim: Claim, _ header: TaskHeader, _ outcome: Outcome, _ waiting: [Int], _ held: LockProof)
        throws
    {
        let stuck = try waiting.filter { id in
            guard let state = try find(id, held)?.state else { return false }
            return state == .blocked || state == .ready || state == .deferred
        }
        if outcome == .failed { return try tellOfFailure(claim, header, stuck) }
        try closeAsk(named: "failed-\(claim.id)", by: claim.owner, "cancelled")
        if !stuck.isEmpty {
            try openAsk(named: "blocked-\(claim.id)", by: "cadre", blocked(claim.id, .cancelled, stuck))
        }
    }

    /// Opens or extends that ask for a task that begins to wait for a failed or cancelled one.
    func escalate(_ header: TaskHeader, _ id: Int, _ held: LockProof) throws {
        for other in header.depends {
            guard let state = try find(other, held)?.state, state == .failed || state == .cancelled,
                let of = try self.header(other)
            else { continue }
            let ask = "\(state == .failed ? "failed" : "blocked")-\(other)"
            let stuck = try dependents(other, held).filter { try $0 == id || find($0, held)?.state == .blocked }
            let text = try state == .failed ? failure(other, stuck) : blocked(other, .cancelled, stuck)
            // It joins those that were asked about before.
            if var open = try AskRecord.read(openAsks.appending(ask)) {
                guard open.answer == nil, open.body != Array(text.utf8) else { continue }
                open.body = Array(text.utf8)
                try replace(openAsks.appending(ask), with: open.bytes, sync: true)
            } else {
                try openAsk(named: ask, by: "cadre", to: state == .failed ? responsible(for: of) : "human", text)
            }
        }
    }

    /// Reports a failure to the responsible: the holder of the nearest epic that is held, else the person. If the
    /// person failed the task by hand, it reports only if something waits for it.
    private func tellOfFailure(_ claim: Claim, _ header: TaskHeader, _ stuck: [Int]) throws {
        let name = "failed-\(claim.id)"
        guard try !stuck.isEmpty || end(claim.id)?.personKnows == nil, try !Files.exists(openAsks.appending(name))
        else { return }
        let to = try responsible(for: header, besides: claim.owner)
        let text = try failure(claim.id, stuck)
        // Killed in between it is told twice, rather than never.
        if to != "human" {
            _ = try send(from: "cadre", to: to, subject: "task \(claim.id) failed", body: Array((text + "\n").utf8))
        }
        try openAsk(named: name, by: "cadre", to: to, text)
    }

    private func responsible(for header: TaskHeader, besides owner: String? = nil) throws -> String {
        var above = header.parent
        var seen = Set<Int>()
        while let id = above, seen.insert(id).inserted, let epic = try self.header(id) {
            if case .claimed(let holder) = try find(id)?.place, holder.owner != owner,
                try agent(named: holder.owner)?.want == .run
            {
                return holder.owner
            }
            above = epic.parent
        }
        return "human"
    }

    private func failure(_ id: Int, _ stuck: [Int]) throws -> String {
        let why = try end(id)?.why.map { ": \($0)" } ?? ""
        return "task \(id) failed\(why)"
            + (stuck.isEmpty ? "" : "; \(stuck.map { "\($0)" }.joined(separator: ", ")) depend on it")
            + ": 'cadre task show \(id)' tells more, 'cadre task reopen \(id)' tries it again, 'cadre task cancel "
            + "\(id)' gives it up"
    }

    private func blocked(_ id: Int, _ outcome: Outcome, _ stuck: [Int]) -> String {
        "task \(id) is \(outcome.state.rawValue) and \(stuck.map { "\($0)" }.joined(separator: ", ")) depend on it: "
            + "reopen \(id), remove the dependency, or cancel them"
    }

    func ended(_ id: Int) throws -> Bool {
        guard let state = try find(id)?.state else { return true }
        return state == .done || state == .cancelled
    }

    /// Cancels a task that is neither done nor cancelled, and tells who held it, whose `done` will then be refused.
    package func cancel(_ id: Int, by: String) throws {
        try changing("cancel") { held in
            for _ in 0..<64 {
                guard let marker = try find(id, held), let header = try header(id) else { throw noTask(id) }
                var holder: String?
                switch marker.place {
                case .settle(let failed, .failed):
                    try settle(failed, .failed, header, held)
                    continue
                case .claimed(let claim): holder = claim.owner == by ? nil : claim.owner
                case .settle, .done, .cancelled: throw Failure.no("task \(id) is \(marker.state.rawValue) already")
                case .review: try refuseCancel(id)
                default: break
                }
                let claim = Claim(id: id, owner: by, token: Random.token())
                try writeEnd(claim, .cancelled, by: by, why: nil, result: [], holder: holder)
                guard try Files.rename(marker.path(self), settleMarker(claim, .cancelled))
                else {
                    try Files.unlink(resultFile(id, claim.token))
                    continue
                }
                journal("cancelled", by: by, ["task": "\(id)"])
                try settle(claim, .cancelled, header, held)
                try dropEntry(id)
                try Files.sync(state(.cancelled))
                return
            }
            throw Failure.unsure("task \(id) moves too fast, try again")
        }
    }

    /// Makes an ended task open again, with its attempts forgotten, and its epic with it.
    package func reopen(_ id: Int, by: String) throws {
        try changing("reopen") { held in
            try reopen(id, by: by, held)
            try Files.sync(state(.edit))
        }
    }

    func reopen(_ id: Int, by: String, _ held: LockProof) throws {
        guard let marker = try find(id, held), let header = try header(id) else { throw noTask(id) }
        let outcome: Outcome
        switch marker.place {
        case .done: outcome = .done
        case .failed: outcome = .failed
        case .cancelled: outcome = .cancelled
        case .settle(let claim, let settling):
            try settle(claim, settling, header, held)
            outcome = settling
        default: throw Failure.no("task \(id) is \(marker.state.rawValue), not ended")
        }
        try refuseCycle([id: header], held)
        try leaveQueue(id, held)
        if var fresh = try self.header(id), fresh.retry != nil {
            fresh.retry = nil
            try replace(taskFile(id), with: fresh.record.bytes, sync: true)
        }
        for name in try Files.list(task(id)) ?? [] where Bus.isDeath(name) {
            try Files.unlink(task(id).appending(name))
        }
        let ended = self.marker(outcome.directory, id)
        guard try Files.rename(ended, Marker(id: id, place: .edit).path(self)) else { throw noTask(id) }
        try unend(id, held)
        try place(id, held)
        journal("reopened", by: by, ["task": "\(id)"])
    }
}
