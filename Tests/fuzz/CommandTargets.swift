import FoundationEssentials
import Storage
import SystemPackage

@testable import Bus
@testable import CommandKit
@testable import Commands
@testable import Hooks
@testable import Team

// What programs and people give to verbs.

/// Nil for what is refused as the caller's fault, as it must be.
private func accepted<T>(_ read: () throws -> T) throws -> T? {
    do { return try read() } catch let failure as Failure {
        try require([.usage, .no].contains(failure.kind), "bad input is '\(failure.kind)': \(failure.message)")
        try require(isPlain(failure.message), "a control character in '\(failure.message)'")
        return nil
    }
}

/// Whether nothing in it is a command to a terminal; `breaks`: but for newlines and tabs.
private func isPlain(_ text: String, breaks: Bool = false) -> Bool {
    text.unicodeScalars.allSatisfy { breaks && ($0 == "\n" || $0 == "\t") || !Names.isControl($0) }
}

extension Target {
    static let hook = Target(name: "hook") { bytes in
        guard let call = try? HookVerb.call("PermissionRequest", bytes) else { return }
        try require(isPlain(Team.failure(call.error, call.details)), "a control character in a failure")
        guard let request = Request(call, nil) else { return }
        let canonical = Array(request.input.canonical.utf8)
        let again = try JSONDecoder().decode(Value.self, from: Data(canonical))
        try require(Array(again.canonical.utf8) == canonical, "JSON that was written is read as another")
        try require(!request.digest.isEmpty && isPlain(request.title), "a control character in a title")
        try require(isPlain(request.text, breaks: true), "a control character in a request")
        for question in Question.all(request.input) ?? [] {
            try require(isPlain(question.shown, breaks: true), "a control character in a question")
            try require(question.options.allSatisfy { isPlain($0) && !$0.contains(",") }, "an option that is two")
            try require(
                question.labels(of: question.options).utf8.count >= question.labels.joined().utf8.count
                    || Set(question.options).count < question.options.count, "a label is lost")
        }
    }

    /// What a shell would make of a command that some rule may allow.
    static let words = Target(name: "words") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        guard let words = Rules.words(text) else { return }
        try require(
            !text.unicodeScalars.contains { "\n\r;|&<>(){}*?[]#~^`$\\".unicodeScalars.contains($0) }
                || text.contains("'") || text.contains("\""), "a word of the shell's: \(text)")
        // Quoted each by itself they are the same, but for those that are not spelled out.
        let quoted = words.dropFirst().map { "\"\($0)\"" }
        let isDouble = words.joined().unicodeScalars.contains { "\"$`\\!".unicodeScalars.contains($0) }
        let again = Rules.words(
            ([words[0]] + (isDouble ? words.dropFirst().map { "'\($0)'" } : quoted))
                .joined(separator: " "))
        try require(
            again == words || words.joined().unicodeScalars.contains("'"),
            "'\(text)' is \(words), and then \(again ?? [])")
    }

    private nonisolated(unsafe) static let tool: CommandContext = {
        let tool = try! CommandContext(Common.Values())
        tool.knownPrograms = ["claude", "codex"]
        return tool
    }()

    private static func check(_ plan: TaskVerb.Plan) throws {
        for (at, draft) in plan.drafts.enumerated() {
            let title = try Names.line(draft.header.title)
            try require(title == draft.header.title, "another title")
            try require(draft.parent.map { $0 < at || $0 < plan.drafts.count } ?? true, "no such parent")
            try require(draft.depends.allSatisfy(plan.drafts.indices.contains), "depends on no task")
            let written = draft.header.record.bytes
            let again = try TaskHeader(TaskRecord(written, of: "task"), of: "task")
            try require(again.record.bytes == written, "a task that was imported is read as another")
        }
        try require(plan.told.allSatisfy { isPlain($0) }, "a control character in what is told")
    }

    static let lines = Target(name: "import") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        for history in [false, true] {
            let plan = try accepted { try TaskVerb.Lines(text, tool).plan(history: history, by: "human") }
            if let plan { try check(plan) }
        }
        for line in text.split(separator: "\n") {
            if let time = Time.point(String(line)) { _ = Time.text(time) }
            _ = (Time.duration(String(line)), Money.amount(String(line)).map { Money.text($0) })
        }
    }

    static let checklist = Target(name: "checklist") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        if let plan = try accepted({ try TaskVerb.Checklist.parse(text, by: "human") }) { try check(plan) }
    }
}
