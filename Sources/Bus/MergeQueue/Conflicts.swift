import Storage
import SystemPackage

/// Two branches that can't both land as they are, or one that can't land on the target as it is.
package struct Conflict: Equatable {
    package struct Side: Equatable {
        /// The task; nil for the target, and for a branch that belongs to no task.
        package var task: Int?
        /// The branch, as `refs/heads/…`.
        package var branch: String
        /// The commit that was compared.
        package var tip: String
        /// Who works on it; nil if nobody does.
        package var agent: String?

        package init(task: Int?, branch: String, tip: String, agent: String?) {
            self.task = task
            self.branch = branch
            self.tip = tip
            self.agent = agent
        }

        /// The name as git commands on branches take it.
        package var name: String { branch.hasPrefix("refs/heads/") ? String(branch.dropFirst(11)) : branch }
    }

    /// Of two tasks the one with the smaller id first; the target is always the second.
    package var one: Side
    package var other: Side
    package var paths: [String]
    /// When it was found, seconds since the epoch.
    package var found: Int
    /// Who has mail about these paths.
    package var told: [String] = []

    package init(_ one: Side, _ other: Side, paths: [String], found: Int = Time.now()) {
        self.one = one
        self.other = other
        self.paths = paths
        self.found = found
    }

    /// Its file's name.
    package var name: String { Conflict.name(one.task ?? 0, other.task) }
    package static func name(_ one: Int, _ other: Int?) -> String { "\(one),\(other.map(String.init) ?? "target")" }

    /// The tasks in a file's name.
    static func tasks(_ name: String) -> [Int] { name.split(separator: ",").compactMap { Names.number($0) } }

    var record: ConflictRecord {
        var record = ConflictRecord()
        for (fields, side) in [(SideFields("A"), one), (SideFields("B"), other)] {
            record[fields.branch] = side.branch
            record[fields.task] = side.task
            record[fields.agent] = side.agent
            record[fields.tip] = side.tip
        }
        record.found = found
        record.told = told.joined(separator: " ")
        record.paths = paths
        return record
    }

    init(_ record: ConflictRecord, of path: FilePath) throws {
        func side(_ fields: SideFields) throws -> Side {
            guard let branch = record[fields.branch], let tip = record[fields.tip] else { throw Record.damaged(path) }
            return Side(task: record[fields.task], branch: branch, tip: tip, agent: record[fields.agent])
        }
        guard let found = record.found else { throw Record.damaged(path) }
        try self.init(side(SideFields("A")), side(SideFields("B")), paths: record.paths ?? [], found: found)
        told = (record.told ?? "").split(separator: " ").map(String.init)
        guard name == path.lastComponent?.string else { throw Record.damaged(path) }
    }
}

/// A file of `merge/conflicts`; with the lines of both sides.
struct ConflictFields: RecordFields {
    let found = Field<Int>("Found")
    /// Names, divided by blanks.
    let told = Field<String>("Told")
    let paths = Field<[String]>("Paths")
}
typealias ConflictRecord = TypedRecord<ConflictFields>

/// The lines of one side, `A` or `B`.
private struct SideFields {
    let branch: Field<String>
    let task: Field<Int>
    let agent: Field<String>
    let tip: Field<String>

    init(_ side: String) {
        branch = Field("\(side)-Branch")
        task = Field("\(side)-Task")
        agent = Field("\(side)-Agent")
        tip = Field("\(side)-Tip")
    }
}

/// The file `merge/check`. The body is a line for each branch.
struct ComparedFields: RecordFields {
    let target = Field<String>("Target")
}
typealias ComparedRecord = TypedRecord<ComparedFields>

/// The state of the last comparison. It is a hint: without it the next check compares everything.
package struct Compared: Equatable {
    /// One branch, as it was then.
    package struct Branch: Equatable {
        /// `refs/heads/…`.
        package var reference: String
        package var tip: String
        /// The base that its task had on record.
        package var begun: String
        /// Where its own work was taken to begin, see ConflictPrediction.
        package var base: String

        package init(reference: String, tip: String, begun: String, base: String) {
            self.reference = reference
            self.tip = tip
            self.begun = begun
            self.base = base
        }
    }

    /// The commit that the target held.
    package var target: String
    /// By task.
    package var branches: [Int: Branch]

    package init(target: String, branches: [Int: Branch]) {
        self.target = target
        self.branches = branches
    }

    var record: ComparedRecord {
        var record = ComparedRecord()
        record.target = target
        let lines = branches.sorted { $0.key < $1.key }.map {
            "\($0) \($1.tip) \($1.begun) \($1.base) \($1.reference)\n"
        }
        record.body = Array(lines.joined().utf8)
        return record
    }

    init?(_ record: ComparedRecord) {
        guard let target = record.target else { return nil }
        self.init(target: target, branches: [:])
        for line in record.body.split(separator: 10) {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 4).map(String.init)
            guard words.count == 5, let id = Names.number(words[0]) else { return nil }
            branches[id] = Branch(reference: words[4], tip: words[1], begun: words[2], base: words[3])
        }
    }
}

