import ArgumentParser
import Bus
import Glibc
import Processes
import Storage
import SystemPackage

/// The caller's right to act on a task, a claim or a plan.
extension CommandContext {
    /// The claim the caller wants to end: of this task, or the one it holds. Throws `Failure.no` if it is not the
    /// caller's.
    package func claimed(_ id: Int?, token: String?) throws -> Claim {
        let bus = try bus()
        let worker = try worker()
        let held = try bus.held(by: worker).filter { token == nil || $0.token == token }
        guard let id else {
            guard held.count <= 1 else {
                throw Failure.usage(
                    "'\(worker.name)' holds \(held.map { "\($0.id)" }.joined(separator: ", ")): say which")
            }
            guard let claim = held.first else { throw Failure.no("'\(worker.name)' holds no task") }
            return claim
        }
        if let claim = held.first(where: { $0.id == id }) { return claim }
        let view = try bus.view(id)
        guard view.state == .claimed, let claim = view.claim else {
            throw Failure.no("task \(id) is \(view.state.rawValue), not claimed")
        }
        throw Failure.no(
            claim.owner == worker.name
                ? "task \(id) is claimed by '\(claim.owner)' under another token"
                : "task \(id) is claimed by '\(claim.owner)'")
    }

    /// Another's claim that the caller may take away: a person may take any, an agent those of its children.
    package func revocable(_ id: Int) throws -> Claim {
        let bus = try bus()
        let view = try bus.view(id)
        guard view.state == .claimed, let claim = view.claim else {
            throw Failure.no("task \(id) is \(view.state.rawValue), not claimed")
        }
        let name = try superior()
        guard try name == "human" || bus.agent(named: claim.owner)?.parent == name else {
            throw Failure.no("task \(id) is claimed by '\(claim.owner)': only a person or its parent takes it away")
        }
        return claim
    }

    /// Whether a person acts here by hand: as one, or for an agent.
    package func isByHand(_ owner: String) throws -> Bool {
        if owner == "human" { return true }
        return try common.as == owner && bus().agent(named: owner) != nil && descentResult.get() == .person
    }

    /// Whether `name` decides about a plan: a person any, an agent what it is asked, and those of whom it is above;
    /// never who made it or holds its task.
    package func mayDecide(_ name: String, planIn ask: Ask) throws -> Bool {
        if name == "human" { return true }
        let bus = try bus()
        let holder = try ask.record.task.flatMap { id in try bus.claims().first { $0.id == id }?.owner }
        return try name != ask.from && name != holder && (ask.record.to == name || bus.isAbove(name, ask.from))
    }

    /// Throws `Failure.no` unless the caller may say that a task needs no plan: a person, who made the task and does
    /// not hold it, or an agent above who does.
    package func requireFreeOfPlan(_ id: Int) throws {
        let bus = try bus()
        guard let header = try bus.header(id), try bus.planning(id, header)?.holds == true else { return }
        let name = try superior()
        let holder = try bus.claims().first { $0.id == id }?.owner
        guard
            try name == "human"
                || (name != holder && (header.by == name || holder.map { try bus.isAbove(name, $0) } ?? false))
        else {
            throw Failure.no(
                "task \(id) is for planning: only a person\(header.by == "human" ? "" : ", '\(header.by)'") or a "
                    + "superior of who holds it takes that back"
            )
        }
    }
}
