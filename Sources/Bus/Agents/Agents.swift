import Glibc
import Storage
import SystemPackage

/// What an agent is doing, as far as anyone can tell.
package enum AgentState: String, CaseIterable, FieldValue {
    case starting, working, idle, waiting, stuck, resting, frozen, quarantined, dead
}

/// What should become of an agent: what its supervisor obeys, and what decides whether its death is repaired.
package enum DesiredState: String {
    case run, stop, freeze, pause, quarantine, retire
}

/// Whether an agent is started again when its program has ended.
package enum RestartPolicy: String, CaseIterable, FieldValue {
    case never, always
    case onFailure = "on-failure"
    package static let names = ["never", "on-failure", "always"]
}

/// The file `card`: what an agent was made as, and what a person has set since. The body is its first prompt.
package struct AgentCardFields: RecordFields {
    /// As it was asked for: a known program, perhaps with options, or a command.
    package static let program = Field<String>("Program")
    package let program = AgentCardFields.program
    /// For /bin/sh, of a program that is not known.
    package let command = Field<String>("Command")
    package let model = Field<String>("Model")
    package static let role = Field<String>("Role")
    package let role = AgentCardFields.role
    package static let parent = Field<String>("Parent")
    package let parent = AgentCardFields.parent
    /// 1 where a person has made it.
    package let depth = Field<Int>("Depth")
    package static let worktree = Field<FilePath>("Worktree")
    package let worktree = AgentCardFields.worktree
    /// The worktree's git directory.
    package let gitDir = Field<FilePath>("GitDir")
    /// Where it works without a worktree.
    package let directory = Field<FilePath>("Directory")
    /// `window`, `pane`, `session` or `headless`.
    package let place = Field<String>("Place")
    /// The commit that its tasks' branches begin at.
    package let base = Field<String>("Base")
    package let branch = Field<String>("Branch")
    package let port = Field<Int>("Port")
    package let restart = Field<RestartPolicy>("Restart")
    /// Whether it is handed tasks while it is idle.
    package let pull = Field<YesNo>("Pull")
    /// Whether all that its program asks is allowed.
    package let auto = Field<YesNo>("Auto")
    /// The task that it begins with.
    package let task = Field<Int>("Task")
    /// The task that was made of its first prompt.
    package let prompted = Field<Int>("Prompted")
    /// The commit that its worktree stood on when it was paused.
    package let at = Field<String>("At")
    /// Whether its worktree lacks the files that are not in git.
    package let equip = Field<YesNo>("Equip")
    /// Who made it, and when: in seconds since the epoch, and the microseconds beyond.
    package let by = Field<String>("By")
    package let created = Field<Int>("Created")
    package let micros = Field<Int>("Micros")
    /// The running program that it was made of, see `Adopted`.
    package let adopted = Field<String>("Adopted")

    package init() {}
}
package typealias AgentCard = TypedRecord<AgentCardFields>

/// The file `session`: one life of an agent's supervisor.
package struct AgentSessionFields: RecordFields {
    /// The secret of who is this agent.
    package static let token = Field<String>("Token")
    package let token = AgentSessionFields.token
    /// Counts from 1.
    package let number = Field<Int>("Number")
    /// In seconds since the epoch.
    package let started = Field<Int>("Started")
    package let host = Field<String>("Host")
    package let boot = Field<String>("Boot")
    package let pid = Field<Int>("Pid")
    /// When the process started, in clock ticks since boot.
    package let start = Field<UInt64>("Start")
    /// By which its processes are known, see `Mark`.
    package let mark = Field<UInt64>("Mark")
    package let pane = Field<String>("Pane")
    /// The socket of the tmux server.
    package let server = Field<String>("Server")
    /// The only program for which it takes tasks.
    package static let takes = Field<String>("Takes")
    package let takes = AgentSessionFields.takes

    package init() {}
}
package typealias AgentSession = TypedRecord<AgentSessionFields>

/// Who says what an agent does.
package enum ReportSource: String, FieldValue {
    /// The agent itself.
    case heartbeat
    /// Its program, by a hook, by its state file, or by what it draws.
    case hook, screen
    case stateFile = "state file"
    /// Who watches it.
    case supervisor, silence, budget
    /// What ended it: a person's keys in its pane, a terminal that is gone, a signal, a start.
    case keys, hangup, terminated, up
}

package enum TurnState: String, FieldValue { case open }