// The known conflicts among branches that have not landed. Only the process that compares writes them, under a lock of
// its own (`checking`), in this order:
//
//   1  merge/conflicts/A,B of each compared pair: written, without the agents who know of new paths, or removed
//   2  merge/check: the state that was compared
//   3  for each agent to notify: the mail, then a note that it was sent
//
// If the process is killed before 2, the next one compares the same again; after 2, the next one finds the agents that
// have no mail yet. So an agent may hear of a conflict twice, but never not at all.
extension Bus {
    /// Runs `body` as the only one who compares. Nil if another does and is not to be waited for.
    package func checking<T>(wait: Bool, _ body: () throws -> T) throws -> T? {
        if wait { return try FileLock.with(checkLock, seconds: 60, verb: "merge check") { _ in try body() } }
        return try FileLock.attempt(checkLock, body)
    }

    package func compared() -> Compared? { (try? ComparedRecord.read(checkFile)).flatMap { $0 }.flatMap(Compared.init) }
    package func setCompared(_ compared: Compared) throws {
        try replace(checkFile, with: compared.record.bytes, sync: false)
    }

    /// The conflicts known now, in the order of their tasks; those of one task, or all.
    package func conflicts(of task: Int? = nil) throws -> [Conflict] {
        let names = try (Files.list(conflicts) ?? []).filter { task == nil || Conflict.tasks($0).contains(task!) }
        return try names.sorted { Conflict.tasks($0).lexicographicallyPrecedes(Conflict.tasks($1)) }.compactMap {
            name in
            try ConflictRecord.read(conflictFile(name)).map { try Conflict($0, of: conflictFile(name)) }
        }
    }

    /// The agents and branches that an agent's work conflicts with, and the paths: `eve: file, other`. Each is listed
    /// once; after three comes the number of the rest. `owners` maps the held tasks to their holders.
    package static func told(of agent: String, _ conflicts: [Conflict], _ owners: [Int: String]) -> [String] {
        var others: [String] = []
        var paths: [String: [String]] = [:]
        for conflict in conflicts {
            for (mine, other) in [(conflict.one, conflict.other), (conflict.other, conflict.one)] {
                guard let id = mine.task, owners[id] == agent else { continue }
                let who = other.task.flatMap { owners[$0] } ?? other.name
                guard who != agent else { continue }
                if paths[who] == nil { others.append(who) }
                for path in conflict.paths where paths[who]?.contains(path) != true {
                    paths[who, default: []].append(path)
                }
            }
        }
        func few(_ all: [String]) -> [String] { all.count > 3 ? all.prefix(3) + ["and \(all.count - 3) more"] : all }
        return few(
            others.map { who in
                "\(who): "
                    + few((paths[who] ?? []).map(Names.shown)).joined(separator: ", ").replacing(
                        ", and ", with: " and ")
            })
    }

    package func write(_ conflict: Conflict) throws {
        try Files.mkdirs(conflicts)
        try write(conflict.record, to: conflictFile(conflict.name))
    }

    package func removeConflict(_ name: String) throws { try Files.unlink(conflictFile(name)) }

    /// The tasks whose branches conflict, and those of them that have ended since. Looks at files only.
    package func conflicting() throws -> (all: Set<Int>, ended: Set<Int>) {
        let all = Set(try (Files.list(conflicts) ?? []).flatMap(Conflict.tasks))
        return (all, try all.filter { [.done, .failed, .cancelled, nil].contains(try find($0)?.state) })
    }

    /// The open tasks that have a branch, each with its holder. A task may move while this lists the others, so it
    /// looks for each of `known` by itself.
    package func withBranches(_ known: some Sequence<Int>) throws -> [(id: Int, owner: String?)] {
        var found: [Int: String?] = [:]
        func add(_ id: Int, _ owner: String?) throws {
            if try Files.exists(branchFile(id)) { found[id] = .some(owner) }
        }
        for (queue, priorities) in try readyPlaces() {
            for priority in priorities {
                let top = ready(queue, priority)
                for bucket in try Files.list(top) ?? [] {
                    for id in try Files.list(top.appending(bucket)) ?? [] {
                        if let id = Names.number(id) { try add(id, nil) }
                    }
                }
            }
        }
        for id in try listState(.blocked) + listState(.edit) { if let id = Names.number(id) { try add(id, nil) } }
        for due in try deferred() { try add(due.id, nil) }
        for claim in try claims() + reviews() { try add(claim.id, claim.owner) }
        for id in known where found[id] == nil {
            switch try find(id)?.place {
            case .claimed(let claim), .review(let claim): try add(id, claim.owner)
            case .edit, .ready, .blocked, .deferred: try add(id, nil)
            default: break
            }
        }
        return try found.sorted { $0.key < $1.key }.map { id, owner in
            // What came back is for its author first.
            (id, try owner ?? header(id)?.to)
        }
    }
}
