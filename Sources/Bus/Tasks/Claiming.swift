import Glibc
import Storage
import SystemPackage

/// Who claims.
package struct Worker {
    package var name: String
    /// The session's token where a supervisor answers for the worker; nil: each claim is a lease with its own.
    package var session: String?
    package var role: String?
    /// Whether its role may take epics.
    package var manages = false
    /// The name of its program; nil for a command, and for one without a card.
    package var program: String?
    /// Whether it takes only what is for its program, or for itself by name.
    package var onlyForProgram = false
    /// Seconds of a lease.
    package var lease = 3600

    package init(name: String, session: String? = nil, role: String? = nil, manages: Bool = false, lease: Int = 3600) {
        self.name = name
        self.session = session
        self.role = role
        self.manages = manages
        self.lease = lease
    }

    /// An agent in its session.
    package init(_ agent: AgentView, role: String?, manages: Bool, lease: Int = 3600) {
        self.init(name: agent.name, session: agent.token, role: role, manages: manages, lease: lease)
        program = agent.program
        onlyForProgram = agent.session?[AgentSessionFields.takes] != nil
    }

    /// The ready queues it takes from.
    package var queues: [String] {
        let shared =
            onlyForProgram
            ? []
            : [ReadyQueue.any] + (role.map { [ReadyQueue.of(role: $0)] } ?? []) + (manages ? [ReadyQueue.epic] : [])
        return own + shared + forProgram
    }

    /// Those of its program.
    private var forProgram: [String] {
        guard let program else { return [] }
        let all = ReadyQueue.of(program: program, role: nil)
        return [all] + (role.map { [ReadyQueue.of(program: program, role: $0)] } ?? [])
    }

    /// The queue whose `turn` it waits at, which is one for all that take from the same.
    var line: String { forProgram.last ?? role.map(ReadyQueue.of) ?? ReadyQueue.any }

    /// Those that nobody else takes from.
    var own: [String] { [ReadyQueue.only(name), ReadyQueue.first(name)] }
}

// A claim is one rename, without a lock:
//
//   state/ready/QUEUE/P/BUCKET/ID -> state/claimed/ID,OWNER,TOKEN,UNTIL,HOST,BOOT
//
// Of all who try, one finds the source; the others take the next. Priority first, then the smallest id, which is the
// oldest. A crash leaves either side of one rename, so there is nothing to heal.
extension Bus {
    /// What this worker holds in this session, oldest first. Of a worker without a session: all it holds.
    package func held(by worker: Worker) throws -> [Claim] {
        try claims(by: worker.name).filter { worker.session == nil || $0.token == worker.session }
            .sorted { $0.id < $1.id }
    }

    /// What has become of a claim.
    package enum ClaimFate {
        case held
        /// The task was handed in or is done, under this token.
        case ended
        /// It was taken away, or the task was cancelled or has failed.
        case lost
    }

    /// Whether a claim is still its owner's, under whatever end of lease it has now.
    package func fate(of claim: Claim) throws -> ClaimFate {
        func isSame(_ other: Claim) -> Bool { other.token == claim.token && other.owner == claim.owner }
        if try Files.exists(Marker(id: claim.id, place: .claimed(claim)).path(self)) { return .held }
        switch try find(claim.id)?.place {
        case .claimed(let now) where isSame(now): return .held
        case .review(let now) where isSame(now), .settle(let now, .done) where isSame(now): return .ended
        case .done: return try end(claim.id)?.token == claim.token ? .ended : .lost
        default: return .lost
        }
    }

    /// The best ready task that fits the worker, claimed; nil if there is none. A worker with a session gets what it
    /// already holds.
    package func claimBest(_ worker: Worker) throws -> Claim? {
        guard worker.session != nil else { return try takeBest(worker) }
        try requireFormat()
        return try FileLock.with(assignment(worker.name), seconds: 30, verb: "claim") { _ in
            try held(by: worker).first ?? takeBest(worker)
        }
    }

    private func takeBest(_ worker: Worker) throws -> Claim? {
        // Most queues were never made: they are asked for once, not for each priority.
        let queues = try worker.queues.filter { try Files.exists(queue($0)) }
        for priority in 0...4 {
            while let (queue, id) = try best(queues, priority) {
                // One that can't be read is not to be taken.
                _ = try header(id)
                if let claim = try take(id, queue, priority, worker) { return claim }
            }
        }
        return nil
    }

    /// The smallest id over all queues. An empty bucket is removed on the way.
    func best(_ queues: [String], _ priority: Int) throws -> (String, Int)? {
        var found: (String, Int)?
        for queue in queues {
            let top = ready(queue, priority)
            while let bucket = try Files.minimum(top) {
                if let found, found.1 < bucket * 100 { break }
                let directory = ready(queue, priority, bucket: bucket)
                if let id = try Files.minimum(directory) {
                    if found == nil || id < found!.1 { found = (queue, id) }
                    break
                }
                try Files.rmdir(directory)
            }
        }
        return found
    }

    private func take(_ id: Int, _ queue: String, _ priority: Int, _ worker: Worker) throws -> Claim? {
        let claim = Claim(
            id: id, owner: worker.name, token: worker.session ?? Random.token(),
            until: worker.session == nil ? Time.now() + worker.lease : 0)
        let from = ready(queue, priority, id)
        if try Files.rename(from, marker(.claimed, claim.claimedName)) {
            journal("claimed", by: worker.name, ["task": "\(id)"])
            return claim
        }
        if try Files.exists(from), try !Files.exists(state(.claimed)) { throw missing(state(.claimed)) }
        return nil
    }

