import AgentPrograms
import Bus
import FoundationEssentials
import Glibc
import Storage
import SystemPackage

/// What Claude Code tells its status line.
// swift-format-ignore: AlwaysUseLowerCamelCase
package struct StatusLine: Decodable {
    struct Model: Decodable { var id: String? }
    struct Cost: Decodable { var total_cost_usd: Double? }
    struct Window: Decodable {
        var used_percentage: Double?
        var context_window_size: Double?
    }
    var session_id: String
    var transcript_path: String?
    var prompt_id: String?
    var model: Model?
    var cost: Cost?
    var context_window: Window?

    /// Millionths of a dollar.
    var money: Int? { Usage.told(cost?.total_cost_usd.map { $0 * 1_000_000 }) }
    var percentage: Int? { Usage.told(context_window?.used_percentage?.rounded(.towardZero)) }
    var windowSize: Int? { Usage.told(context_window?.context_window_size?.rounded(.towardZero)) }
}

/// What a record of usage has of the last reading, so that the next one goes on from there.
private enum Reading {
    /// What the status line told, the session that it told it in, and what it began with there.
    static let money = Field<Int>("Read-Money")
    static let session = Field<String>("Read-Session")
    static let base = Field<Int>("Read-Base")
    /// What the last result told, in Usage's order.
    static let total = Field<String>("Read-Total")

    /// Of a file: how far it was read, the message that came last, and the tokens of that, or of all, in Usage's order.
    struct File {
        let offset: Field<Int>
        let message: Field<String>
        let tokens: Field<String>

        init(_ name: String) {
            offset = Field("\(name)-Offset")
            message = Field("\(name)-Message")
            tokens = Field("\(name)-Tokens")
        }

        /// That of the conversation, and that of a sub-agent.
        static let own = File("Read")
        static func sub(_ id: Substring) -> File { File("Sub-\(id)") }
    }
}

// The sources of usage:
//
//   money of Claude Code    its status line, which it runs at its start and after each reply, shows the cost of the
//                           conversation so far. A program that was killed begins again with the sum that the last one
//                           had stored at a good end. So a smaller sum than before is a new beginning, not a refund
//   tokens of Claude Code   each answer in the transcript, and in those of its sub-agents, has its own usage. An answer
//                           may be several lines, of which the last counts
//   tokens of Codex         its file has sums after each answer; it has no money
//   money of aider          its history has a line after each answer, with the answer's cost
//
// A reading goes on where the last one ended, see Reading. The usage counts for the task that the agent holds, or last
// held in this turn, because an agent hands its work in before the turn ends.
extension Team {
    /// Accounts for what a status line is told, and gives the line to show. Starts no process.
    package static func statusLine(_ bus: Bus, _ name: String, session: String?, _ said: StatusLine) throws -> String {
        guard let agent = try bus.agent(named: name) else { return "" }
        let task = try costTask(bus, name)
        let money = said.money
        if session == agent.token {
            try bus.account(agent, said.session_id, task: task) { record, isNew in
                record.model = said.model?.id ?? record.model
                var used =
                    try readTranscript(said.transcript_path, &record, isNew: isNew && said.prompt_id == nil) ?? Usage()
                used.money = money.map { readMoney($0, &record, session: session, isBeginning: said.prompt_id == nil) }
                return used
            }
            try bus.setFill(
                name, model: said.model?.id, context: said.percentage, size: said.windowSize, money: money)
        }
        var parts = [name]
        if let task { parts.append("\(task) \(Names.shown(String((try bus.header(task)?.title ?? "").prefix(60))))") }
        if let context = said.percentage { parts.append("\(context)%") }
        // As `cost` and `agents` have it: all that the agent has used, in other conversations as well.
        var sum = Sum()
        for part in try bus.spent(by: agent) { sum.add(part.used.money) }
        if let money = sum.known ?? money.map({ _ in 0 }) {
            parts.append("$\(Money.text(money, places: 2))" + (sum.isPartial ? "+" : ""))
        }
        return parts.joined(separator: " · ")
    }

    /// What was used since the last reading, of a number that a program counts up. `isBeginning`: it has done nothing
    /// yet.
    private static func readMoney(_ total: Int, _ record: inout UsageRecord, session: String?, isBeginning: Bool) -> Int
    {
        let last = record[Reading.money]
        let isFresh = record[Reading.session] != session
        let base = record[Reading.base]
        record[Reading.money] = total
        record[Reading.session] = session
        if isFresh { record[Reading.base] = isBeginning ? total : last ?? 0 }
        guard let last else { return isBeginning ? 0 : total }
        if total >= last { return total - last }
        if isFresh, isBeginning { return 0 }
        // The conversation began with the last one's sum, and nothing was read of its beginning.
        if isFresh, let base, total >= base { return total - base }
        return total
    }

