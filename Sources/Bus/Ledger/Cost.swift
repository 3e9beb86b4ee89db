import Storage
import SystemPackage

/// What was used; nil is unknown.
package struct Usage: Equatable {
    /// Millionths of a dollar.
    package var money: Int?
    /// Tokens that were sent, those of them that came from a cache, and those that came back.
    package var input: Int?
    package var cached: Int?
    package var output: Int?

    package static let fields: [WritableKeyPath<Usage, Int?> & Sendable] = [\.money, \.input, \.cached, \.output]

    package init(money: Int? = nil, input: Int? = nil, cached: Int? = nil, output: Int? = nil) {
        self.money = money
        self.input = input
        self.cached = cached
        self.output = output
    }

    package static let nothing = Usage(money: 0, input: 0, cached: 0, output: 0)
    /// Nothing but zeros.
    package var isNothing: Bool { self == .nothing }

    /// A number that a program tells; nil for one that it can't have used.
    package static func told(_ number: Int?) -> Int? { number.flatMap { $0.magnitude < 1 << 50 ? $0 : nil } }
    package static func told(_ number: Double?) -> Int? { told(number.flatMap { Int(exactly: $0.rounded()) }) }

    /// Adds what became known. What is unknown adds nothing.
    package mutating func add(_ other: Usage) {
        for field in Usage.fields {
            if let more = other[keyPath: field] { self[keyPath: field] = Sum.of(self[keyPath: field] ?? 0, more) }
        }
    }
}

/// A sum whose parts may be unknown; it is a lower bound then.
package struct Sum: Equatable {
    /// Nil if nothing is known.
    package private(set) var known: Int?
    package private(set) var isPartial = false

    package init() {}

    package mutating func add(_ part: Int?) {
        if let part { known = Sum.of(known ?? 0, part) } else { isPartial = true }
    }

    /// Adds two numbers that came from a file; a sum that overflows becomes the largest number of its sign.
    static func of(_ one: Int, _ other: Int) -> Int {
        let (sum, isOver) = one.addingReportingOverflow(other)
        return isOver ? (other > 0 ? .max : -.max) : sum
    }
}

/// What is on record of a conversation.
package struct UsageFields: RecordFields {
    package let agent = Field<String>("Agent")
    /// When the agent was made, which tells it from a later agent of the same name.
    package let created = Field<Int>("Created")
    package let role = Field<String>("Role")
    package let program = Field<String>("Program")
    package let model = Field<String>("Model")

    package init() {}
}
package typealias UsageRecord = TypedRecord<UsageFields>

/// The file `fill`: what an agent's program said last of its conversation.
package struct FillFields: RecordFields {
    package let model = Field<String>("Model")
    /// How full it is, in per cent, and its size in tokens.
    package let context = Field<Int>("Context")
    package let size = Field<Int>("Size")
    /// What it has cost, in millionths of a dollar.
    package let money = Field<Int>("Money")

    package init() {}
}
package typealias Fill = TypedRecord<FillFields>

// What agents use. Programs count from the beginning of a conversation on, so what was used in between is the
// difference of two readings; a conversation that is gone on with is not counted again, and one of which a reading was
// missed is not lost. A conversation has one small file a day:
//
//   cost/DAY/AGENT,CONVERSATION   a record: Agent, Created (when the agent was made), Role, Program, Model, and what
//                                 was read last, which only the reader of that program's numbers knows (see
//                                 UsageReaders.swift); then a line for each task: its id or `-`, and its usage in the
//                                 order of Usage, `-` for what is unknown
//
// Use and reading are in one file that is replaced at once, so that a crash has both or neither. A day's first record
// of a conversation begins with the readings of its last one. It is not flushed: what a power cut takes is read again.
extension Bus {
    /// Changes today's usage record of an agent's conversation. `change` gets the record, and whether the conversation
    /// had none before; it returns the usage to charge to the task.
    package func account(
        _ agent: AgentView, _ conversation: String, task: Int?, _ change: (inout UsageRecord, Bool) throws -> Usage
    ) throws {
        guard conversation.utf8.count <= 100, !conversation.isEmpty,
            conversation.unicodeScalars.allSatisfy({
                $0.properties.isASCIIHexDigit || $0 == "-" || ("a"..."z").contains($0)
            })
        else {
            throw Failure.no("'\(Names.shown(conversation))' is no conversation's id")
        }
        try requireFormat()
        try FileLock.with(assignment(agent.name), seconds: 30, verb: "cost") { _ in
            let today = Bus.day()
            let path = costFile(today, agent.name, conversation)
            let before = try UsageRecord.read(path)
            let last = try before ?? lastAccount(agent.name, conversation)
            var record = last ?? UsageRecord()
            if before == nil { record.body = [] }
            record.agent = agent.name
            record.created = agent.card.created
            record.role = agent.role
            record.program = agent.card.program
            let used = try change(&record, last == nil)
            var lines = try Bus.lines(record, of: path)
            if used.isNothing {
            } else if let at = lines.firstIndex(where: { $0.task == task }) {
                lines[at].used.add(used)
            } else {
                lines.append((task, used))
            }
            record.body = Array(lines.map(Bus.line).joined().utf8)
            guard record != before else { return }
            if before == nil { try Files.mkdirs(costDay(today)) }
            try replace(path, with: record.bytes, sync: false)
        }
    }