    /// Claims this very task. Throws `Failure.no` with the reason if it can't be had. A claim of the same session again
    /// is no error.
    package func claim(_ id: Int, _ worker: Worker) throws -> Claim {
        for _ in 0..<64 {
            guard let marker = try find(id), let header = try header(id) else { throw noTask(id) }
            switch marker.place {
            case .ready(let queue, let priority):
                try fits(id, header, worker)
                if let claim = try take(id, queue, priority, worker) { return claim }
            case .claimed(let holder):
                if holder.owner == worker.name, worker.session == nil || worker.session == holder.token {
                    return holder
                }
                throw Failure.no("task \(id) is claimed by '\(holder.owner)'")
            case .edit: try changing("claim") { _ in }
            default: throw Failure.no("task \(id) is \(try explain(view(marker, header)))")
            }
        }
        throw Failure.unsure("task \(id) moves too fast, try again")
    }

    private func fits(_ id: Int, _ header: TaskHeader, _ worker: Worker) throws {
        if let only = header.only, only != worker.name { throw Failure.no("task \(id) is for '\(only)'") }
        if header.isEpic, !worker.manages {
            throw Failure.no("task \(id) is an epic: only a role that manages claims it")
        }
        if let role = header.role, role != worker.role, worker.name != "human", header.to != worker.name {
            throw Failure.no("task \(id) is for role '\(role)'")
        }
        guard let own = worker.program, own != header.program, header.to != worker.name else { return }
        if let program = header.program, !header.isEpic {
            throw Failure.no("task \(id) is for the program '\(program)'")
        }
        if worker.onlyForProgram {
            throw Failure.no("task \(id) is not for '\(own)': 'cadre task edit --agent \(own) \(id)' gives it to that")
        }
    }

    /// A state with its reason: `blocked by failed 7`, `deferred until …`. `states`: those of all tasks, where the
    /// caller has them from the same look.
    package func explain(_ view: TaskView, _ states: [Int: State]? = nil) throws -> String {
        func state(_ id: Int) throws -> State? { try states.map { $0[id] } ?? find(id)?.state }
        switch view.state {
        case .deferred:
            guard let due = view.due else { return view.state.rawValue }
            return "deferred until \(Time.text(due))" + (view.header.retry.map { ": \($0.why)" } ?? "")
        case .blocked:
            var open: [String] = []
            for other in view.header.depends {
                switch try state(other) {
                case .done: continue
                case .failed: return "blocked by failed \(other)"
                case .cancelled: return "blocked by cancelled \(other)"
                default: open.append("\(other)")
                }
            }
            if open.isEmpty, let parent = view.header.parent, let state = try state(parent) {
                return "blocked by its parent \(parent) (\(state.rawValue))"
            }
            return open.isEmpty ? "blocked" : "blocked by \(open.joined(separator: " "))"
        default: return view.state.rawValue
        }
    }

    /// Gives the leases of this worker a new end. Returns what it holds. Throws `Failure.no` if a given id is not held.
    package func renew(_ worker: Worker, only id: Int? = nil, token: String? = nil) throws -> [Claim] {
        var renewed: [Claim] = []
        for claim in try held(by: worker) where id == nil || claim.id == id {
            if let token, claim.token != token { continue }
            if let new = try renew(claim, worker.lease) { renewed.append(new) }
        }
        if let id, renewed.isEmpty { throw try lost(id, worker.name) }
        return renewed
    }

    /// Nil if the claim is gone. Another renewal may give it a new name between our look and our rename, so look again.
    private func renew(_ claim: Claim, _ lease: Int) throws -> Claim? {
        var now: Claim? = claim
        for _ in 0..<64 {
            guard let old = now, old.until != 0 else { return now }
            var new = old
            new.until = max(Time.now() + lease, old.until + 1)
            if try Files.rename(
                Marker(id: old.id, place: .claimed(old)).path(self), marker(.claimed, new.claimedName))
            {
                return new
            }
            now = try claims(of: claim.id).first { $0.token == claim.token && $0.owner == claim.owner }
        }
        return now
    }

    /// Gives a task back: claimed/… -> edit/ID, then where it belongs. `tells`: who held it is told, see `Taken`.
    package func release(_ claim: Claim, by: String, tells: Bool = false) throws {
        try changing("release") { held in
            try giveBack(claim, by: by, tells: tells)
            try place(claim.id, held)
            journal("released", by: by, ["task": "\(claim.id)", "owner": claim.owner])
        }
    }

    /// Carries the claims of an earlier session over to the one that follows it, which fences the earlier one.
    /// Only for a supervisor that has made sure that nothing of the earlier session runs.
    package func adopt(_ name: String, session: String) throws -> [Claim] {
        var mine: [Claim] = []
        for claim in try claims(by: name) where claim.until == 0 {
            var new = claim
            new.token = session
            new.host = Host.name
            new.boot = Host.boot
            let from = Marker(id: claim.id, place: .claimed(claim)).path(self)
            if try new == claim || Files.rename(from, marker(.claimed, new.claimedName)) { mine.append(new) }
        }
        return mine.sorted { $0.id < $1.id }
    }
}
