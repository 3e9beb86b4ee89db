import Storage
import SystemPackage

/// The file `tasks/ID/task`, as `TaskHeader` has it; with the lines of a `Retry`. Static, since lists read all of many.
struct TaskFields: RecordFields {
    static let title = Field<String>("Title")
    static let priority = Field<Int>("Priority")
    static let role = Field<String>("Role")
    static let program = Field<String>("Program")
    static let to = Field<String>("For")
    static let toUntil = Field<String>("For-Until")
    /// Ids, divided by blanks.
    static let depends = Field<String>("Depends")
    static let parent = Field<String>("Parent")
    static let left = Field<String>("Left")
    static let verify = Field<String>("Verify")
    static let plan = Field<YesNo>("Plan")
    static let merge = Field<YesNo>("Merge")
    static let deferred = Field<String>("Defer")
    static let by = Field<String>("By")
    static let source = Field<String>("Source")
    static let created = Field<String>("Created")
}
typealias TaskRecord = TypedRecord<TaskFields>

/// What a task says.
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

    var record: TaskRecord {
        var record = TaskRecord()
        record[TaskFields.title] = title
        record[TaskFields.priority] = priority
        record[TaskFields.role] = role
        record[TaskFields.program] = program
        record[TaskFields.to] = to
        record[TaskFields.toUntil] = toUntil == 0 ? nil : "\(toUntil)"
        record[TaskFields.depends] = depends.map(String.init).joined(separator: " ")
        record[TaskFields.parent] = parent.map(String.init)
        record[TaskFields.left] = left.map(String.init)
        record[TaskFields.verify] = verify
        record[TaskFields.plan] = plan ? .yes : nil
        record[TaskFields.merge] = merge ? nil : .no
        record[TaskFields.deferred] = deferred == 0 ? nil : "\(deferred)"
        Retry.write(retry, to: &record)
        record[TaskFields.by] = by
        record[TaskFields.source] = source
        record[TaskFields.created] = "\(created)"
        record.body = body
        return record
    }

    init(_ record: TaskRecord, of path: FilePath) throws {
        guard let title = record[TaskFields.title], let priority = record[TaskFields.priority],
            (0...4).contains(priority)
        else {
            throw Record.damaged(path)
        }
        self.title = title
        self.priority = priority
        /// A number that is left out is nil; one that is not a number is damage.
        func number(_ text: String?, digits: Int = 10) throws -> Int? {
            guard let text else { return nil }
            guard let n = Names.number(text, digits: digits) else { throw Record.damaged(path) }
            return n
        }
        role = record[TaskFields.role]
        program = record[TaskFields.program]
        to = record[TaskFields.to]
        toUntil = try number(record[TaskFields.toUntil], digits: 12) ?? 0
        depends = try (record[TaskFields.depends] ?? "").split(separator: " ").map { word in
            guard let id = Names.number(word) else { throw Record.damaged(path) }
            return id
        }
        parent = try number(record[TaskFields.parent])
        left = try number(record[TaskFields.left])
        verify = record[TaskFields.verify]
        plan = record[TaskFields.plan] == .yes
        merge = record[TaskFields.merge] != .no
        deferred = try number(record[TaskFields.deferred], digits: 12) ?? 0
        retry = Retry(record)
        by = record[TaskFields.by] ?? "human"
        source = record[TaskFields.source]
        created = try number(record[TaskFields.created], digits: 12) ?? 0
        body = record.body
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
        let directory = task(id)
        let file = Bus.taskFile(in: directory)
        guard let record = try TaskRecord.read(file) ?? appeared(id) else { return nil }
        var header = try TaskHeader(record, of: file)
        header.isEpic = try Files.exists(Bus.childrenFile(in: directory))
        return header
    }

    /// A second look: a task's directory comes with its file, and without one it is damage, not an unknown task.
    private func appeared(_ id: Int) throws -> TaskRecord? {
        if try Files.exists(task(id)) {
            if let record = try TaskRecord.read(taskFile(id)) { return record }
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
    package func list(_ states: Set<State>? = nil) throws -> [TaskView] { try look(states).tasks }

    /// The same, and the state of every task, of the same look.
    package func look(_ states: Set<State>? = nil) throws -> (tasks: [TaskView], states: [Int: State]) {
        let markers = try markers()
        // Ids are sorted, since views are large.
        let tasks = try markers.keys.sorted().compactMap { id -> TaskView? in
            guard let marker = markers[id], states?.contains(marker.state) ?? true, let header = try header(id) else {
                return nil
            }
            return try view(marker, header)
        }
        return (tasks, markers.mapValues(\.state))
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

    /// The ids in a superset file, each once. With `held` no writer is at work, so an empty file is damage.
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
