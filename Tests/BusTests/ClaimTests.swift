import Foundation
import Storage
import SystemPackage
import Testing

@testable import Bus

@Suite struct ClaimTests {
    private let world: World
    private var bus: Bus { world.bus }
    private let bob = Worker(name: "bob", session: "0123456789")
    /// Who gets another task each time.
    private let anybody = Worker(name: "human")

    init() throws {
        world = try World()
        for name in ["bob", "bo", "eve", "dan", "lead", "w0", "w1", "w2", "w3"] { try world.agent(name, lives: false) }
    }

    private func refusal(_ body: () throws -> Void) -> String? {
        do { try body() } catch let failure as Failure {
            return failure.kind == .no ? failure.message : "\(failure.kind)"
        } catch { return "\(error)" }
        return nil
    }

    @Test func priorityFirstThenTheOldest() throws {
        for priority in [2, 0, 4, 0, 1] { try world.add { $0.priority = priority } }
        let order = try (0..<5).map { _ in try #require(try bus.claimBest(anybody)).id }
        #expect(order == [2, 4, 5, 1, 3])
        #expect(try bus.claimBest(anybody) == nil)
    }

    @Test func theOldestOverAllQueuesAndBuckets() throws {
        for n in 1...205 { try world.add { $0.role = n % 2 == 0 ? "builder" : nil } }
        let builder = Worker(name: "human", role: "builder")
        for n in 1...205 { #expect(try bus.claimBest(builder)?.id == n) }
    }

    @Test func aRoleAProgramAndANameAreForThoseAlone() throws {
        try world.add { $0.role = "builder" }
        try world.add { $0.program = "claude" }
        try world.add { $0.to = "eve" }
        #expect(try bus.claimBest(bob) == nil)
        var claude = bob
        claude.program = "claude"
        #expect(try bus.claimBest(claude)?.id == 2)
        #expect(try bus.claimBest(Worker(name: "eve", session: "2"))?.id == 3)
        #expect(try bus.claimBest(Worker(name: "dan", session: "3", role: "builder"))?.id == 1)
    }

    @Test func oneByItsIdHasReasons() throws {
        let role = try world.add { $0.role = "builder" }
        let program = try world.add { $0.program = "claude" }
        let named = try world.add { $0.to = "eve" }
        let any = try world.add()
        var codex = bob
        codex.program = "codex"
        #expect(refusal { _ = try bus.claim(role, bob) } == "task \(role) is for role 'builder'")
        #expect(refusal { _ = try bus.claim(program, codex) } == "task \(program) is for the program 'claude'")
        #expect(refusal { _ = try bus.claim(named, bob) } == "task \(named) is for 'eve'")
        #expect(refusal { _ = try bus.claim(99, bob) } == "no task 99")
        let claude = try world.add { $0.program = "claude" }
        var other = codex
        other.program = "claude"
        #expect(try bus.claim(claude, other).id == claude)
        // A person takes what is for a role; one of another program by its name what is for that.
        #expect(try bus.claim(role, Worker(name: "human")).owner == "human")
        let own = try world.add { ($0.to, $0.program) = ("bob", "claude") }
        #expect(try bus.claim(own, codex).owner == "bob")
        codex.onlyForProgram = true
        #expect(refusal { _ = try bus.claim(any, codex) }?.hasPrefix("task \(any) is not for 'codex'") == true)
        #expect(try bus.claim(any, bob).id == any)
        #expect(try bus.claim(any, bob).token == bob.session)
        #expect(
            refusal { _ = try bus.claim(any, Worker(name: "bob", session: "other")) }
                == "task \(any) is claimed by 'bob'")
        #expect(refusal { _ = try bus.claim(any, codex) } == nil)
        #expect(refusal { _ = try bus.claim(any, Worker(name: "eve")) } == "task \(any) is claimed by 'bob'")
    }

    @Test func anEpicIsForWhoManages() throws {
        let epic = try world.add()
        try world.add { $0.parent = epic }
        #expect(
            refusal { _ = try bus.claim(epic, bob) } == "task \(epic) is an epic: only a role that manages claims it")
        #expect(try bus.claimBest(anybody)?.id == epic + 1)
        #expect(try bus.claimBest(anybody) == nil)
        #expect(try bus.claimBest(Worker(name: "lead", session: "1", manages: true))?.id == epic)
    }

