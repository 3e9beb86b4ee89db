import Glibc
import Storage
import SystemPackage

/// The file `agents/NAME/draft`: what must be undone if the agent does not come to be.
package struct SpawnDraftFields: RecordFields {
    package let worktree = Field<FilePath>("Worktree")
    package let port = Field<Int>("Port")
    /// The task that is reserved for it, and whether it was made for it.
    package let task = Field<Int>("Task")
    package let made = Field<YesNo>("Made")

    package init() {}
}
package typealias SpawnDraft = TypedRecord<SpawnDraftFields>

// How many agents there may be, and how an agent comes to be. All of it is decided under one lock, `spawn`, so that
// no number of starts at once gets past a limit.
extension Bus {
    /// Runs `body` while no other start is being decided.
    package func deciding<T>(_ body: () throws -> T) throws -> T {
        try FileLock.with(spawnLock, seconds: 60, verb: "spawn") { _ in try body() }
    }

    // MARK: slots

    /// Takes a slot for a start of this agent, under the spawn lock that the caller holds; nil if all `limit` are
    /// taken. A slot is taken while the supervisor it names lives or the process that wrote it still runs.
    package func takeSlot(_ name: String, limit: Int) throws -> Int? {
        var free: Int?
        var mine: Int?
        var taken = Set<String>()
        let numbers = try slotNumbers().sorted()
        for number in numbers {
            // The agent's earlier slot, whoever lives: no agent has two.
            if try self.slot(number)?.name == name, mine == nil {
                mine = number
            } else if let holder = try slotHolder(number), holder != name, taken.insert(holder).inserted {
                continue
            } else if free == nil {
                free = number
            }
        }
        guard taken.count < limit else { return nil }
        let slot = mine ?? free ?? (numbers.last ?? 0) + 1
        try writeSlot(slot, name, getpid())
        return slot
    }

    /// Leaves the slot to the agent's supervisor, which lives by now.
    package func handOver(_ slot: Int, to name: String) throws { try writeSlot(slot, name, 0) }

    /// Whether a process that still runs, and is not the caller, has taken a slot for the agent and not handed it over.
    package func isBeingMade(_ name: String) throws -> Bool {
        for number in try slotNumbers() {
            guard let slot = try slot(number), slot.name == name else { continue }
            if slot.writerLives, slot.pid != getpid() { return true }
        }
        return false
    }

    private func writeSlot(_ slot: Int, _ name: String, _ pid: pid_t) throws {
        let start = Host.startTime(pid) ?? 0
        try replace(slotFile(slot), with: Array("\(name) \(pid) \(start) \(Host.boot)\n".utf8), sync: true)
    }

    /// How many slots are taken.
    package func slotsTaken() throws -> Int { try Set(slotNumbers().compactMap(slotHolder)).count }

    /// The first of ten ports that no other agent has, running or not. Under the spawn lock.
    package func freePort(from base: Int) throws -> Int {
        guard let names = try Files.list(agents) else { throw missing(agents) }
        let taken = try Set(
            names.filter(Names.isName).compactMap { try AgentCard.read(card($0))?.port ?? draft(of: $0)?.port })
        return (0...taken.count).lazy.map { base + $0 * 10 }.first { !taken.contains($0) } ?? base
    }

    private func slotNumbers() throws -> [Int] {
        guard let names = try Files.list(slots) else { throw missing(slots) }
        return names.compactMap { Int($0) }
    }

    private func slotHolder(_ number: Int) throws -> String? {
        guard let slot = try slot(number) else { return nil }
        return try LivenessLock.isHeld(alive(slot.name)) || slot.writerLives ? slot.name : nil
    }

    private func slot(_ number: Int) throws -> (name: String, pid: pid_t, writerLives: Bool)? {
        guard let bytes = try Files.read(slotFile(number)) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" }).map(
            String.init)
        guard words.count == 4, let pid = pid_t(words[1]), let start = UInt64(words[2]) else {
            throw Record.damaged(slotFile(number))
        }
        return (words[0], pid, words[3] == Host.boot && pid > 0 && Host.startTime(pid) == start)
    }

    // MARK: drafts

    /// Writes what must be undone if the agent does not come to be. The first time under the spawn lock.
    package func makeDraft(_ name: String, _ record: SpawnDraft) throws {
        try Files.mkdirs(agent(name))
        try replace(draft(name), with: record.bytes, sync: true)
    }

    /// Writes the card, the mailbox first: from here on the agent exists.
    package func commitDraft(_ name: String, _ record: AgentCard) throws {
        try makeBox(name)
        // There from the start, so that it can be watched.
        _ = try Files.create(alive(name))
        try replace(card(name), with: record.bytes, sync: true)
        try Files.sync(agents)
        try Files.unlink(draft(name))
        journal("spawned", by: record.by ?? "human", ["agent": name])
    }

    /// Agents that never came to be and whose spawn no longer runs, under the spawn lock.
    package func deadDrafts() throws -> [String] {
        guard let names = try Files.list(agents) else { throw missing(agents) }
        var live = Set<String>()
        for number in try slotNumbers() { if let name = try slotHolder(number) { live.insert(name) } }
        return try names.filter { try Names.isName($0) && !live.contains($0) && !Files.exists(card($0)) }
    }

    package func draft(of name: String) throws -> SpawnDraft? { try SpawnDraft.read(draft(name)) }

    /// Forgets an agent that never was. No mail can have come for it.
    package func dropDraft(_ name: String) throws {
        guard try !Files.exists(card(name)) else { return }
        try Files.removeAll(agent(name))
    }

    /// Whether an agent has the name or is being made under it.
    package func nameTaken(_ name: String) throws -> Bool {
        try Files.exists(agent(name))
    }

    // MARK: rates

    /// Notes a spawn by this agent, under the spawn lock; false if it would be more than `limit` in a minute.
    package func noteSpawn(_ name: String, limit: Int) throws -> Bool {
        let recent = try times(spawnsFile(name), since: Time.now() - 60)
        guard recent.count < limit else { return false }
        try write(recent + [Time.now()], to: spawnsFile(name))
        return true
    }

    /// How often the agent was started again since then.
    package func restarts(_ name: String, since: Int) throws -> Int {
        try times(restartsFile(name), since: since).count
    }

    package func noteRestart(_ name: String) throws {
        try write(times(restartsFile(name), since: Time.now() - 86400) + [Time.now()], to: restartsFile(name))
    }

    /// Forgets them: a person started it.
    package func clearRestarts(_ name: String) throws { try Files.unlink(restartsFile(name)) }

    private func times(_ path: FilePath, since: Int) throws -> [Int] {
        try (Files.read(path) ?? []).split(separator: 10).compactMap { Int(String(decoding: $0, as: UTF8.self)) }.filter
        { $0 > since }
    }

    private func write(_ times: [Int], to path: FilePath) throws {
        try replace(path, with: Array(times.map { "\($0)\n" }.joined().utf8), sync: false)
    }
}
