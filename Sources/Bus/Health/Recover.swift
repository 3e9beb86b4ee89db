import Glibc
import Storage
import SystemPackage

/// What a recovery did and found.
package struct Recovery {
    /// Unfinished steps that were finished.
    package var healed = 0
    /// Tasks taken from owners that are gone.
    package var released: [Int] = []
    /// Agents that should run and don't.
    package var dead: [String] = []
    /// What could not be told or done, a line each; for these nothing was released.
    package var unsure: [String] = []
}

// Recovery is safe at any time, by anyone, by several at once, and after a killed recovery: it only finishes steps that
// every other verb finishes the same way, and takes tasks from dead owners.
//
// An owner is dead if its lease has ended. An agent is dead if the kernel says that its supervisor's lock is free, and
// either nobody will start it again (stopped, quarantined, retired, or restart = never) or nobody has for as long as a
// lease. A paused or frozen agent keeps its task.
// A free lock proves that the supervisor is gone, not that its children are. So before recovery takes a task it ends
// every process that carries the session's token; if it can't make sure of that, it takes nothing. Meanwhile it holds
// the lock itself, so that no supervisor starts.
extension Bus {
    /// `never`: agents whose card doesn't say otherwise are not started again.
    /// `sweep` ends all that runs in the name of the agent and returns when it is gone; it throws if it can't tell.
    package func recover(maxAttempts: Int = 3, lease: Int = 3600, never: Bool = false, sweep: (String) throws -> Void)
        throws -> Recovery
    {
        var done = Recovery()
        // What can't be read keeps nothing else from being put right.
        func attempt(_ step: () throws -> Void) {
            do { try step() } catch { if !done.unsure.contains("\(error)") { done.unsure.append("\(error)") } }
        }
        try locked("recover") { held in
            done.healed += try heal(held) { done.unsure.append($0.message) }
            attempt { done.healed += try healPlans(held) }
            attempt { done.healed += try deliverAnswers(held) }
            attempt { try promote(held) }
        }
        attempt { done.healed += try closeEndedPermissions() }
        attempt { done.healed += try healQueue() }
        for name in try listState(.settle) {
            attempt {
                guard let (claim, outcome) = Claim.settling(name) else { throw notMarker(.settle, name) }
                try settle(claim, outcome)
                done.healed += 1
            }
        }
        for name in try listState(.claimed) {
            attempt {
                guard let claim = Claim(claimed: name) else { throw notMarker(.claimed, name) }
                guard try isOver(claim, lease: lease, never: never) else { return }
                if try steal(claim, maxAttempts: maxAttempts, sweep: sweep) { done.released.append(claim.id) }
            }
        }
        for name in try agentNames() {
            attempt { if try agent(named: name)?.state == .dead { done.dead.append(name) } }
        }
        // A process may have died before it rang the bell. Ring only for a ready task: a waiting worker recovers too,
        // and would wake itself.
        for (queue, priorities) in try readyPlaces() {
            attempt {
                if try priorities.contains(where: { try best([queue], $0) != nil }) { try Files.ring(bell(queue)) }
            }
        }
        try sweepTmp()
        return done
    }

    /// Whether a recovery could make a task ready. A verb that found no task asks this first, without reading the
    /// settings.
    package func hasLeftovers() throws -> Bool {
        for place in [imports, state(.edit), state(.settle)] where try Files.list(place)?.isEmpty == false {
            return true
        }
        if let due = try nextDue(), due <= Time.now() { return true }
        return try claims().contains {
            try $0.until == 0 ? !LivenessLock.isHeld(alive($0.owner)) : $0.until <= Time.now()
        }
    }