/// The file `state`: what an agent does, as last reported.
package struct AgentReportFields: RecordFields {
    package static let state = Field<AgentState>("State")
    package let state = AgentReportFields.state
    package static let source = Field<ReportSource>("Source")
    package let source = AgentReportFields.source
    /// When the state began and when it was last reported, in seconds since the epoch.
    package static let since = Field<Int>("Since")
    package let since = AgentReportFields.since
    package static let time = Field<Int>("Time")
    package let time = AgentReportFields.time
    package static let note = Field<String>("Note")
    package let note = AgentReportFields.note
    /// `N/M`.
    package static let progress = Field<String>("Progress")
    package let progress = AgentReportFields.progress
    /// Whether a turn of its program has begun and not ended.
    package static let turn = Field<TurnState>("Turn")
    package let turn = AgentReportFields.turn
    /// The token of the session that its supervisor spoke of last.
    package static let session = Field<String>("Session")
    package let session = AgentReportFields.session
    /// The task that it was started again for, and when it is started again.
    package let startedFor = Field<Int>("Started-For")
    package let startAt = Field<Int>("Start-At")

    package init() {}
}
package typealias AgentReport = TypedRecord<AgentReportFields>

/// An agent as one look saw it.
package struct AgentView {
    package var name: String
    package var card: AgentCard
    /// Nil if it never ran.
    package var session: AgentSession?
    package var report: AgentReport?
    package var want: DesiredState
    package var alive: Bool

    /// The place of one that has no pane.
    package static let headless = "headless"
    package var isHeadless: Bool { card.place == AgentView.headless }

    package var role: String? { card[AgentCardFields.role] }
    /// The name of its program, which tasks can ask for: the first word of the spawn's request. An agent that runs a
    /// command in a shell is not an agent of the program `sh`.
    package var program: String? {
        guard let whole = card[AgentCardFields.program], let first = whole.split(separator: " ").first else {
            return nil
        }
        let word = String(first)
        guard Names.isName(word) else { return nil }
        return word == "sh" && whole != word ? nil : word
    }
    package var parent: String? { card[AgentCardFields.parent] }
    package var worktree: FilePath? { card[AgentCardFields.worktree] }
    package var token: String? { session?[AgentSessionFields.token] }

    package var state: AgentState {
        if want == .quarantine { return .quarantined }
        if alive {
            if want == .freeze { return .frozen }
            return report?.state ?? .starting
        }
        return want == .run && report?.state != .resting ? .dead : .resting
    }
}

extension Bus {
    /// The agents that have a card, by name; with `drafts` those that are being made as well.
    package func agentNames(drafts: Bool = false) throws -> [String] {
        guard let names = try Files.list(agents) else { throw missing(agents) }
        return try names.filter { try Names.isName($0) && (drafts || Files.exists(card($0))) }.sorted()
    }

    /// The agent; nil if there is none of that name.
    package func agent(named name: String) throws -> AgentView? {
        guard Names.isName(name) else { return nil }
        guard let card = try AgentCard.read(card(name)) else {
            // The card is written first and goes with all the rest.
            guard try !Files.exists(session(name)) else { throw missing(self.card(name)) }
            return nil
        }
        return AgentView(
            name: name, card: card, session: try AgentSession.read(session(name)),
            report: try AgentReport.read(agentState(name)),
            want: try wanted(name) ?? .run, alive: try LivenessLock.isHeld(alive(name)))
    }

    func wanted(_ name: String) throws -> DesiredState? {
        try Files.read(want(name)).map { bytes in
            guard bytes.last == 10, let want = DesiredState(rawValue: String(decoding: bytes.dropLast(), as: UTF8.self))
            else {
                throw Record.damaged(self.want(name))
            }
            return want
        }
    }

    /// Whether one agent is an ancestor of another.
    package func isAbove(_ upper: String, _ lower: String) throws -> Bool {
        var up = try agent(named: lower)?.parent
        var seen = Set<String>()
        while let parent = up, seen.insert(parent).inserted {
            if parent == upper { return true }
            up = try agent(named: parent)?.parent
        }
        return false
    }

    /// Changes an agent's card; the change is on the disk when this returns. Throws `Failure.no` if there is no such
    /// agent, `Failure.unsure` if a newer cadre has taken the bus over, or another process holds the lock for 30
    /// seconds.
    package func editCard(_ name: String, _ change: (inout AgentCard) throws -> Void) throws {
        try requireFormat()
        try FileLock.with(assignment(name), seconds: 30, verb: "card") { _ in
            guard var record = try AgentCard.read(card(name)) else { throw noAgent(name) }
            try change(&record)
            try replace(card(name), with: record.bytes, sync: true)
        }
    }

