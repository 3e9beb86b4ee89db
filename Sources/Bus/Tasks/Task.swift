import Storage
import SystemPackage

/// What a task says: the file `tasks/ID/task`.
package struct TaskHeader {
    package var title = ""
    /// 0 (first) to 4 (last).
    package var priority = 2
    package var role: String?
    /// The agent program it is for, by its name.
    package var program: String?
    /// The one agent it is for.
    package var to: String?
    /// Until when `to` holds, seconds since the epoch; 0: for ever.
    package var toUntil = 0
    package var depends: [Int] = []
    package var parent: Int?
    /// The parent it was taken from last, which may be complete without it.
    package var left: Int?
    /// A shell command that its agent runs before it is done.
    package var verify: String?
    /// Claimed for planning until its plan is approved.
    package var plan = false
    /// Whether its work is commits that must land.
    package var merge = true
    /// Not before this time, seconds since the epoch; 0: at once.
    package var deferred = 0
    /// It was given back for a reason that may pass.
    package var retry: Retry?
    package var by = "human"
    /// Where it was imported from: a digest of the line's id and title.
    package var source: String?
    package var created = 0
    package var body: [UInt8] = []
    /// Has children: taken only by roles that manage. Not in the file; told by the file `children` beside it.
    package var isEpic = false

    package init(title: String) { self.title = title }

    /// The one agent that may have it, now.
    var only: String? { toUntil == 0 || toUntil > Time.now() ? to : nil }

    /// The ready queue it belongs in, now. `first` holds those that will be anybody's, so that whoever looks for
    /// what is due reads few.
    var queue: String {
        if let only { return toUntil == 0 ? ReadyQueue.only(only) : ReadyQueue.first(only) }
        if isEpic { return ReadyQueue.epic }
        if let program { return ReadyQueue.of(program: program, role: role) }
        if let role { return ReadyQueue.of(role: role) }
        return ReadyQueue.any
    }

    var record: Record {
        var r = Record()
        r["Title"] = title
        r["Priority"] = "\(priority)"
        r["Role"] = role
        r["Program"] = program
        r["For"] = to
        r["For-Until"] = toUntil == 0 ? nil : "\(toUntil)"
        r["Depends"] = depends.map(String.init).joined(separator: " ")
        r["Parent"] = parent.map(String.init)
        r["Left"] = left.map(String.init)
        r["Verify"] = verify
        r["Plan"] = plan ? "yes" : nil
        r["Merge"] = merge ? nil : "no"
        r["Defer"] = deferred == 0 ? nil : "\(deferred)"
        Retry.write(retry, to: &r)
        r["By"] = by
        r["Source"] = source
        r["Created"] = "\(created)"
        r.body = body
        return r
    }

    init(_ r: Record, of path: FilePath) throws {
        guard let title = r["Title"], let priority = r.int("Priority"), (0...4).contains(priority) else {
            throw Record.damaged(path)
        }
        self.title = title
        self.priority = priority
        /// A number that is left out is nil; one that is not a number is damage.
        func number(_ key: String, digits: Int = 10) throws -> Int? {
            guard let text = r[key] else { return nil }
            guard let n = Names.number(text, digits: digits) else { throw Record.damaged(path) }
            return n
        }
        role = r["Role"]
        program = r["Program"]
        to = r["For"]
        toUntil = try number("For-Until", digits: 12) ?? 0
        depends = try (r["Depends"] ?? "").split(separator: " ").map { word in
            guard let id = Names.number(word) else { throw Record.damaged(path) }
            return id
        }
        parent = try number("Parent")
        left = try number("Left")
        verify = r["Verify"]
        plan = r["Plan"] == "yes"
        merge = r["Merge"] != "no"
        deferred = try number("Defer", digits: 12) ?? 0
        retry = Retry(r)
        by = r["By"] ?? "human"
        source = r["Source"]
        created = try number("Created", digits: 12) ?? 0
        body = r.body
    }
}

/// A task and its state, as one look saw them.
package struct TaskView {
    package var id: Int
    package var header: TaskHeader
    package var state: State
    /// Who holds it, while it is claimed or in review.
    package var claim: Claim?
    /// When it falls due, while it is deferred.
    package var due: Int?
    /// How many claims ended with the death of their owner.
    package var attempts = 0
}

/// The file `tasks/ID/end`: how the task ended. The body is its result.
package struct TaskEndFields: RecordFields {
    package let state = Field<State>("State")
    package let by = Field<String>("By")
    /// Of the claim that it ended under.
    package let token = Field<String>("Token")
    package let time = Field<Int>("Time")
    package let why = Field<String>("Why")
    /// Whether the person did it, and so need not be told.
    package let personKnows = Field<YesNo>("Person-Knows")
    /// The commit that landed, or the one that was thrown away.
    package let commit = Field<String>("Commit")
    package let discarded = Field<String>("Discarded")
    /// Who held a task that was cancelled.
    package let holder = Field<String>("Holder")

    package init() {}
}
package typealias TaskEnd = TypedRecord<TaskEndFields>

