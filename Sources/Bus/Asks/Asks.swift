import Storage
import SystemPackage

/// What an ask is about. Of a permission and of a question with `Dialog` a program's hook waits for the answer.
package enum AskKind: String, FieldValue { case question, permission, escalation, plan, review }

/// A file of `asks/open` and `asks/done`. The body is the text.
package struct AskFields: RecordFields {
    package let from = Field<String>("From")
    package let to = Field<String>("To")
    package let kind = Field<AskKind>("Kind")
    package let severity = Field<String>("Severity")
    /// Divided by commas.
    package let options = Field<String>("Options")
    /// When it was asked, in seconds since the epoch; of a program's, in microseconds as well.
    package let time = Field<Int>("Time")
    package let micros = Field<Int>("Micros")
    /// Of what exactly an answer is about.
    package let digest = Field<String>("Digest")
    /// Of a program's: the tool that it wants to use, and where; the token of its session; the sub-agent that asks;
    /// whether it is a question of the program's own, and whether an answer may name several options; whether its hook
    /// waits no more.
    package let tool = Field<String>("Tool")
    package let directory = Field<String>("Directory")
    package let session = Field<String>("Session")
    package let subagent = Field<String>("Subagent")
    package let dialog = Field<YesNo>("Dialog")
    package let many = Field<YesNo>("Many")
    package let late = Field<YesNo>("Late")
    /// Of a plan: its task, and the token of the claim.
    package let task = Field<Int>("Task")
    package let token = Field<String>("Token")
    /// Once answered: the answer, a line that goes with it, who has answered, and when.
    package static let answer = Field<String>("Answer")
    package let answer = AskFields.answer
    package let note = Field<String>("Note")
    package let by = Field<String>("By")
    package let answered = Field<Int>("Answered")

    package init() {}
}
package typealias AskRecord = TypedRecord<AskFields>

/// A question, a permission, an escalation, a plan or a review that waits for a person or a superior.
package struct Ask {
    /// Its name: `1`, `2`, … for questions, `blocked-7`, `quarantined-bob` for what cadre itself asks, once each.
    package var id: String
    package var record: AskRecord
    package var from: String { record.from ?? "cadre" }
    package var text: String { String(decoding: record.body, as: UTF8.self) }
    package var title: String { String(text.prefix { $0 != "\n" }) }
    package var answer: String? { record[AskFields.answer] }
    /// What it can be answered with besides yes and no; none: anything.
    package var options: [String] { Ask.list(record.options ?? "") }
    /// Whether an answer may name several of them.
    package var takesSeveral: Bool { record.many != nil }
    /// What an answer names.
    package func parts(of answer: String) -> [String] { takesSeveral ? Ask.list(answer) : [answer] }
    /// What stands between commas, without the blanks around it.
    package static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { part in
            var part = part.drop { $0 == " " }
            while part.last == " " { part.removeLast() }
            return String(part)
        }
    }
    /// Whether a program's hook waits for it, beside the program's own dialog.
    var isByProgram: Bool { record.kind == .permission || record.dialog != nil }
}

extension Bus {
    /// Whether an ask of this name waits for its answer.
    package func isOpen(_ name: String) throws -> Bool { try Files.exists(openAsks.appending(name)) }

    /// Opens an ask under this name, unless one of the name is open; it replaces an answered one. `digest` identifies
    /// the matter that the answer decides. `unlessAnswered`: don't ask again if the last answer has the same digest.
    package func openAsk(
        named name: String, by: String, to: String = "human", kind: AskKind = .escalation, digest: String? = nil,
        unlessAnswered: Bool = false, _ text: String
    ) throws {
        guard try !isOpen(name) else { return }
        if unlessAnswered, let digest, try answeredAsk(name)?.record.digest == digest { return }
        var record = AskRecord()
        record.from = by
        record.to = to
        record.kind = kind
        record.time = Time.now()
        record.digest = digest
        record.body = Array(text.utf8)
        try replace(openAsks.appending(name), with: record.bytes, sync: true)
        journal("ask", by: by, ["ask": name])
    }

    /// The ask of this name that was answered last.
    package func answeredAsk(_ name: String) throws -> Ask? {
        try AskRecord.read(doneAsks.appending(name)).map { Ask(id: name, record: $0) }
    }

    /// Opens a question and returns its number, which is on the disk by then.
    /// `more` adds to the record before it can be seen.
    package func ask(
        _ text: [UInt8], by: String, to: String, kind: AskKind = .question, options: [String], severity: String?,
        more: (String, inout AskRecord) throws -> Void = { _, _ in }
    ) throws -> String {
        try locked("ask") { try ask(text, by: by, to: to, kind: kind, options: options, severity: severity, $0, more) }
    }