    /// Accounts for what a conversation has used by the end of a turn.
    package static func accountResult(
        _ bus: Bus, _ agent: AgentView, _ conversation: String, task: Int?, model: String?, total: Usage
    ) throws {
        try bus.account(agent, conversation, task: task) { record, _ in
            record.model = model ?? record.model
            let before = record[Reading.total]?.split(separator: " ").map { Int($0) } ?? []
            var used = Usage()
            for (at, field) in Usage.fields.enumerated() {
                guard let now = total[keyPath: field] else { continue }
                let last = at < before.count ? before[at] ?? 0 : 0
                used[keyPath: field] = now >= last ? now - last : now
            }
            record[Reading.total] = Usage.fields.map { total[keyPath: $0].map(String.init) ?? "-" }.joined(
                separator: " ")
            return used
        }
        try bus.setFill(agent.name, model: model, context: nil, size: nil, money: total.money)
    }

    /// Accounts for what is new in the file of the agent's conversation.
    package static func readFile(_ bus: Bus, _ agent: AgentView) throws {
        guard let conversation = try bus.conversation(agent.name),
            let source = conversation.cost.flatMap({ AgentProgram.Cost(rawValue: $0) }),
            let id = conversation.id ?? (source == .history ? agent.card.created.map { "\($0)" } : nil)
        else { return }
        var fill: (model: String?, context: Int?, size: Int?)?
        try bus.account(agent, id, task: costTask(bus, agent.name)) { record, _ in
            switch source {
            case .statusLine:
                var used = try readTranscript(conversation.transcript, &record, isNew: false) ?? .nothing
                // That is told with the status line.
                used.money = 0
                return used
            case .rollout:
                let used = try readRollout(conversation.transcript, &record, &fill)
                fill?.model = record.model
                return used
            case .history: return try readHistory(bus.history(agent.name), &record)
            case .result, .none: return .nothing
            }
        }
        if let fill {
            try bus.setFill(agent.name, model: fill.model, context: fill.context, size: fill.size, money: nil)
        }
    }

    /// The task that what an agent uses now counts for.
    package static func costTask(_ bus: Bus, _ name: String) throws -> Int? {
        if let held = try bus.claims().filter({ $0.owner == name }).map(\.id).min() { return held }
        return try bus.conversation(name)?.task
    }

    /// The command of a user's own status line, from the program's settings.
    package static func userStatusLine(_ settings: FilePath) -> String? {
        struct Settings: Decodable {
            struct Line: Decodable { var command: String? }
            var statusLine: Line?
        }
        guard let bytes = try? Files.read(settings) else { return nil }
        return try? JSONDecoder().decode(Settings.self, from: Data(bytes)).statusLine?.command
    }

    // MARK: the files

    /// The lines that were added to a file, whole ones, that have one of these texts in them.
    private static func newLines(
        _ path: FilePath, _ record: inout UsageRecord, as file: Reading.File = .own, with marks: [String]
    ) throws -> [ArraySlice<UInt8>] {
        let start = record[file.offset] ?? 0
        // One that has become shorter was written anew, and what it has now was counted.
        guard let status = try Files.status(path), status.st_size != start else { return [] }
        guard status.st_size > start, let bytes = try Files.read(path, from: start), let end = bytes.lastIndex(of: 10)
        else {
            if status.st_size < start { record[file.offset] = Int(status.st_size) }
            return []
        }
        record[file.offset] = start + end + 1
        return bytes[..<end].split(separator: 10).filter { line in marks.contains { line.holds(Array($0.utf8)) } }
    }

    /// Those of the last reading, in Usage's order.
    private static func lastTokens(_ record: UsageRecord, _ file: Reading.File) -> [Int] {
        let last = record[file.tokens]?.split(separator: " ").compactMap { Usage.told(Int($0)) } ?? []
        return last.count == 3 ? last : [0, 0, 0]
    }

    private struct Answer: Decodable {
        struct Message: Decodable {
            var id: String?
            var usage: Tokens?
        }
        // swift-format-ignore: AlwaysUseLowerCamelCase
        struct Tokens: Decodable {
            var input_tokens: Int?
            var cache_creation_input_tokens: Int?
            var cache_read_input_tokens: Int?
            var output_tokens: Int?
        }
        var type: String?
        var message: Message?
    }

