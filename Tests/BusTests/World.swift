import Glibc
import Storage
import SystemPackage

@testable import Bus

/// A bus in memory, removed with the value.
final class World {
    let root: FilePath
    let bus: Bus
    private var locks: [FileDescriptor] = []

    init() throws {
        root = FilePath("/dev/shm/cadre-bus-\(Random.hex(16))")
        bus = try Bus.make(root.appending("cadre")).bus
    }

    deinit {
        for lock in locks { try? lock.close() }
        try? Files.removeAll(root)
    }

    @discardableResult
    func add(_ title: String = "a", _ change: (inout TaskHeader) -> Void = { _ in }) throws -> Int {
        var header = TaskHeader(title: title)
        change(&header)
        return try bus.add(header, by: "human")
    }

    func state(_ id: Int) throws -> State { try bus.view(id).state }

    /// An agent whose supervisor lives, and the token of its session.
    @discardableResult
    func agent(_ name: String, lives: Bool = true, _ change: (inout AgentCard) -> Void = { _ in }) throws -> String {
        try Files.mkdirs(bus.agent(name))
        var card = AgentCard()
        card.created = 1
        change(&card)
        try bus.write(card, to: bus.card(name))
        if lives { locks.append(try LivenessLock.take(bus.alive(name))!) }
        return try bus.beginSession(name, pane: nil, server: nil).token!
    }

    /// A lease that has ended, in the place of a claim.
    func expire(_ claim: Claim) throws -> Claim {
        var old = claim
        old.until = 1
        _ = try Files.rename(
            Marker(id: claim.id, place: .claimed(claim)).path(bus), Marker(id: claim.id, place: .claimed(old)).path(bus)
        )
        return old
    }

    func events(_ name: String) throws -> Int {
        var count = 0
        try bus.events(follow: false) {
            if $0["event"] == name { count += 1 }
        } pause: {
        }
        return count
    }
}
