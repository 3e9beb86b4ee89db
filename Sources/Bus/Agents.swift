import Glibc
import SystemPackage

/// What an agent is doing, as far as anyone can tell.
public enum AgentState: String {
    case starting, working, idle, waiting, stuck, resting, frozen, quarantined, dead
}

/// What should become of an agent: what its supervisor obeys, and what decides whether its death is repaired.
public enum Want: String {
    case run, stop, freeze, pause, quarantine, retire
}

/// An agent as one look saw it.
public struct AgentView {
    public var name: String
    /// Fields Program, Command, Model, Role, Parent, Depth, Worktree, Window, Restart, Pull, Auto, Task, By, Created; the
    /// body is its first prompt.
    public var card: Record
    /// Fields Token, Number, Started, Host, Boot, Pid, Pane, Server. Nil if it never ran.
    public var session: Record?
    /// Fields State, Source, Since, Note, Progress, as last reported.
    public var report: Record?
    public var want: Want
    public var alive: Bool

    public var role: String? { card["Role"] }
    public var parent: String? { card["Parent"] }
    public var worktree: FilePath? { card["Worktree"].map { FilePath($0) } }
    public var token: String? { session?["Token"] }

    public var state: AgentState {
        if want == .quarantine { return .quarantined }
        if alive {
            if want == .freeze { return .frozen }
            return report?["State"].flatMap { AgentState(rawValue: $0) } ?? .starting
        }
        return want == .run && report?["State"] != AgentState.resting.rawValue ? .dead : .resting
    }
}

extension Bus {
    /// The agents that have a card, by name.
    public func agentNames() throws -> [String] {
        guard let names = try Files.list(agents) else { throw missing("agents") }
        return try names.filter { try Names.isName($0) && Files.exists(card($0)) }.sorted()
    }

    /// The agent; nil if there is none of that name.
    public func agent(named name: String) throws -> AgentView? {
        guard Names.isName(name), let card = try Record.read(card(name)) else { return nil }
        let want = try Files.read(want(name)).flatMap { Want(rawValue: String(decoding: $0.filter { $0 != 10 }, as: UTF8.self)) }
        return AgentView(
            name: name, card: card, session: try Record.read(session(name)), report: try Record.read(agentState(name)),
            want: want ?? .run, alive: try Alive.isHeld(alive(name)))
    }

    /// Writes the card of a new agent; false if the name is taken.
    public func makeAgent(_ name: String, card record: Record) throws -> Bool {
        try Files.mkdirs(agent(name))
        return try Lock.with(assignment(name), seconds: 30, verb: "spawn") { _ in
            if try Files.exists(card(name)) { return false }
            try makeBox(name)
            try replace(card(name), with: record.bytes, sync: true)
            journal("spawned", by: record["By"] ?? "human", ["agent": name])
            return true
        }
    }

    /// Changes an agent's card.
    public func editCard(_ name: String, _ change: (inout Record) throws -> Void) throws {
        try Lock.with(assignment(name), seconds: 30, verb: "card") { _ in
            guard var record = try Record.read(card(name)) else { throw Failure.no("no agent '\(name)'") }
            try change(&record)
            try replace(card(name), with: record.bytes, sync: true)
        }
    }

    /// Says what should become of the agent, on the disk before it is acted on.
    public func setWant(_ name: String, _ want: Want, by: String) throws {
        try replace(self.want(name), with: Array("\(want.rawValue)\n".utf8), sync: true)
        journal(want.rawValue, by: by, ["agent": name])
    }

    /// A new session: its token is on the disk before the program runs.
    public func beginSession(_ name: String, pane: String?, server: String?) throws -> Record {
        let number = (try Record.read(session(name))?.int("Number") ?? 0) + 1
        var record = Record()
        record["Token"] = Random.token()
        record["Number"] = "\(number)"
        record["Started"] = "\(Time.now())"
        record["Host"] = Host.name
        record["Boot"] = Host.boot
        record["Pid"] = "\(getpid())"
        record["Pane"] = pane
        record["Server"] = server
        try replace(session(name), with: record.bytes, sync: true)
        try Files.unlink(goneFile(name))
        journal("started", by: name, ["agent": name, "session": "\(number)"])
        return record
    }

    /// What the agent does, as told by itself or by what watches it. Fields that are nil stay as they were.
    public func report(
        _ name: String, state: AgentState? = nil, source: String, note: String? = nil, progress: String? = nil
    ) throws {
        var record = try Record.read(agentState(name)) ?? Record()
        if let state, record["State"] != state.rawValue {
            record["State"] = state.rawValue
            record["Since"] = "\(Time.now())"
        }
        record["Source"] = source
        record["Time"] = "\(Time.now())"
        if let note { record["Note"] = Names.shown(note) }
        if let progress { record["Progress"] = progress }
        try replace(agentState(name), with: record.bytes, sync: false)
    }

    /// Forgets a retired agent. Its branch, tasks and journal stay; unread mail becomes dead letters.
    public func forget(_ name: String, by: String) throws {
        try deadLetter(name)
        let aside = aside()
        _ = try Files.rename(agent(name), aside)
        try deadLetter(name)
        try Files.sync(agents)
        try Files.removeAll(aside)
        journal("retired", by: by, ["agent": name])
    }

    // MARK: slots

    /// Takes a slot for a start of this agent, under the spawn lock that the caller holds: false if all `limit` are
    /// taken. A slot is taken while the supervisor it names lives or the process that wrote it still runs.
    public func takeSlot(_ name: String, limit: Int) throws -> Bool {
        var free: Int?
        var taken = 0
        var mine: Int?
        for number in try (Files.list(slots) ?? []).compactMap({ Int($0) }) {
            switch try slotHolder(number) {
            case name: mine = number
            case .some: taken += 1
            case nil: free = min(free ?? number, number)
            }
        }
        guard taken < limit else { return false }
        let slot = try mine ?? free ?? ((Files.list(slots) ?? []).compactMap { Int($0) }.max() ?? 0) + 1
        let start = Host.startTime(getpid()) ?? 0
        try replace(slots.appending("\(slot)"), with: Array("\(name) \(getpid()) \(start) \(Host.boot)\n".utf8), sync: true)
        return true
    }

    private func slotHolder(_ number: Int) throws -> String? {
        guard let bytes = try Files.read(slots.appending("\(number)")) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
        guard words.count == 4 else { throw Record.damaged(slots.appending("\(number)")) }
        if try Alive.isHeld(alive(words[0])) { return words[0] }
        if words[3] == Host.boot, let pid = Int32(words[1]), Host.startTime(pid) == UInt64(words[2]) { return words[0] }
        return nil
    }

    /// Runs `body` while no other start is being decided.
    public func deciding<T>(_ body: () throws -> T) throws -> T {
        try Lock.with(spawnLock, seconds: 60, verb: "spawn") { _ in try body() }
    }
}
