import Glibc
import Storage
import SystemPackage

// Where a task belongs, and how a change of one reaches the others.
//
// A task is ready when it is due, all it depends on is done, and its parent is neither blocked, deferred nor cancelled.
// So a change of state can move its dependents and, through a parent, a whole subtree. All of this happens under the
// lock, in one order that makes any crash harmless: those below are moved first, judged as if the one above had
// moved already, and the one above moves last. Until then the cause is still to be seen, as a marker in edit/ or
// settle/, and whoever comes next does the same again; every step is idempotent. A claim may take a ready task from
// under us at any instant: its rename wins, ours finds nothing, and that is right.
extension Bus {
    /// Runs `body` under the lock, after finishing what a crash left: every writer heals before it writes.
    func changing<T>(_ verb: String, seconds: UInt32 = 30, _ body: (LockProof) throws -> T) throws -> T {
        try locked(verb, seconds: seconds) { held in
            _ = try heal(held)
            return try body(held)
        }
    }

    /// Finishes imports and edits. Returns how many there were. What can't be finished, because a file is damaged, is
    /// left as it is and told in `unsure`; it keeps nobody from going on with the rest.
    func heal(_ held: LockProof, unsure: ((Failure) -> Void)? = nil) throws -> Int {
        var healed = 0
        func each(_ step: () throws -> Void) throws {
            do {
                try step()
                healed += 1
            } catch let failure as Failure { unsure?(failure) }
        }
        guard let records = try Files.list(imports) else { throw missing(imports) }
        for name in records.sorted() { try each { try apply(imports.appending(name), held) } }
        if try Files.exists(takenFile) { try each { try healTaken(held) } }
        guard let left = try Files.list(state(.edit)) else { throw missing(state(.edit)) }
        for id in left.compactMap({ Names.number($0) }).sorted() {
            try each {
                try relink(id)
                try unend(id, held)
                try place(id, held)
            }
        }
        return healed
    }

    /// Moves a task from edit/ to where it belongs. One without a file was never made: its id is burnt.
    func place(_ id: Int, _ held: LockProof) throws {
        guard let header = try header(id) else {
            try Files.unlink(Marker(id: id, place: .edit).path(self))
            return
        }
        let to = try destination(header, held, [:])
        if to == .blocked { try escalate(header, id, held) }
        if header.isEpic { for child in try children(id, held) { try reconsider(child, held, [id: to]) } }
        if let parent = header.parent { try reconsider(parent, held) }
        if let left = header.left { try completeEpic(left, by: header.by, held) }
        guard try move(Marker(id: id, place: .edit), to) else { throw missing(marker(.edit, id)) }
    }

    /// Takes back what the end of a task in edit/ did: it was perhaps just reopened. Its epic is open again with it,
    /// and what depends on it waits again.
    func unend(_ id: Int, _ held: LockProof) throws {
        guard let header = try header(id) else { return }
        try Files.unlink(endFile(id))
        for ask in ["blocked", "failed"] { try closeAsk(named: "\(ask)-\(id)", by: header.by, "reopened") }
        for dependent in try dependents(id, held) { try reconsider(dependent, held) }
        if let parent = header.parent, try find(parent, held)?.state == .done {
            try reopen(parent, by: header.by, held)
        }
    }

    /// Moves a waiting task to where it belongs now, and first the tasks below it.
    /// `assumed` names places that tasks in the caller's hands are about to have.
    func reconsider(_ id: Int, _ held: LockProof, _ assumed: [Int: Marker.Place] = [:]) throws {
        guard let header = try header(id), let marker = try find(id, held) else { return }
        switch marker.place {
        case .ready, .blocked, .deferred: break
        default: return
        }
        let to = try destination(header, held, assumed)
        guard to != marker.place else { return }
        if header.isEpic, blocks(to) != blocks(marker.place) {
            for child in try children(id, held) { try reconsider(child, held, [id: to]) }
        }
        _ = try move(marker, to)
    }

    /// Where a task that nobody holds belongs.
    func destination(_ header: TaskHeader, _ held: LockProof?, _ assumed: [Int: Marker.Place]) throws -> Marker.Place {
        if header.deferred > Time.now() { return .deferred(header.deferred) }
        for other in header.depends where try !isDone(other) { return .blocked }
        if let parent = header.parent {
            if let place = try assumed[parent] ?? (held.map { try find(parent, $0) } ?? find(parent))?.place,
                blocks(place)
            {
                return .blocked
            }
        }
        return .ready(header.queue, header.priority)
    }

