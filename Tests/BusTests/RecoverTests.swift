import Foundation
import Storage
import SystemPackage
import Testing

@testable import Bus

@Suite struct RecoverTests {
    private let world: World
    private var bus: Bus { world.bus }

    init() throws { world = try World() }

    /// Names of agents that were swept.
    private func recover(maxAttempts: Int = 3, lease: Int = 3600, never: Bool = false) throws -> (
        Recovery, swept: [String]
    ) {
        var swept: [String] = []
        let done = try bus.recover(maxAttempts: maxAttempts, lease: lease, never: never) { swept.append($0) }
        #expect(done.unsure.isEmpty)
        return (done, swept)
    }

    @Test func aLeaseThatHasEndedIsTaken() throws {
        try world.add()
        try world.add()
        let claim = try #require(try bus.claimBest(Worker(name: "eve")))
        #expect(try recover().0.released.isEmpty && !bus.hasLeftovers())
        _ = try world.expire(claim)
        #expect(try bus.hasLeftovers())
        let (done, swept) = try recover()
        #expect(done.released == [1] && swept.isEmpty)
        #expect(try world.state(1) == .ready && bus.attempts(1) == 1)
        #expect(try world.events("taken") == 1)
    }

    @Test func afterSoManyDeathsItHasFailed() throws {
        try world.add()
        let dependent = try world.add { $0.depends = [1] }
        for n in 1...3 {
            #expect(try world.state(1) == .ready)
            _ = try world.expire(bus.claim(1, Worker(name: "eve")))
            #expect(try recover().0.released == [1])
            #expect(try bus.attempts(1) == n)
        }
        #expect(try world.state(1) == .failed && bus.end(1)?.why == "its owners died 3 times")
        #expect(try bus.explain(bus.view(dependent)) == "blocked by failed 1")
    }

    @Test func whoLivesKeepsIt() throws {
        try world.add()
        let token = try world.agent("bob")
        _ = try bus.claimBest(Worker(name: "bob", session: token))
        let (done, swept) = try recover(lease: 0, never: true)
        #expect(done.released.isEmpty && done.dead.isEmpty && swept.isEmpty)
    }

    @Test(
        arguments: [
            (DesiredState.run, false, nil), (.run, true, 1), (.stop, false, 0), (.quarantine, false, 1),
            (.pause, true, nil),
            (.freeze, true, nil),
        ] as [(DesiredState, Bool, Int?)])
    func whoIsDead(want: DesiredState, never: Bool, attempts: Int?) throws {
        try world.add()
        let token = try world.agent("bob", lives: false)
        _ = try bus.claimBest(Worker(name: "bob", session: token))
        try bus.setWant("bob", want, by: "human")
        let (done, swept) = try recover(never: never)
        #expect(done.released == (attempts == nil ? [] : [1]) && swept == (attempts == nil ? [] : ["bob"]))
        #expect(try bus.attempts(1) == attempts ?? 0)
        #expect(done.dead == (want == .run ? ["bob"] : []))
    }

    @Test func whoIsToBeStartedAgainHasALeasesTime() throws {
        try world.add()
        let token = try world.agent("bob", lives: false)
        _ = try bus.claimBest(Worker(name: "bob", session: token))
        let start = Time.now()
        #expect(try recover(lease: 3600).0.released.isEmpty)
        let seen = try #require(try bus.goneSince("bob"))
        #expect((start...Time.now()).contains(seen))
        #expect(try recover(lease: 3600).0.released.isEmpty)
        try Files.write(Array("\(Time.now() - 3600)\n".utf8), to: bus.goneFile("bob"), sync: false)
        #expect(try recover(lease: 3600).0.released == [1])
    }

    @Test func theCardSaysWhetherItIsStartedAgain() throws {
        for (name, policy) in [("a", RestartPolicy.never), ("b", .always)] {
            try world.add()
            let token = try world.agent(name, lives: false) { $0.restart = policy }
            _ = try bus.claimBest(Worker(name: name, session: token))
        }
        #expect(try recover(never: true).0.released == [1])
    }

    @Test func whereItCantBeToldNothingIsTaken() throws {
        try world.add()
        try world.add()
        let token = try world.agent("bob", lives: false)
        _ = try bus.claimBest(Worker(name: "bob", session: token))
        _ = try world.expire(bus.claim(2, Worker(name: "eve")))
        let done = try bus.recover(never: true) { _ in throw Failure.unsure("can't tell") }
        #expect(done.unsure == ["can't tell"] && done.released == [2])
        #expect(try world.state(1) == .claimed)
    }

    /// While it is swept no supervisor can start.
    @Test func itsLockIsHeldMeanwhile() throws {
        try world.add()
        let token = try world.agent("bob", lives: false)
        _ = try bus.claimBest(Worker(name: "bob", session: token))
        var wasHeld = false
        _ = try bus.recover(never: true) { wasHeld = try LivenessLock.isHeld(bus.alive($0)) }
        #expect(wasHeld)
        #expect(try !LivenessLock.isHeld(bus.alive("bob")))
    }

    @Test func whatWasRenewedMeanwhileStays() throws {
        try world.add()
        let token = try world.agent("bob", lives: false)
        let claim = try #require(try bus.claimBest(Worker(name: "bob", session: token)))
        let done = try bus.recover(never: true) { _ in try bus.finish(claim, by: "bob") }
        #expect(done.released.isEmpty)
        #expect(try world.state(1) == .done && bus.attempts(1) == 0)
    }

    @Test func stepsThatWereCutShortAreFinished() throws {
        try world.add()
        try world.add { $0.depends = [1] }
        let claim = try #require(try bus.claimBest(Worker(name: "eve")))
        // Killed right behind the commit point.
        try bus.writeEnd(claim, .done, by: "eve", why: nil, result: [])
        try bus.take(claim, bus.settleMarker(claim, .done))
        #expect(try world.state(2) == .blocked && bus.hasLeftovers())
        #expect(try recover().0.healed == 1)
        #expect(try world.state(1) == .done && world.state(2) == .ready)
        #expect(try recover().0.healed == 0)
        // And in edit/.
        _ = try Files.rename(
            Marker(id: 2, place: .ready(ReadyQueue.any, 2)).path(bus), Marker(id: 2, place: .edit).path(bus))
        #expect(try bus.hasLeftovers())
        #expect(try recover().0.healed == 1)
        #expect(try world.state(2) == .ready)
    }

    @Test func whatIsDueIsReady() throws {
        let id = try world.add { $0.deferred = Time.now() + 1000 }
        #expect(try !bus.hasLeftovers())
        // As it would be had it been added long ago.
        var header = try #require(try bus.header(id))
        let (before, now) = (bus.deferred(due: header.deferred, id), bus.deferred(due: 1, id))
        header.deferred = 1
        try bus.replace(bus.taskFile(id), with: header.record.bytes, sync: false)
        try Files.mkdirs(now.removingLastComponent())
        #expect(try Files.rename(before, now))
        #expect(try bus.hasLeftovers())
        _ = try recover()
        #expect(try world.state(id) == .ready)
    }

    @Test func onlyWhatIsOldIsSweptFromTmp() throws {
        let (old, new) = (bus.tmp.appending("old"), bus.tmp.appending("new"))
        for path in [old, new] { try Files.write([], to: path, sync: false) }
        var times = [timespec(tv_sec: Time.now() - 3700, tv_nsec: 0), timespec(tv_sec: Time.now() - 3700, tv_nsec: 0)]
        utimensat(AT_FDCWD, old.string, &times, 0)
        _ = try recover()
        #expect(try !Files.exists(old) && Files.exists(new))
    }
}
