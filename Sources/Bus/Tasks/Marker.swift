import Storage
import SystemPackage

/// A task's state as the directory that holds its marker says it.
package enum State: String, CaseIterable, FieldValue {
    case ready, blocked, deferred, claimed, review, done, failed, cancelled
}

/// How a task ended, as the last part of a marker's name in `settle/`.
enum Outcome: String {
    case done = "d"
    case failed = "f"
    case cancelled = "c"

    var state: State {
        switch self {
        case .done: return .done
        case .failed: return .failed
        case .cancelled: return .cancelled
        }
    }
    var directory: StateDirectory {
        switch self {
        case .done: return .done
        case .failed: return .failed
        case .cancelled: return .cancelled
        }
    }
}

/// Who holds a task, as the marker's name says it: `ID,OWNER,TOKEN,UNTIL,HOST,BOOT` in `claimed/`, `ID,OWNER,TOKEN`
/// in `review/`, `ID,OWNER,TOKEN,OUTCOME` in `settle/`.
package struct Claim: Equatable {
    package var id: Int
    package var owner: String
    /// The fencing token: what done, fail and submit must present.
    package var token: String
    /// When the lease ends, seconds since the epoch; 0 while the owner's supervisor answers for it.
    package var until: Int = 0
    package var host = Host.name
    package var boot = Host.boot

    package init(id: Int, owner: String, token: String, until: Int = 0) {
        self.id = id
        self.owner = owner
        self.token = token
        self.until = until
    }

    init?(claimed name: String) {
        let parts = name.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, let id = Names.number(parts[0]), let until = Names.number(parts[3], digits: 12) else {
            return nil
        }
        self.init(id: id, owner: parts[1], token: parts[2], until: until)
        host = parts[4]
        boot = parts[5]
    }

    init?(review name: String) {
        let parts = name.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let id = Names.number(parts[0]) else { return nil }
        self.init(id: id, owner: parts[1], token: parts[2])
    }

    static func settling(_ name: String) -> (Claim, Outcome)? {
        guard let comma = name.lastIndex(of: ","),
            let outcome = Outcome(rawValue: String(name[name.index(after: comma)...])),
            let claim = Claim(review: String(name[..<comma]))
        else { return nil }
        return (claim, outcome)
    }

    var claimedName: String { "\(id),\(owner),\(token),\(until),\(host),\(boot)" }
    var reviewName: String { "\(id),\(owner),\(token)" }
    func settleName(_ outcome: Outcome) -> String { "\(id),\(owner),\(token),\(outcome.rawValue)" }
}

/// Where a task's one marker is.
struct Marker {
    enum Place: Equatable {
        case edit, blocked
        case deferred(Int)
        case ready(String, Int)
        case claimed(Claim)
        case review(Claim)
        case settle(Claim, Outcome)
        case done, failed, cancelled
    }

    var id: Int
    var place: Place

    var state: State {
        switch place {
        case .edit, .blocked: return .blocked
        case .deferred: return .deferred
        case .ready: return .ready
        case .claimed: return .claimed
        case .review: return .review
        case .settle(_, let outcome): return outcome.state
        case .done: return .done
        case .failed: return .failed
        case .cancelled: return .cancelled
        }
    }

    func path(_ bus: Bus) -> FilePath {
        switch place {
        case .edit: return bus.marker(.edit, id)
        case .blocked: return bus.marker(.blocked, id)
        case .deferred(let due): return bus.deferred(due: due, id)
        case .ready(let queue, let priority): return bus.ready(queue, priority, id)
        case .claimed(let claim): return bus.marker(.claimed, claim.claimedName)
        case .review(let claim): return bus.marker(.review, claim.reviewName)
        case .settle(let claim, let outcome): return bus.settleMarker(claim, outcome)
        case .done: return bus.marker(.done, id)
        case .failed: return bus.marker(.failed, id)
        case .cancelled: return bus.marker(.cancelled, id)
        }
    }
}

extension Bus {
    func settleMarker(_ claim: Claim, _ outcome: Outcome) -> FilePath { marker(.settle, claim.settleName(outcome)) }

    // Finding tasks while they move. A marker can move forward between two looks. So `find` looks for an id along the
    // flow of states, and starts over if it was nowhere; `markers` goes by the ids in tasks/, keeps the last sighting
    // of each, and looks for unseen ids one by one. A task that has no marker even under the lock is an error, never
    // "no task".

    /// The marker of a task; nil if no task has this id. Throws if the task exists but its marker can't be found.
    func find(_ id: Int) throws -> Marker? {
        for _ in 0..<8 {
            if let marker = try look(id) { return marker }
            guard try Files.exists(task(id)) else { return nil }
        }
        return try locked("find") { try find(id, $0) }
    }

    func find(_ id: Int, _: LockProof) throws -> Marker? {
        // Claims, leases and finishes move without the lock, but only forward and a bounded number of times.
        for _ in 0..<64 { if let marker = try look(id) { return marker } }
        guard try Files.exists(task(id)) else { return nil }
        throw Failure.unsure("'\(task(id).string)' has no marker in 'state': the bus is damaged; see 'cadre doctor'")
    }