    /// The usage that was added to a transcript; nil without a path. `isNew`: the agent has just got the file, so what
    /// is in it by now doesn't count.
    static func readTranscript(_ path: String?, _ record: inout UsageRecord, isNew: Bool) throws -> Usage? {
        guard let path else { return nil }
        var used = Usage(input: 0, cached: 0, output: 0)
        func read(_ path: FilePath, as file: Reading.File) throws {
            let lines = try newLines(path, &record, as: file, with: ["\"usage\""])
            guard !isNew else { return }
            for line in lines {
                guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(line)), answer.type == "assistant",
                    let id = answer.message?.id, let tokens = answer.message?.usage
                else { continue }
                func count(_ told: Int?) -> Int { Usage.told(told) ?? 0 }
                let cached = count(tokens.cache_read_input_tokens)
                let now = [
                    count(tokens.input_tokens) + count(tokens.cache_creation_input_tokens) + cached, cached,
                    count(tokens.output_tokens),
                ]
                let before = record[file.message] == id ? lastTokens(record, file) : [0, 0, 0]
                used.add(Usage(input: now[0] - before[0], cached: now[1] - before[1], output: now[2] - before[2]))
                record[file.message] = id
                record[file.tokens] = now.map(String.init).joined(separator: " ")
            }
        }
        try read(FilePath(path), as: .own)
        guard path.hasSuffix(".jsonl") else { return used }
        let below = FilePath(String(path.dropLast(6))).appending("subagents")
        for name in try Files.list(below) ?? [] where name.hasPrefix("agent-") && name.hasSuffix(".jsonl") {
            let id = name.dropFirst(6).dropLast(6)
            guard !id.isEmpty, id.utf8.count <= 40,
                id.utf8.allSatisfy({ (48...57).contains($0) || (97...122).contains($0) })
            else { continue }
            try read(below.appending(name), as: .sub(id))
        }
        return used
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Line: Decodable {
        struct Tokens: Decodable {
            var input_tokens: Int?
            var cached_input_tokens: Int?
            var output_tokens: Int?
            var total_tokens: Int?
        }
        struct Info: Decodable {
            var total_token_usage: Tokens?
            var last_token_usage: Tokens?
            var model_context_window: Int?
        }
        struct Payload: Decodable {
            var type: String?
            var model: String?
            var info: Info?
        }
        var type: String?
        var payload: Payload?
    }

    static func readRollout(
        _ path: String?, _ record: inout UsageRecord, _ fill: inout (model: String?, context: Int?, size: Int?)?
    ) throws -> Usage {
        guard let path = path.map({ FilePath($0) }) else { return .nothing }
        let lines = try newLines(path, &record, with: ["\"token_count\"", "\"turn_context\""])
        guard !lines.isEmpty else { return .nothing }
        var used = Usage(input: 0, cached: 0, output: 0)
        for line in lines {
            guard let said = try? JSONDecoder().decode(Line.self, from: Data(line)) else { continue }
            if said.type == "turn_context" { record.model = said.payload?.model ?? record.model }
            guard said.payload?.type == "token_count", let info = said.payload?.info, let total = info.total_token_usage
            else { continue }
            let now = [total.input_tokens, total.cached_input_tokens, total.output_tokens].map { Usage.told($0) ?? 0 }
            let more = zip(now, lastTokens(record, .own)).map { $0 >= $1 ? $0 - $1 : $0 }
            used.add(Usage(input: more[0], cached: more[1], output: more[2]))
            record[Reading.File.own.tokens] = now.map(String.init).joined(separator: " ")
            if let size = info.model_context_window, size > 0,
                let last = Usage.told(info.last_token_usage?.total_tokens)
            {
                fill = (nil, last * 100 / size, size)
            }
        }
        return used
    }

    /// `> Tokens: 7.7k sent, 152 received. Cost: $0.0025 message, $0.0051 session.` Its tokens are rounded, so they are
    /// not known; where the line has no cost, that is not known either.
    static func readHistory(_ path: FilePath, _ record: inout UsageRecord) throws -> Usage {
        let lines = try newLines(path, &record, with: ["> Tokens: "]).map { String(decoding: $0, as: UTF8.self) }.filter
        { $0.hasPrefix("> Tokens: ") }
        guard !lines.isEmpty else { return .nothing }
        let costs = lines.compactMap { line -> Int? in
            let words = line.split(separator: "Cost: $").dropFirst().first?.split(separator: " ") ?? []
            return words.count >= 2 && words[1].hasPrefix("message") ? Money.amount(String(words[0])) : nil
        }
        return Usage(money: costs.isEmpty ? nil : costs.reduce(0, +))
    }
}

extension ArraySlice<UInt8> {
    /// Whether a text is in it.
    package func holds(_ text: [UInt8]) -> Bool {
        withUnsafeBufferPointer { bytes in
            var at = 0
            while at + text.count <= bytes.count {
                if bytes[at] == text[0], bytes[at..<at + text.count].elementsEqual(text) { return true }
                at += 1
            }
            return false
        }
    }
}