extension Bus {
    /// What the task says; nil if there is no such task (or it is being made).
    package func header(_ id: Int) throws -> TaskHeader? {
        guard let record = try Record.read(taskFile(id)) ?? appeared(id) else { return nil }
        var header = try TaskHeader(record, of: taskFile(id))
        header.isEpic = try Files.exists(childrenFile(id))
        return header
    }

    /// A second look: a task's directory comes with its file, and without one it is damage, not an unknown task.
    private func appeared(_ id: Int) throws -> Record? {
        if try Files.exists(task(id)) {
            if let record = try Record.read(taskFile(id)) { return record }
            throw missing(taskFile(id))
        }
        guard try Files.exists(tasks) else { throw missing(tasks) }
        return nil
    }

    /// The task as it is now. Throws `Failure.no` if there is none.
    package func view(_ id: Int) throws -> TaskView {
        guard let marker = try find(id), let header = try header(id) else { throw noTask(id) }
        return try view(marker, header)
    }

    package func noTask(_ id: Int) -> Failure { .no("no task \(id)") }

    func view(_ marker: Marker, _ header: TaskHeader) throws -> TaskView {
        var view = TaskView(id: marker.id, header: header, state: marker.state)
        switch marker.place {
        case .claimed(let claim), .review(let claim): view.claim = claim
        case .settle(let claim, _): view.claim = claim
        case .deferred(let due): view.due = due
        default: break
        }
        return view
    }

    /// All tasks in the given states (all if nil), by id. One damaged task is an error.
    package func list(_ states: Set<State>? = nil) throws -> [TaskView] {
        var views: [TaskView] = []
        for (id, marker) in try markers() where states?.contains(marker.state) ?? true {
            guard let header = try header(id) else { continue }
            views.append(try view(marker, header))
        }
        return views.sorted { $0.id < $1.id }
    }

    /// Where each task is and who holds it, without what it says: names are read, no file of a task's.
    package func places() throws -> [Int: (state: State, claim: Claim?)] {
        try markers().mapValues { marker in
            switch marker.place {
            case .claimed(let claim), .review(let claim), .settle(let claim, _): return (marker.state, claim)
            default: return (marker.state, nil)
            }
        }
    }

    /// How often a claim of this task ended with its owner's death.
    package func attempts(_ id: Int) throws -> Int {
        try (Files.list(task(id)) ?? []).filter(Bus.isDeath).count
    }

    /// How it ended; nil until then.
    package func end(_ id: Int) throws -> TaskEnd? { try TaskEnd.read(endFile(id)) }

    /// Ids in a superset file, each once. With `held` it was made and finished, so that an empty one is damage.
    func ids(in file: FilePath, _ held: LockProof? = nil) throws -> [Int] {
        guard let bytes = try Files.read(file) else { return [] }
        if bytes.isEmpty, held == nil { return [] }
        guard bytes.last == 10 else { throw Record.damaged(file) }
        var seen = Set<Int>()
        return try bytes.split(separator: 10).map { line in
            guard let id = Names.number(String(decoding: line, as: UTF8.self)) else { throw Record.damaged(file) }
            return id
        }.filter { seen.insert($0).inserted }
    }

    /// The tasks whose parent this is.
    package func children(_ id: Int) throws -> [Int] { try children(id, nil) }
    func children(_ id: Int, _ held: LockProof?) throws -> [Int] {
        try ids(in: childrenFile(id), held).filter { try header($0)?.parent == id }
    }

    /// The tasks that depend on this one.
    func dependents(_ id: Int, _ held: LockProof) throws -> [Int] {
        try ids(in: dependentsFile(id), held).filter { try header($0)?.depends.contains(id) ?? false }
    }

    /// Adds a line of text to the task's notes, with who and when. Bytes of the text are kept as they are.
    package func note(_ id: Int, by: String, _ text: [UInt8]) throws {
        guard try Files.exists(task(id)) else { throw noTask(id) }
        try Files.append(Bus.noteText(by: by, text), to: notesFile(id), sync: true)
        journal("note", by: by, ["task": "\(id)"])
    }

    /// A note as it stands among a task's.
    package static func noteText(by: String, _ text: [UInt8]) -> [UInt8] {
        Array("## \(Time.text(Time.now())) \(by)\n".utf8) + text + [10]
    }
}