    private func blocks(_ parent: Marker.Place) -> Bool {
        switch parent {
        case .edit, .blocked, .deferred, .cancelled, .settle(_, .cancelled): return true
        default: return false
        }
    }

    /// Whether the task is done, even if its dependents have not heard of it. A marker moves only from settle/ to
    /// done/, so look in settle/ first.
    func isDone(_ id: Int) throws -> Bool {
        for (claim, outcome) in try settling() where claim.id == id && outcome == .done { return true }
        return try Files.exists(marker(.done, id))
    }

    /// One rename, and the bell if the task is now to be had. False if the marker was no longer there.
    func move(_ marker: Marker, _ place: Marker.Place) throws -> Bool {
        let from = marker.path(self)
        let to = Marker(id: marker.id, place: place).path(self)
        if try !Files.rename(from, to) {
            // Either the source is gone or the destination's directory is not there (yet, or any more).
            guard try Files.exists(from) else { return false }
            for _ in 0..<16 {
                try Files.mkdirs(to.removingLastComponent())
                if try Files.rename(from, to) { break }
                guard try Files.exists(from) else { return false }
            }
        }
        if case .ready(let queue, _) = place {
            Bus.hasOffered = true
            try Files.ring(bell(queue))
        }
        return true
    }

    /// Whether this process has made a task ready.
    nonisolated(unsafe) package private(set) static var hasOffered = false

    /// Adds the task to the lists of dependents and children of the tasks that it names.
    func relink(_ id: Int) throws {
        guard let header = try header(id) else { return }
        for other in header.depends { try link(id, in: dependentsFile(other)) }
        if let parent = header.parent { try link(id, in: childrenFile(parent)) }
    }

    func link(_ id: Int, in file: FilePath) throws {
        let bytes = try Files.read(file) ?? []
        if bytes.last == 10, bytes.split(separator: 10).contains(where: { $0.elementsEqual("\(id)".utf8) }) { return }
        // A line cut short by a crash must not swallow this one.
        let start = bytes.isEmpty || bytes.last == 10 ? "" : "\n"
        try Files.append(Array("\(start)\(id)\n".utf8), to: file, sync: true)
    }

    // MARK: tasks whose time has come

    /// Moves deferred tasks that are due, and tasks whose time for one agent is over, to where they belong.
    func promote(_ held: LockProof) throws {
        let now = Time.now()
        for group in try deferredGroups() where group * Bus.deferredSpan <= now {
            for (due, id) in try deferred(group) where due <= now {
                let marker = Marker(id: id, place: .deferred(due)).path(self)
                if try Files.rename(marker, Marker(id: id, place: .edit).path(self)) { try place(id, held) }
            }
            try Files.rmdir(deferredGroup(group))
        }
        for (queue, priorities) in try readyPlaces() where ReadyQueue.isFirst(queue) {
            for id in try readyIDs(queue, priorities) { try reconsider(id, held) }
        }
    }

    private func readyIDs(_ queue: String, _ priorities: [Int]) throws -> [Int] {
        var found: [Int] = []
        for priority in priorities {
            let top = ready(queue, priority)
            for bucket in try Files.list(top) ?? [] {
                found += try (Files.list(top.appending(bucket)) ?? []).compactMap { Int($0) }
            }
        }
        return found
    }

    /// When the next task falls due or is anybody's again; nil if none is.
    package func nextDue() throws -> Int? {
        var next: Int?
        for group in try deferredGroups() where next == nil { next = try deferred(group).map(\.due).min() }
        for (queue, priorities) in try readyPlaces() where ReadyQueue.isFirst(queue) {
            for id in try readyIDs(queue, priorities) {
                if let until = try header(id)?.toUntil, until > 0 { next = min(next ?? until, until) }
            }
        }
        return next
    }

    /// The directories that change when a task is deferred.
    package func deferredPlaces() throws -> [FilePath] {
        try [state(.deferred)] + deferredGroups().map(deferredGroup)
    }

    /// When the first lease ends; nil if nobody holds one.
    package func nextEnd() throws -> Int? { try claims().compactMap { $0.until == 0 ? nil : $0.until }.min() }

    /// Promotes if something is due and the lock is free; whoever holds it will, otherwise.
    package func promoteDue() throws {
        guard let due = try nextDue(), due <= Time.now() else { return }
        try changing("promote") { try promote($0) }
    }
}