    private func look(_ id: Int) throws -> Marker? {
        func at(_ places: Marker.Place...) throws -> Marker? {
            for place in places {
                let marker = Marker(id: id, place: place)
                if try Files.exists(marker.path(self)) { return marker }
            }
            return nil
        }
        // Where the header puts it, then the small directories, then the ends.
        if let header = try header(id) {
            if let found = try at(.ready(header.queue, header.priority), .blocked, .deferred(header.deferred)) {
                return found
            }
        }
        if let claim = try claims(of: id).first { return Marker(id: id, place: .claimed(claim)) }
        for claim in try reviews() where claim.id == id { return Marker(id: id, place: .review(claim)) }
        for (claim, outcome) in try settling() where claim.id == id {
            return Marker(id: id, place: .settle(claim, outcome))
        }
        if let found = try at(.done, .failed, .cancelled, .edit) { return found }
        // Everywhere else: its header was changed and it hasn't moved yet.
        for (name, queues) in try readyPlaces() {
            for priority in queues { if let found = try at(.ready(name, priority)) { return found } }
        }
        for due in try deferred() where due.id == id { return Marker(id: id, place: .deferred(due.due)) }
        return nil
    }

    /// Every task's marker, by id.
    func markers() throws -> [Int: Marker] {
        guard let known = try Files.list(tasks) else { throw missing(tasks) }
        var found: [Int: Marker] = [:]
        func note(_ id: Int, _ place: Marker.Place) { found[id] = Marker(id: id, place: place) }
        func plain(_ directory: StateDirectory, _ place: Marker.Place) throws {
            for name in try listState(directory) { if let id = Int(name) { note(id, place) } }
        }
        try plain(.edit, .edit)
        for (queue, priorities) in try readyPlaces() {
            for priority in priorities {
                let top = ready(queue, priority)
                for bucket in try Files.list(top) ?? [] {
                    for name in try Files.list(top.appending(bucket)) ?? [] {
                        if let id = Int(name) { note(id, .ready(queue, priority)) }
                    }
                }
            }
        }
        try plain(.blocked, .blocked)
        for due in try deferred() { note(due.id, .deferred(due.due)) }
        for claim in try claims() { note(claim.id, .claimed(claim)) }
        for claim in try reviews() { note(claim.id, .review(claim)) }
        for (claim, outcome) in try settling() { note(claim.id, .settle(claim, outcome)) }
        try plain(.done, .done)
        try plain(.failed, .failed)
        try plain(.cancelled, .cancelled)
        var all: [Int: Marker] = [:]
        for name in known {
            guard let id = Int(name) else { continue }
            if let marker = try found[id] ?? find(id) { all[id] = marker }
        }
        return all
    }

    /// The queues that exist and the priorities each has directories for.
    func readyPlaces() throws -> [(String, [Int])] {
        try listState(.ready).map { name in
            (name, try (Files.list(queue(name)) ?? []).compactMap { Int($0) }.sorted())
        }
    }

    /// All live claims.
    package func claims() throws -> [Claim] { try parsed(.claimed) { Claim(claimed: $0) } }

    /// The live claims of a task (one, but for a look between two moves) or of an owner.
    func claims(of id: Int) throws -> [Claim] {
        try parsed(.claimed, containing: "\(id),") { Claim(claimed: $0) }.filter { $0.id == id }
    }
    func claims(by owner: String) throws -> [Claim] {
        try parsed(.claimed, containing: ",\(owner),") { Claim(claimed: $0) }.filter { $0.owner == owner }
    }

    /// All submitted tasks, as held by the queue.
    package func reviews() throws -> [Claim] { try parsed(.review) { Claim(review: $0) } }

    func settling() throws -> [(Claim, Outcome)] {
        try parsed(.settle, Claim.settling)
    }

    func deferred() throws -> [(due: Int, id: Int)] { try deferredGroups().flatMap(deferred) }

    /// The directories in `deferred/`, each of one span, earliest first.
    func deferredGroups() throws -> [Int] { try listState(.deferred).compactMap { Int($0) }.sorted() }

    func deferred(_ group: Int) throws -> [(due: Int, id: Int)] {
        try (Files.list(deferredGroup(group)) ?? []).compactMap { name in
            let parts = name.split(separator: ",")
            guard parts.count == 2, let due = Names.number(parts[0], digits: 12), let id = Names.number(parts[1]) else {
                return nil
            }
            return (due, id)
        }
    }

    /// The names in a state directory as what they say. One that makes no sense is damage: a task may be behind it.
    private func parsed<T>(_ directory: StateDirectory, containing part: String = "", _ parse: (String) -> T?) throws
        -> [T]
    {
        try listState(directory, containing: part).map { name in
            if let meant = parse(name) { return meant }
            throw notMarker(directory, name)
        }
    }

    func notMarker(_ directory: StateDirectory, _ name: String) -> Failure {
        .unsure(
            "'\(marker(directory, name).string)' is not a task's marker: the bus is damaged; see 'cadre "
                + "doctor'"
        )
    }

    func listState(_ directory: StateDirectory, containing part: String = "") throws -> [String] {
        guard let names = try Files.list(state(directory), containing: part) else { throw missing(state(directory)) }
        return names
    }

    func missing(_ path: FilePath) -> Failure {
        .unsure("'\(path.string)' is missing: the bus is damaged; see 'cadre doctor'")
    }
}