    func ask(
        _ text: [UInt8], by: String, to: String, kind: AskKind, options: [String] = [], severity: String? = nil,
        _ held: LockProof,
        _ more: (String, inout AskRecord) throws -> Void
    ) throws -> String {
        guard let open = try Files.list(openAsks) else { throw missing(openAsks) }
        guard let done = try Files.list(doneAsks) else { throw missing(doneAsks) }
        let taken = (open + done).compactMap { Names.number($0) }
        let name = "\((taken.max() ?? 0) + 1)"
        var record = AskRecord()
        record.from = by
        record.to = to
        record.kind = kind
        record.severity = severity
        record.options = options.joined(separator: ",")
        record.time = Time.now()
        record.body = text
        try more(name, &record)
        try replace(openAsks.appending(name), with: record.bytes, sync: true)
        journal("ask", by: by, ["ask": name])
        return name
    }

    /// The open asks, oldest first.
    package func asks() throws -> [Ask] {
        guard let names = try Files.list(openAsks) else { throw missing(openAsks) }
        return try names.compactMap { name in
            try AskRecord.read(openAsks.appending(name)).map { Ask(id: name, record: $0) }
        }.filter { $0.answer == nil }
            .sorted { ($0.record.time ?? 0, $0.id) < ($1.record.time ?? 0, $1.id) }
    }

    /// The ask, open or answered.
    package func ask(_ id: String) throws -> Ask? {
        guard !id.contains("/"), !id.isEmpty, id != ".", id != ".." else { return nil }
        for place in [openAsks, doneAsks] {
            if let record = try AskRecord.read(place.appending(id)) { return Ask(id: id, record: record) }
        }
        return nil
    }

    // An answer is written into the ask where it is, which is the commit; then it is mailed to who asked, and the ask
    // moves from open/ to done/. Recover does the latter two for what a crash left: the mail may then come twice.
    // What is answered about a plan is written into that first, see Plans.

    /// Answers once, and tells who asked. False if it was answered before. `note` is a line that goes with the answer.
    /// Throws `Failure.no` for a permission that nobody waits for any more.
    package func answer(_ id: String, by: String, _ answer: String, note: String? = nil) throws -> Bool {
        try changing("answer") { held in
            if try AskRecord.read(openAsks.appending(id))?.kind == .plan { _ = try healPlans(held) }
            guard var record = try AskRecord.read(openAsks.appending(id)), record.answer == nil else { return false }
            if case let ask = Ask(id: id, record: record), ask.isByProgram, try !isWaited(for: ask) {
                throw Failure.no(
                    "too late for ask '\(id)': '\(ask.from)' waits for it in its program's own dialog now, 'cadre "
                        + "attach \(ask.from)'"
                )
            }
            record.answer = answer
            record.note = note
            record.by = by
            record.answered = Time.now()
            try replace(openAsks.appending(id), with: record.bytes, sync: true)
            journal("answered", by: by, ["ask": id])
            try deliver(Ask(id: id, record: record), held)
            return true
        }
    }

    func deliver(_ ask: Ask, _ held: LockProof) throws {
        if ask.record.kind == .plan {
            try decide(ask, held)
            // A program that waits for it is told by its hook.
        } else if try canReceive(ask.from), !ask.isByProgram || ask.answer == "approved" && ask.record.note != nil {
            _ = try send(
                from: ask.record.by ?? "human", to: ask.from, subject: "answer to ask \(ask.id)",
                body: Array(([ask.answer, ask.record.note].compactMap { $0.map { $0 + "\n" } }.joined()).utf8))
        }
        _ = try Files.rename(openAsks.appending(ask.id), doneAsks.appending(ask.id))
        try Files.sync(doneAsks)
    }

    /// Finishes answers that were not told yet. Returns how many.
    func deliverAnswers(_ held: LockProof) throws -> Int {
        var delivered = 0
        guard let names = try Files.list(openAsks) else { throw missing(openAsks) }
        for name in names {
            guard let record = try AskRecord.read(openAsks.appending(name)), record.answer != nil else { continue }
            try deliver(Ask(id: name, record: record), held)
            delivered += 1
        }
        return delivered
    }

    /// Takes back an ask that has become moot.
    package func closeAsk(named name: String, by: String, _ why: String) throws {
        try Files.unlink(openAsks.appending(name))
    }
}
