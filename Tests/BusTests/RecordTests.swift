import Storage
import SystemPackage
import Testing

@testable import Bus

/// What the records of the bus look like on the disk, which other versions read, and that what is written is read.
@Suite struct BusRecordTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func full() -> TaskHeader {
        var header = TaskHeader(title: "mend it")
        header.priority = 1
        header.role = "builder"
        header.program = "claude"
        header.to = "bob"
        header.toUntil = 5
        header.depends = [1, 2]
        header.parent = 3
        header.left = 4
        header.verify = "make check"
        header.plan = true
        header.merge = false
        header.deferred = 7
        header.retry = Retry(after: nil, "the disk is full", bound: 60, now: 100)
        header.by = "eve"
        header.source = "abc"
        header.created = 9
        header.body = Array("do\n".utf8)
        return header
    }

    @Test func aTask() throws {
        let bytes = full().record.bytes
        #expect(
            text(bytes) == """
                Title: mend it
                Priority: 1
                Role: builder
                Program: claude
                For: bob
                For-Until: 5
                Depends: 1 2
                Parent: 3
                Left: 4
                Verify: make check
                Plan: yes
                Merge: no
                Defer: 7
                Tries: 1
                Tried-Since: 100
                Retry-At: 101
                Tried-Why: the disk is full
                By: eve
                Source: abc
                Created: 9
                Length: 3

                do

                """)
        let back = try TaskHeader(TaskRecord(bytes, of: "task"), of: "task")
        #expect(back.record.bytes == bytes)
        #expect(back.depends == [1, 2] && back.parent == 3 && back.plan && !back.merge && back.retry?.tries == 1)
    }

    @Test func aTaskThatSaysLittle() throws {
        let bytes = TaskHeader(title: "a").record.bytes
        #expect(text(bytes) == "Title: a\nPriority: 2\nBy: human\nCreated: 0\nLength: 0\n\n")
        let back = try TaskHeader(TaskRecord(bytes, of: "task"), of: "task")
        #expect(back.record.bytes == bytes)
        #expect(back.merge && !back.plan && back.parent == nil && back.retry == nil)
    }

    @Test(arguments: ["Priority: 5", "Depends: 1 x", "Parent: x", "Left: -1", "Defer: 1.5", "Created: now"])
    func aTaskThatIsDamaged(line: String) throws {
        let key = line.prefix { $0 != ":" }
        let lines = text(full().record.bytes).split(separator: "\n", omittingEmptySubsequences: false)
        let bad = lines.map { $0.hasPrefix("\(key): ") ? line : String($0) }.joined(separator: "\n")
        let record = try TaskRecord(Array(bad.utf8), of: "task")
        #expect(throws: Failure.self) { try TaskHeader(record, of: "task") }
    }

    @Test func aConflict() throws {
        let one = Conflict.Side(task: 1, branch: "refs/heads/a", tip: "11", agent: "bob")
        let target = Conflict.Side(task: nil, branch: "refs/heads/main", tip: "22", agent: nil)
        var conflict = Conflict(one, target, paths: ["a b", "c\td"], found: 7)
        conflict.told = ["bob", "eve"]
        let bytes = conflict.record.bytes
        #expect(
            text(bytes) == """
                A-Branch: refs/heads/a
                A-Task: 1
                A-Agent: bob
                A-Tip: 11
                B-Branch: refs/heads/main
                B-Tip: 22
                Found: 7
                Told: bob eve
                Paths: a b\tc\\td
                Length: 0


                """)
        #expect(try Conflict(ConflictRecord(bytes, of: "x"), of: "conflicts/1,target") == conflict)
        #expect(throws: Failure.self) { try Conflict(ConflictRecord(bytes, of: "x"), of: "conflicts/2,target") }
    }

    @Test func whatWasCompared() throws {
        let branch = Compared.Branch(reference: "refs/heads/a b", tip: "11", begun: "22", base: "33")
        let compared = Compared(target: "44", branches: [5: branch])
        #expect(text(compared.record.bytes) == "Target: 44\nLength: 26\n\n5 11 22 33 refs/heads/a b\n")
        #expect(Compared(try ComparedRecord(compared.record.bytes, of: "x")) == compared)
    }

    @Test func unreadMail() {
        #expect(Bus.Unread(file: "new/1.a@h")?.id == "1.a@h")
        #expect(Bus.Unread(file: "cur/1.a@h:2,F")?.id == "1.a@h")
        #expect(Bus.Unread(file: "cur/1.a@h:2,F")?.file == "cur/1.a@h:2,F")
        #expect(Bus.Unread(file: "old/1.a@h") == nil)
        #expect(Bus.Unread(file: "1.a@h") == nil)
    }
}