    @Test func aLeaseEndsUnlessItIsRenewed() throws {
        try world.add()
        try world.add()
        let eve = Worker(name: "eve", lease: 1000)
        let start = Time.now()
        let claim = try #require(try bus.claimBest(eve))
        #expect(try bus.claim(claim.id, eve) == claim)
        #expect((start + 1000...Time.now() + 1000).contains(claim.until))
        #expect(claim.token.utf8.count == 10)
        let renewed = try bus.renew(Worker(name: "eve", lease: 5000))
        #expect(renewed.map(\.id) == [1] && renewed[0].until >= claim.until + 4000 && renewed[0].token == claim.token)
        #expect(try bus.fate(of: claim) == .held)
        #expect(try bus.renew(eve, only: 1, token: claim.token).first?.until == renewed[0].until + 1)
        #expect(refusal { _ = try bus.renew(eve, only: 1, token: "other") } != nil)
        #expect(refusal { _ = try bus.renew(eve, only: 2) }?.hasPrefix("task 2 is ready") == true)
        // Of a session there is no lease to renew.
        #expect(try bus.claimBest(bob)?.until == 0)
        #expect(try bus.renew(bob).map(\.until) == [0])
    }

    @Test func oneOfManyGetsIt() async throws {
        for _ in 0..<40 { try world.add() }
        let root = bus.root
        let claims = try await withThrowingTaskGroup(of: [Int].self) { group in
            for n in 0..<4 {
                group.addTask {
                    let bus = try #require(try Bus.open(root))
                    var mine: [Int] = []
                    while let claim = try bus.claimBest(Worker(name: "w\(n)")) {
                        mine.append(claim.id)
                    }
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(claims.sorted() == Array(1...40))
        #expect(try world.events("claimed") == 40)
    }

    @Test func whatBecameOfAClaim() throws {
        try world.add()
        let claim = try #require(try bus.claimBest(bob))
        var other = claim
        other.token = "other"
        #expect(try bus.fate(of: claim) == .held && bus.fate(of: other) == .lost)
        #expect(
            refusal { try bus.finish(other, by: "bob") } == "task 1 is claimed by 'bob' under another session's token")
        try bus.finish(claim, by: "bob", result: [1])
        #expect(try bus.fate(of: claim) == .ended && bus.fate(of: other) == .lost)
        #expect(try world.state(1) == .done && bus.end(1)?.body == [1])
        #expect(refusal { try bus.finish(claim, by: "bob") } == "task 1 is done, not claimed by 'bob'")

        try world.add()
        let second = try #require(try bus.claimBest(bob))
        try bus.release(second, by: "bob")
        #expect(try bus.fate(of: second) == .lost && world.state(2) == .ready)
    }

    @Test func theNextSessionHasTheClaimsOfTheLast() throws {
        try world.add()
        try world.add()
        try world.add()
        let first = try #require(try bus.claimBest(bob))
        _ = try bus.claimBest(Worker(name: "bo", session: "x"))
        #expect(try bus.claimBest(bob) == first)
        // A lease is no session's.
        let lease = try #require(try bus.claimBest(Worker(name: "bob")))
        let mine = try bus.adopt("bob", session: "next")
        #expect(mine.map(\.id) == [1] && mine[0].token == "next")
        #expect(refusal { try bus.finish(first, by: "bob") } != nil)
        #expect(try bus.held(by: bob).isEmpty && bus.held(by: Worker(name: "bob", session: "next")).map(\.id) == [1])
        #expect(try bus.claims(by: "bo").map(\.id) == [2] && bus.fate(of: lease) == .held)
    }

    @Test func dependentsWait() throws {
        let first = try world.add()
        let second = try world.add { $0.depends = [first] }
        let later = try world.add { $0.deferred = Time.now() + 1000 }
        #expect(refusal { _ = try bus.claim(second, bob) } == "task 2 is blocked by 1")
        #expect(refusal { _ = try bus.claim(later, bob) }?.hasPrefix("task 3 is deferred until ") == true)
        let claim = try #require(try bus.claimBest(anybody))
        #expect(try bus.claimBest(anybody) == nil)
        try bus.finish(claim, by: "human")
        #expect(try bus.claimBest(anybody)?.id == second)
    }
}