    private func lastAccount(_ agent: String, _ conversation: String) throws -> UsageRecord? {
        for day in try costDays().reversed() {
            if let record = try UsageRecord.read(costFile(day, agent, conversation)) { return record }
        }
        return nil
    }

    /// Notes that what the agent used today for a task is unknown.
    package func noteUnknownCost(_ agent: AgentView, task: Int?, model: String? = nil) throws {
        try account(agent, "\(agent.card.created ?? 0)-\(agent.session?.number ?? 0)", task: task) {
            record, _ in
            record.model = model ?? agent.card.model
            return Usage()
        }
    }

    /// The day as costs are counted by: of UTC.
    package static func day(_ time: Int = Time.now()) -> String { String(Time.text(time).prefix(10)) }

    private func costDays() throws -> [String] { try (Files.list(cost) ?? []).filter { $0.utf8.count == 10 }.sorted() }

    // MARK: reading

    /// What an agent used for one task on one day in one conversation.
    package struct Spent {
        package var day: String
        package var agent: String
        package var created: Int?
        package var role: String?
        package var model: String?
        package var task: Int?
        package var used: Usage
    }

    /// All that was used, from that day on.
    package func spent(since first: String = "") throws -> [Spent] {
        try costDays().filter { $0 >= first }.flatMap { day in try spent(on: day) }
    }

    /// All that an agent has used since it was made.
    package func spent(by agent: AgentView) throws -> [Spent] {
        let first = Bus.day(agent.card.created ?? 0)
        return try costDays().filter { $0 >= first }.flatMap { try spent(on: $0, by: agent.name) }.filter {
            $0.created == agent.card.created
        }
    }

    package func spent(on day: String, by agent: String? = nil) throws -> [Spent] {
        try (Files.list(costDay(day)) ?? []).filter { name in agent.map { Bus.isCost(name, of: $0) } ?? true }
            .sorted().flatMap { name -> [Spent] in
                let path = costDay(day).appending(name)
                guard let record = try UsageRecord.read(path) else { return [] }
                return try Bus.lines(record, of: path).map { task, used in
                    Spent(
                        day: day, agent: record.agent ?? "", created: record.created, role: record.role,
                        model: record.model, task: task, used: used)
                }
            }
    }

    /// The day of today's usage directory, and its last change in nanoseconds since the epoch; nil if nobody used
    /// anything.
    package func spentTodayChanged() throws -> (day: String, changed: Int)? {
        let day = Bus.day()
        return try Files.status(costDay(day)).map {
            (day, $0.st_mtim.tv_sec * 1_000_000_000 + $0.st_mtim.tv_nsec)
        }
    }

    private static func line(_ task: Int?, _ used: Usage) -> String {
        ([task] + Usage.fields.map { used[keyPath: $0] }).map { $0.map(String.init) ?? "-" }.joined(separator: " ")
            + "\n"
    }

    static func lines(_ record: UsageRecord, of path: FilePath) throws -> [(task: Int?, used: Usage)] {
        try record.body.split(separator: 10).map { line in
            let words = line.split(separator: 32).map { String(decoding: $0, as: UTF8.self) }
            guard words.count == 1 + Usage.fields.count, words.allSatisfy({ $0 == "-" || Int($0) != nil }) else {
                throw Record.damaged(path)
            }
            let numbers = words.map { Int($0) }
            var used = Usage()
            for (field, number) in zip(Usage.fields, numbers.dropFirst()) { used[keyPath: field] = number }
            return (numbers[0], used)
        }
    }

    // MARK: how full a conversation is

    package func fill(_ name: String) throws -> Fill? { try Fill.read(fillFile(name)) }

    /// Replaces the record `fill`. Whoever shows the team redraws on that, so the caller records the usage first.
    package func setFill(_ name: String, model: String?, context: Int?, size: Int?, money: Int?) throws {
        var record = Fill()
        record.model = model
        record.context = context
        record.size = size
        record.money = money
        guard try record != fill(name), try Files.exists(card(name)) else { return }
        try replace(fillFile(name), with: record.bytes, sync: false)
    }
}

/// Money as people write it: dollars, with some places, at most six.
package enum Money {
    /// Of millionths.
    package static func text(_ millionths: Int, places: Int = 4) -> String {
        let base = (0..<places).reduce(1) { all, _ in all * 10 }
        let unit = 1_000_000 / base
        let rounded = (abs(millionths) + unit / 2) / unit
        let fraction = "\(rounded % base)"
        return (millionths < 0 ? "-" : "") + "\(rounded / base)."
            + String(repeating: "0", count: places - fraction.count) + fraction
    }

    /// `5`, `0.25`, `$3`, in millionths; nil if it is no amount.
    package static func amount(_ text: String) -> Int? {
        let digits = text.hasPrefix("$") ? text.dropFirst() : Substring(text)
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard !digits.isEmpty, parts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } }),
            parts[0].utf8.count <= 9, !parts[0].isEmpty || parts.count == 2
        else { return nil }
        let fraction = parts.count == 2 ? parts[1].prefix(6) : ""
        guard parts.count == 1 || !parts[1].isEmpty else { return nil }
        let millionths = Int(fraction + String(repeating: "0", count: 6 - fraction.count)) ?? 0
        return (Int(parts[0]) ?? 0) * 1_000_000 + millionths
    }
}
