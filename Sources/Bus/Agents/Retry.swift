import Storage
import SystemPackage

// A failure that may pass by itself (exit code 75) leads to another try, after a pause that doubles, and never becomes
// final. An agent's report and a task's header say how often it was tried, why it failed, and when the next try is.
// After ten tries, or an hour of them, cadre asks a person, once.

/// Something that is tried again.
package struct Retry: Equatable {
    package var tries: Int
    /// When it failed first, and when it is tried next, in seconds since the epoch.
    package var since: Int
    package var next: Int
    /// Why it failed last, in one line.
    package var why: String

    /// After so many tries, or so many seconds, a person is asked.
    static let most = (tries: 10, seconds: 3600)
    /// Seconds for a repeated prompt to begin a turn.
    static let patience = 900
    /// A try so many seconds ago belongs to another failure.
    private static let memory = 3600

    /// The next of a row of tries, `last` being the one before. The first pause is `first` seconds, the longest
    /// `bound`.
    package init(after last: Retry?, _ why: String, first: Int = 1, bound: Int, now: Int = Time.now()) {
        let last = last.flatMap { $0.next + Retry.memory > now ? $0 : nil }
        tries = (last?.tries ?? 0) + 1
        since = last?.since ?? now
        next = now + min(bound, first << min(tries - 1, 20))
        self.why = Names.shown(why)
    }

    /// Header lines of any record that tells of tries.
    private enum Line {
        static let tries = Field<Int>("Tries")
        static let since = Field<Int>("Tried-Since")
        static let next = Field<Int>("Retry-At")
        static let why = Field<String>("Tried-Why")
    }

    /// What a record says of it; nil if nothing.
    init?<Fields>(_ record: TypedRecord<Fields>) {
        guard let tries = record[Line.tries], tries > 0, let next = record[Line.next] else { return nil }
        self.tries = tries
        self.next = next
        since = record[Line.since] ?? next
        why = record[Line.why] ?? ""
    }

    /// Writes it into a record, or takes out what stands there.
    static func write<Fields>(_ retry: Retry?, to record: inout TypedRecord<Fields>) {
        record[Line.tries] = retry?.tries
        record[Line.since] = retry?.since
        record[Line.next] = retry?.next
        record[Line.why] = retry?.why
    }

    /// Whether it has gone on for so long that a person should know.
    package var isLong: Bool { tries >= Retry.most.tries || next - since >= Retry.most.seconds }

    package var count: String { "tried \(tries) time\(tries == 1 ? "" : "s")" }
    package var text: String { "\(why) (\(count), again at \(Time.text(next)))" }
    package var question: String { "\(why) (\(count) since \(Time.text(since)); it goes on being tried)" }
}

extension AgentView {
    /// What keeps the agent from its work for now.
    package var retry: Retry? { report.flatMap { Retry($0) } }
}

extension Bus {
    /// Seconds between two tries at most, of an agent and of a task.
    static let retryBounds = (agent: 60, task: 300)

    /// Records an agent's failure that may pass, and schedules the next try. Asks a person once it has gone on for
    /// long.
    package func noteRetry(of name: String, _ why: String) throws -> Retry {
        var report = try AgentReport.read(agentState(name)) ?? AgentReport()
        let retry = Retry(after: Retry(report), why, bound: Bus.retryBounds.agent)
        Retry.write(retry, to: &report)
        try replace(agentState(name), with: report.bytes, sync: false)
        journal("retry", by: name, ["agent": name, "why": retry.why, "tries": "\(retry.tries)"])
        if retry.isLong { try openAsk(named: "retry-\(name)", by: "cadre", "'\(name)' can't go on: \(retry.question)") }
        return retry
    }

    /// Records that a turn of the agent failed. With `first`, in seconds, schedules when cadre repeats the turn's
    /// prompt: the pause begins at `first` and doubles up to sixteen times that. Nil if only a person can mend the
    /// cause.
    package func noteFailedTurn(of name: String, _ why: String, first: Int?) throws -> Retry? {
        var retry: Retry?
        try editConversation(name) { record in
            record.failed = .yes
            retry = first.map { Retry(after: Retry(record), why, first: max(1, $0), bound: 16 * max(1, $0)) }
            Retry.write(retry, to: &record)
        }
        return retry
    }

    /// When cadre repeats the prompt of a failed turn; nil if it doesn't.
    package func failedTurn(of name: String) throws -> Retry? {
        guard let record = try conversation(name), record.failed != nil else { return nil }
        return Retry(record)
    }

    /// Notes that the prompt was repeated. If it begins no turn within `patience` seconds, it is repeated once more.
    package func noteToldAgain(_ name: String) throws {
        try editConversation(name) { record in
            guard var retry = Retry(record) else { return }
            retry.next = Time.now() + Retry.patience
            Retry.write(retry, to: &record)
        }
    }

    /// Clears the failure of a turn, after a turn stood or the conversation was cleared.
    package func endFailedTurn(of name: String, _ conversation: Conversation?) throws {
        guard conversation?.failed != nil else { return }
        try editConversation(name) { record in
            record.failed = nil
            Retry.write(nil, to: &record)
        }
        for ask in [Bus.signIn(name), Bus.failing(name)] { try closeAsk(named: ask, by: "cadre", "it goes on") }
    }

    /// Clears an agent's failure that has passed, and closes the ask about it.
    package func endRetry(of name: String) throws {
        guard var report = try AgentReport.read(agentState(name)), Retry(report) != nil else { return }
        Retry.write(nil, to: &report)
        try replace(agentState(name), with: report.bytes, sync: false)
        try closeAsk(named: "retry-\(name)", by: name, "it has passed")
    }

    /// Gives back a task that can't be done now, for a reason that may pass; it is ready again after a pause.
    package func postpone(_ claim: Claim, by: String, why: String, tells: Bool = false) throws -> Retry {
        try changing("release") { held in
            guard var header = try header(claim.id) else { throw noTask(claim.id) }
            try giveBack(claim, by: by, tells: tells)
            // Killed before this is written it is ready at once, and not counted.
            let retry = Retry(after: header.retry, why, bound: Bus.retryBounds.task)
            header.retry = retry
            header.deferred = retry.next
            try replace(taskFile(claim.id), with: header.record.bytes, sync: true)
            if retry.isLong {
                try openAsk(
                    named: "retry-\(claim.id)", by: "cadre",
                    "task \(claim.id) can't be done: \(retry.question); 'cadre task cancel \(claim.id)' gives it up")
            }
            try place(claim.id, held)
            journal(
                "released", by: by,
                ["task": "\(claim.id)", "owner": claim.owner, "why": retry.why, "tries": "\(retry.tries)"])
            return retry
        }
    }
}
