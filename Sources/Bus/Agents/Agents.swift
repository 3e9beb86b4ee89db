import Glibc
import Storage
import SystemPackage

/// What an agent is doing, as far as anyone can tell.
package enum AgentState: String, CaseIterable {
    case starting, working, idle, waiting, stuck, resting, frozen, quarantined, dead
}

/// What should become of an agent: what its supervisor obeys, and what decides whether its death is repaired.
package enum Want: String {
    case run, stop, freeze, pause, quarantine, retire
}

/// An agent as one look saw it.
package struct AgentView {
    package var name: String
    /// Fields Program, Command, Model, Role, Parent, Depth, Worktree, GitDir, Directory, Place, Base, Branch, Port,
    /// Restart, Pull, Auto, Task, At, Equip, By, Created, Adopted; the body is its first prompt.
    package var card: Record
    /// Fields Token, Number, Started, Host, Boot, Pid, Start (in clock ticks since boot), Mark, Pane, Server, Takes.
    /// Nil if it never ran.
    package var session: Record?
    /// Fields State, Source, Since, Time, Note, Progress, as last reported; Turn, `open` while a turn of its program
    /// has begun and not ended; Session, the token its supervisor spoke of last; Tries, Tried-Since, Tried-Why,
    /// Retry-At, see Retry; Started-For, the task that it was started again for, and Start-At, when it is started
    /// again.
    package var report: Record?
    package var want: Want
    package var alive: Bool

    /// The place of one that has no pane.
    package static let headless = "headless"
    package var isHeadless: Bool { card["Place"] == AgentView.headless }

    package var role: String? { card["Role"] }
    /// Its program's name, by which tasks are for it: the first word of what was asked for. A command that a shell runs
    /// is no agent `sh`.
    package var program: String? {
        guard let whole = card["Program"], let first = whole.split(separator: " ").first else { return nil }
        let word = String(first)
        guard Names.isName(word) else { return nil }
        return word == "sh" && whole != word ? nil : word
    }
    package var parent: String? { card["Parent"] }
    package var worktree: FilePath? { card["Worktree"].map { FilePath($0) } }
    package var token: String? { session?["Token"] }

    package var state: AgentState {
        if want == .quarantine { return .quarantined }
        if alive {
            if want == .freeze { return .frozen }
            return report?["State"].flatMap { AgentState(rawValue: $0) } ?? .starting
        }
        return want == .run && report?["State"] != AgentState.resting.rawValue ? .dead : .resting
    }
}

extension Bus {
    /// The agents that have a card, by name; with `drafts` those that are being made as well.
    package func agentNames(drafts: Bool = false) throws -> [String] {
        guard let names = try Files.list(agents) else { throw missing("agents") }
        return try names.filter { try Names.isName($0) && (drafts || Files.exists(card($0))) }.sorted()
    }

    /// The agent; nil if there is none of that name.
    package func agent(named name: String) throws -> AgentView? {
        guard Names.isName(name) else { return nil }
        guard let card = try Record.read(card(name)) else {
            // The card is written first and goes with all the rest.
            guard try !Files.exists(session(name)) else { throw missing("agents/\(name)/card") }
            return nil
        }
        return AgentView(
            name: name, card: card, session: try Record.read(session(name)), report: try Record.read(agentState(name)),
            want: try wanted(name) ?? .run, alive: try Alive.isHeld(alive(name)))
    }

    func wanted(_ name: String) throws -> Want? {
        try Files.read(want(name)).map { bytes in
            guard bytes.last == 10, let want = Want(rawValue: String(decoding: bytes.dropLast(), as: UTF8.self)) else {
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

    /// Changes an agent's card.
    package func editCard(_ name: String, _ change: (inout Record) throws -> Void) throws {
        try requireFormat()
        try Lock.with(assignment(name), seconds: 30, verb: "card") { _ in
            guard var record = try Record.read(card(name)) else { throw noAgent(name) }
            try change(&record)
            try replace(card(name), with: record.bytes, sync: true)
        }
    }

    /// Says what should become of the agent, on the disk before it is acted on.
    package func setWant(_ name: String, _ want: Want, by: String) throws {
        try replace(self.want(name), with: Array("\(want.rawValue)\n".utf8), sync: true)
        journal(want.rawValue, by: by, ["agent": name])
    }

    /// A new session: its token is on the disk before the program runs. `takes`: it takes only tasks for this program.
    package func beginSession(_ name: String, pane: String?, server: String?, mark: UInt64? = nil, takes: String? = nil)
        throws -> Record
    {
        let number = (try Record.read(session(name))?.int("Number") ?? 0) + 1
        var record = Record()
        record["Token"] = Random.token()
        record["Number"] = "\(number)"
        record["Started"] = "\(Time.now())"
        record["Host"] = Host.name
        record["Boot"] = Host.boot
        record["Pid"] = "\(getpid())"
        record["Start"] = Host.startTime(getpid()).map { "\($0)" }
        record["Mark"] = mark.map { "\($0)" }
        record["Pane"] = pane
        record["Server"] = server
        record["Takes"] = takes
        try replace(session(name), with: record.bytes, sync: true)
        try Files.unlink(goneFile(name))
        try closeAsk(named: "rests-\(name)", by: name, "it runs")
        journal("started", by: name, ["agent": name, "session": "\(number)"])
        return record
    }

    /// That there is no agent of this name, with the one that was probably meant.
    package func noAgent(_ name: String) -> Failure {
        .no("no agent '\(Names.shown(name))'" + Names.meant(name, (try? agentNames()) ?? []))
    }

    /// What the agent does, as told by itself or by what watches it. Fields that are nil stay as they were. `turn`:
    /// whether the main turn of its program is open, which it may not be while sub-agents still work.
    package func report(
        _ name: String, state: AgentState? = nil, source: String, note: String? = nil, progress: String? = nil,
        session: String? = nil, turn: Bool? = nil
    ) throws {
        var record = try Record.read(agentState(name)) ?? Record()
        if let state, record["State"] != state.rawValue {
            record["State"] = state.rawValue
            record["Since"] = "\(Time.now())"
        }
        record["Source"] = source
        record["Time"] = "\(Time.now())"
        if let session { record["Session"] = session }
        if let note { record["Note"] = Names.shown(note) }
        if let progress { record["Progress"] = progress }
        if let turn { record["Turn"] = turn ? "open" : nil }
        try replace(agentState(name), with: record.bytes, sync: false)
    }

    /// Notes for which ready task an agent that had ended is started again.
    package func noteStart(of name: String, for id: Int) throws {
        var record = try Record.read(agentState(name)) ?? Record()
        record["Started-For"] = "\(id)"
        try replace(agentState(name), with: record.bytes, sync: false)
    }

    /// Notes when an agent whose program has ended is started again.
    package func noteNextStart(of name: String, at time: Int) throws {
        var record = try Record.read(agentState(name)) ?? Record()
        record["Start-At"] = "\(time)"
        try replace(agentState(name), with: record.bytes, sync: false)
    }

    /// Gives up that a task waits for this agent before it is anybody's.
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
            let top = queue("first=\(name)").appending("\(priority)")
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
