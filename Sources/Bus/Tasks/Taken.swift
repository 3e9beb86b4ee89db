import Storage
import SystemPackage

/// The file `taken`.
private struct TakenFields: RecordFields {
    let task = Field<Int>("Task")
    let holder = Field<String>("Holder")
    let by = Field<String>("By")
}
private typealias Taken = TypedRecord<TakenFields>

// Taking a task from its holder, who gets a letter:
//
//   0  the claim and the taker are written to `taken`, under the lock, which is kept to the end
//   1  claimed/… -> edit/ID: the commit point
//   2  the letter
//   3  `taken` is removed
//
// After a crash the next writer goes on: if the claim still stands, nothing was taken; if the task is in edit/, it does
// 2 again. So the holder gets at least one letter.
extension Bus {
    /// Moves a claim to edit/, for which the caller then finds a place.
    func giveBack(_ claim: Claim, by: String, tells: Bool) throws {
        let edit = Marker(id: claim.id, place: .edit).path(self)
        guard tells, claim.owner != by else { return try take(claim, edit) }
        var taken = Taken()
        taken.task = claim.id
        taken.holder = claim.owner
        taken.by = by
        try replace(takenFile, with: taken.bytes, sync: true)
        do { try take(claim, edit) } catch {
            try Files.unlink(takenFile)
            throw error
        }
        try finish(taken)
    }

    func healTaken(_ held: LockProof) throws {
        guard let taken = try Taken.read(takenFile) else { return }
        if let id = taken.task, try Files.exists(Marker(id: id, place: .edit).path(self)) {
            return try finish(taken)
        }
        try Files.unlink(takenFile)
    }

    private func finish(_ taken: Taken) throws {
        if let id = taken.task, let holder = taken.holder, let header = try header(id) {
            try tell(holder, id, header, "was taken from you", by: taken.by ?? "cadre")
        }
        try Files.unlink(takenFile)
    }

    /// Writes to the holder that the task is no longer theirs. The body of an `sh` agent's task ends without this
    /// letter: see `TaskBody`.
    func tell(_ holder: String, _ id: Int, _ header: TaskHeader, _ what: String, by: String) throws {
        guard holder != "human", try canReceive(holder) else { return }
        let text =
            "Task \(id) (\(header.title)) \(what), by '\(by)'. Stop working on it: it can't be handed in any more. "
            + "What you have done on it stays on its branch; 'cadre claim' takes another task.\n"
        do {
            _ = try send(
                from: "cadre", to: holder, subject: "task \(id) \(what): stop working on it", body: Array(text.utf8),
                urgent: true)
        } catch let failure as Failure where failure.kind == .no {
            // Retired meanwhile.
        }
    }
}
