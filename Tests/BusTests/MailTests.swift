import Foundation
import Storage
import SystemPackage
import Testing

@testable import Bus

@Suite struct MailTests {
    private let world: World
    private var bus: Bus { world.bus }

    init() throws {
        world = try World()
        try world.agent("bob")
    }

    @discardableResult
    private func send(_ subject: String, from: String = "human", to: String = "bob") throws -> String {
        try bus.send(from: from, to: to, subject: subject, body: Array("body of \(subject)\n".utf8))
    }

    private func next(_ name: String = "bob") throws -> String? {
        var subject: String?
        _ = try bus.next(of: name) { subject = $0.subject }
        return subject
    }

    @Test func whatIsSentIsReadOnce() throws {
        let start = Time.now()
        let question = try send("first")
        let id = try bus.send(
            from: "human", to: "bob", subject: "re", body: [1, 10, 2], replyTo: question, urgent: true)
        let message = try #require(try bus.message(id, of: "bob"))
        #expect(
            message.from == "human" && message.to == "bob" && message.subject == "re" && message.body == [1, 10, 2])
        #expect(message.urgent && message.replyTo == question && !message.read)
        #expect((start...Time.now()).contains(message.time))
        #expect(try bus.messages(of: "bob").map(\.id) == [question, id])
        #expect(try next() == "first" && next() == "re" && next() == nil)
        #expect(try bus.messages(of: "bob").isEmpty)
        #expect(try bus.messages(of: "bob", all: true).map(\.read) == [true, true])
        #expect(try bus.message(question, of: "bob")?.read == true)
        #expect(try bus.message(question, of: "bob")?.urgent == false)
        #expect(try world.events("sent") == 2 && world.events("read") == 2)
    }

    @Test func inTheOrderItWasSent() throws {
        // The sender's clock is an hour ahead of ours, and stands.
        let ahead = Time.micros() + 3_600_000_000
        try Files.mkdirs(bus.senders)
        try Files.write(Array("\(ahead)\n".utf8), to: bus.lastSent("human"), sync: false)
        let ids = try (0..<12).map { try send("\($0)") }
        #expect(ids == ids.sorted() && ids.allSatisfy { (Int($0.prefix(16)) ?? 0) > ahead })
        #expect(try (0..<12).map { _ in try next() } == (0..<12).map { "\($0)" })
    }

    @Test func manyAreFollowedByAList() throws {
        for n in 0..<230 { try send("\(n)") }
        #expect(try (0..<100).map { _ in try next() } == (0..<100).map { "\($0)" })
        #expect(try Files.exists(bus.orderFile("bob")))
        // One that was read by another way is skipped, and what comes meanwhile is last.
        try bus.acknowledge(try #require(try bus.messages(of: "bob").first).id, of: "bob")
        try send("new")
        #expect(try (0..<130).map { _ in try next() } == (101..<230).map { "\($0)" } + ["new"])
        #expect(try next() == nil)
    }

    @Test func whatWasNotDeliveredComesAgain() throws {
        try send("a")
        #expect(throws: Failure.self) { try bus.next(of: "bob") { _ in throw Failure.no("broken pipe") } }
        #expect(try next() == "a")
    }

    @Test func acknowledgedOnce() throws {
        let id = try send("a")
        #expect(try bus.acknowledge(id, of: "bob", door: "hook"))
        #expect(try !bus.acknowledge(id, of: "bob"))
        #expect(try world.events("read") == 1)
        for bad in ["", "../x", ".x", "a/b"] {
            #expect(try !bus.acknowledge(bad, of: "bob") && bus.message(bad, of: "bob") == nil)
        }
    }

    @Test func nobodyIsWrittenToWhoIsNotThere() throws {
        do {
            try send("a", to: "eve")
            Issue.record("sent to nobody")
        } catch let failure as Failure { #expect(failure.kind == .no) }
        #expect(try !bus.canReceive("../bob") && bus.canReceive("human") && !bus.canReceive("eve"))
        #expect(try next("eve") == nil)
    }

    /// What a mail reader has moved to cur/ is unread until a flag says otherwise.
    @Test(arguments: [("", false), (":2,", false), (":2,F", false), (":2,S", true), (":2,RS", true), (":2,T", true)])
    func whatAMailReaderMoves(flags: String, isSeen: Bool) throws {
        let id = try send("a")
        try send("b")
        _ = try Files.rename(bus.box("bob", .new).appending(id), bus.box("bob", .cur).appending(id + flags))
        #expect(try bus.messages(of: "bob").map(\.id).contains(id) == !isSeen)
        #expect(try bus.message(id, of: "bob")?.read == isSeen)
        #expect(try next() == (isSeen ? "b" : "a"))
        if !isSeen {
            let read = try #require(try Files.list(bus.box("bob", .cur))).first { $0.hasPrefix(id) }
            #expect(read == id + (flags == ":2,F" ? ":2,FS" : ":2,S"))
        }
    }

    /// What cur/ holds that is unread is listed once; whoever else changes it is seen all the same.
    @Test func theListOfWhatIsUnreadIsKept() throws {
        let ids = try (0..<3).map { try send("\($0)") }
        for id in ids {
            _ = try Files.rename(bus.box("bob", .new).appending(id), bus.box("bob", .cur).appending(id + ":2,"))
        }
        usleep(30_000)
        #expect(try bus.messages(of: "bob").map(\.id) == ids)
        #expect(try Files.exists(bus.oldFile("bob")))
        #expect(try next() == "0")
        #expect(try bus.messages(of: "bob").map(\.id) == Array(ids.dropFirst()))
        let fourth = try send("3")
        _ = try Files.rename(bus.box("bob", .new).appending(fourth), bus.box("bob", .cur).appending(fourth))
        #expect(try bus.messages(of: "bob").map(\.id) == ids.dropFirst() + [fourth])
        #expect(try (0..<4).map { _ in try next() } == ["1", "2", "3", nil])
    }

    @Test func whoIsRetiredLeavesDeadLetters() throws {
        try send("a")
        try bus.forget("bob", by: "human")
        #expect(try Files.list(bus.box(Bus.dead, .new))?.count == 1)
        #expect(try !bus.canReceive("bob"))
    }

    @Test func aMessageThatWasCutIsDamage() throws {
        let id = try send("a")
        let path = bus.box("bob", .new).appending(id)
        let bytes = try #require(try Files.read(path))
        try Files.write(Array(bytes.dropLast()), to: path, sync: false)
        do {
            _ = try bus.message(id, of: "bob")
            Issue.record("taken for a message")
        } catch let failure as Failure { #expect(failure.kind == .unsure && failure.message.contains(path.string)) }
    }
}