    /// Whether the claim's owner is gone for good.
    func isOver(_ claim: Claim, lease: Int, never: Bool) throws -> Bool {
        guard claim.until == 0 else { return claim.until <= Time.now() }
        if try LivenessLock.isHeld(alive(claim.owner)) { return false }
        guard let agent = try agent(named: claim.owner) else { return true }
        if agent.alive { return false }
        // A person set it aside and will let it go on.
        if agent.want == .pause || agent.want == .freeze { return false }
        if agent.want != .run || agent.card.restart.map({ $0 == .never }) ?? never { return true }
        // Nobody starts it again unasked.
        if agent.state == .resting { return true }
        // It will be started again. The lease runs from when its death was first seen.
        if let seen = try goneSince(claim.owner) { return seen + lease <= Time.now() }
        try replace(goneFile(claim.owner), with: Array("\(Time.now())\n".utf8), sync: false)
        return false
    }

    /// When the death of an agent was first seen, seconds since the epoch.
    func goneSince(_ name: String) throws -> Int? {
        try Files.read(goneFile(name)).map { bytes in
            guard let seen = Names.number(String(decoding: bytes.dropLast(), as: UTF8.self), digits: 12) else {
                throw Record.damaged(goneFile(name))
            }
            return seen
        }
    }

    /// Takes the task from a dead owner. Unless the owner was stopped, its death counts as an attempt; the task becomes
    /// ready again, or failed after `maxAttempts`.
    private func steal(_ claim: Claim, maxAttempts: Int, sweep: (String) throws -> Void) throws -> Bool {
        guard claim.until == 0, try Files.exists(agent(claim.owner)) else {
            return try takeAway(claim, maxAttempts: maxAttempts)
        }
        guard let alive = try LivenessLock.take(alive(claim.owner)) else { return false }
        defer { close(alive.rawValue) }
        try sweep(claim.owner)
        return try takeAway(claim, maxAttempts: maxAttempts)
    }

    /// Gives back a task that its living owner can't do, as if the owner had died of it: an attempt is counted, and the
    /// task is ready again, or failed after `maxAttempts`.
    package func giveUp(_ claim: Claim, maxAttempts: Int, why: String) throws {
        _ = try takeAway(claim, maxAttempts: maxAttempts, why: why)
    }

    private func takeAway(_ claim: Claim, maxAttempts: Int, why last: String? = nil) throws -> Bool {
        try changing("recover") { held in
            let marker = Marker(id: claim.id, place: .claimed(claim))
            // Renewed, finished or released meanwhile: the name has changed.
            guard try Files.exists(marker.path(self)), let header = try header(claim.id) else { return false }
            // One that was stopped, or that its keyboard ended, did not die of the task.
            let stopped =
                try claim.until == 0
                && ([.stop, .retire].contains(wanted(claim.owner)) || agent(named: claim.owner)?.state == .resting)
            if !stopped { _ = try Files.create(diedFile(claim.id, claim.token)) }
            let attempts = try attempts(claim.id)
            let why = last.map { "it was tried \(attempts) times, and \($0)" } ?? "its owners died \(attempts) times"
            if !stopped, attempts >= maxAttempts {
                try writeEnd(claim, .failed, by: "cadre", why: why, result: [])
                guard try Files.rename(marker.path(self), settleMarker(claim, .failed)) else {
                    try Files.unlink(diedFile(claim.id, claim.token))
                    return false
                }
                try settle(claim, .failed, header, held)
            } else {
                guard try Files.rename(marker.path(self), Marker(id: claim.id, place: .edit).path(self)) else {
                    try Files.unlink(diedFile(claim.id, claim.token))
                    return false
                }
                try place(claim.id, held)
            }
            journal("taken", by: "cadre", ["task": "\(claim.id)", "owner": claim.owner])
            return true
        }
    }

    /// What a killed writer left in tmp/ longer than an hour ago.
    private func sweepTmp() throws {
        var places = [tmp]
        for name in try Files.list(mail) ?? [] where !name.hasPrefix(".") {
            places.append(box(name, .tmp))
        }
        for place in places {
            for name in try Files.list(place) ?? [] {
                let path = place.appending(name)
                guard let st = try Files.status(path), st.st_mtim.tv_sec < Time.now() - 3600 else { continue }
                try Files.removeAll(path)
            }
        }
    }
}