    /// Says what should become of the agent, on the disk before it is acted on.
    package func setWant(_ name: String, _ want: DesiredState, by: String) throws {
        try replace(self.want(name), with: Array("\(want.rawValue)\n".utf8), sync: true)
        journal(want.rawValue, by: by, ["agent": name])
    }

    /// A new session: its token is on the disk before the program runs. `takes`: it takes only tasks for this program.
    package func beginSession(_ name: String, pane: String?, server: String?, mark: UInt64? = nil, takes: String? = nil)
        throws -> AgentSession
    {
        let number = (try AgentSession.read(session(name))?.number ?? 0) + 1
        var record = AgentSession()
        record.token = Random.token()
        record.number = number
        record.started = Time.now()
        record.host = Host.name
        record.boot = Host.boot
        record.pid = Int(getpid())
        record.start = Host.startTime(getpid())
        record.mark = mark
        record.pane = pane
        record.server = server
        record.takes = takes
        try replace(session(name), with: record.bytes, sync: true)
        try Files.unlink(goneFile(name))
        try closeAsk(named: "rests-\(name)", by: name, "it runs")
        // Of a session whose supervisor was killed.
        try closeAsk(named: Bus.heldUp(name), by: name, "it runs anew")
        journal("started", by: name, ["agent": name, "session": "\(number)"])
        return record
    }

    /// The failure that no agent has this name; it suggests the nearest name.
    package func noAgent(_ name: String) -> Failure {
        .no("no agent '\(Names.shown(name))'" + Names.meant(name, (try? agentNames()) ?? []))
    }

    /// What the agent does, as told by itself or by what watches it. Fields that are nil stay as they were. `turn`:
    /// whether the main turn of its program is open, which it may not be while sub-agents still work.
    package func report(
        _ name: String, state: AgentState? = nil, source: ReportSource, note: String? = nil, progress: String? = nil,
        session: String? = nil, turn: Bool? = nil
    ) throws {
        typealias Fields = AgentReportFields
        var record = try AgentReport.read(agentState(name)) ?? AgentReport()
        if let state, record[Fields.state] != state {
            record[Fields.state] = state
            record[Fields.since] = Time.now()
        }
        record[Fields.source] = source
        record[Fields.time] = Time.now()
        if let session { record[Fields.session] = session }
        if let note { record[Fields.note] = Names.shown(note) }
        if let progress { record[Fields.progress] = progress }
        if let turn { record[Fields.turn] = turn ? .open : nil }
        try replace(agentState(name), with: record.bytes, sync: false)
    }

    /// Notes for which ready task an agent that had ended is started again.
    package func noteStart(of name: String, for id: Int) throws {
        var record = try AgentReport.read(agentState(name)) ?? AgentReport()
        record.startedFor = id
        try replace(agentState(name), with: record.bytes, sync: false)
    }

    /// Notes when an agent whose program has ended is started again.
    package func noteNextStart(of name: String, at time: Int) throws {
        var record = try AgentReport.read(agentState(name)) ?? AgentReport()
        record.startAt = time
        try replace(agentState(name), with: record.bytes, sync: false)
    }

    /// Ends the time for which a task is reserved for this agent.
    package func unreserve(_ id: Int, for name: String, by: String) throws {
        do {
            try edit(id, by: by) {
                if $0.to == name, $0.toUntil != 0 {
                    $0.to = nil
                    $0.toUntil = 0
                }
            }
        } catch let failure as Failure where failure.kind == .no {}
    }

    /// Forgets a retired agent. Its branch, tasks and journal stay; unread mail becomes dead letters.
    package func forget(_ name: String, by: String) throws {
        for priority in 0...4 {
            let top = ready(ReadyQueue.first(name), priority)
            for bucket in try Files.list(top) ?? [] {
                for id in try Files.list(top.appending(bucket)) ?? [] {
                    if let id = Int(id) { try unreserve(id, for: name, by: by) }
                }
            }
        }
        try deadLetter(name)
        let aside = aside()
        _ = try Files.rename(agent(name), aside)
        try deadLetter(name)
        try Files.sync(agents)
        try Files.removeAll(aside)
        try closePermissions(of: name, "its agent is retired")
        for ask in ["quarantined", "silent", "rests", "retry", "budget-agent", "waits", "signin", "failing"] {
            try closeAsk(named: "\(ask)-\(name)", by: by, "retired")
        }
        journal("retired", by: by, ["agent": name])
    }
}
