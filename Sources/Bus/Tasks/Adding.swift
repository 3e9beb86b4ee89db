import CLinux
import Glibc
import Storage
import SystemPackage

/// The notes of a task in the file of an import, behind the tasks' records. The body is the notes.
private struct NotesFields: RecordFields {
    let task = Field<Int>("Notes-Of")
}
private typealias Notes = TypedRecord<NotesFields>

// Making tasks. An id is bumped before it is used, so a crash burns it at worst:
//
//   1  tmp/u/task, flushed                outside the lock
//   2  ids                                under the lock, as the rest
//   3  state/edit/ID
//   4  tmp/u -> tasks/ID
//   5  ID appended to each dependency's dependents, and to the parent's children
//   6  state/edit/ID -> where it belongs
//
// After 3 an edit marker without a task is removed by recover; after 4 recover does 5 and 6 again.
//
// An import commits all its tasks with one rename of one file, import/FIRST-LAST, which holds their records; 3 to 6
// follow for each, and whoever finds the file does them again.
extension Bus {
    /// Adds a task and returns its id, which is on the disk by then. `before` gets the id before the task exists.
    /// `branch`: the content of the file `branch`, for work that is on a branch already.
    package func add(_ header: TaskHeader, by: String, branch: [UInt8]? = nil, before: (Int) throws -> Void = { _ in })
        throws -> Int
    {
        var header = header
        header.by = by
        header.created = Time.now()
        let aside = aside()
        try Files.mkdir(aside)
        try Files.write(header.record.bytes, to: Bus.taskFile(in: aside), sync: true)
        if let branch { try Files.write(branch, to: Bus.branchFile(in: aside), sync: true) }
        try Files.sync(aside)
        let id = try changing("add") { held in
            try check(header, nil, held)
            if !header.depends.isEmpty { try refuseCycle([0: header], held) { $0 == 0 ? "it" : "\($0)" } }
            let id = try allocate(1)
            try before(id)
            guard try Files.create(Marker(id: id, place: .edit).path(self)) else {
                throw Failure.bug("id \(id) is taken")
            }
            guard try Files.rename(aside, task(id)) else { throw missing(tasks) }
            try relink(id)
            try place(id, held)
            return id
        }
        try Files.sync(tasks)
        try syncMarker(id)
        journal("added", by: by, ["task": "\(id)", "title": header.title])
        return id
    }

    private func syncMarker(_ id: Int) throws {
        guard let marker = try find(id) else { return }
        // If the marker has moved on, its mover flushes it.
        try? Files.sync(marker.path(self).removingLastComponent())
    }

    /// The first of `count` ids that no task has or had.
    private func allocate(_ count: Int) throws -> Int {
        guard try Files.exists(tasks) else { throw missing(tasks) }
        var next = try Files.read(ids).flatMap { Names.number(String(decoding: $0.dropLast(), as: UTF8.self)) } ?? 0
        // The counter is lost, or behind what is there: a restored or damaged bus.
        while try next < 1 || (next..<next + count).contains(where: { try Files.exists(task($0)) }) {
            next = max(next, try (Files.list(tasks) ?? []).compactMap { Int($0) }.max() ?? 0) + 1
        }
        try replace(ids, with: Array("\(next + count)\n".utf8), sync: true)
        return next
    }

    /// Refuses a header that names what is not there. `id` is the task's own, nil if it is new.
    func check(_ header: TaskHeader, _ id: Int?, _ held: LockProof) throws {
        for other in header.depends + [header.parent].compactMap({ $0 }) {
            guard other != id else { throw Failure.usage("task \(other) can't wait for itself") }
            guard try Files.exists(taskFile(other)) else { throw noTask(other) }
        }
        if let parent = header.parent, let state = try find(parent, held)?.state,
            state == .done || state == .failed || state == .cancelled || state == .review
        {
            throw Failure.no("task \(parent) is \(state.rawValue): it can't get children")
        }
    }

    // MARK: changing

    /// Rewrites what a task says: `change` gets the header and alters it. An ended task can't be changed; of a held
    /// one only the header changes, its dependencies don't. `dropsPlan`: a plan that is not approved is withdrawn.
    package func edit(_ id: Int, by: String, dropsPlan: Bool = false, _ change: (inout TaskHeader) throws -> Void)
        throws
    {
        try changing("edit") { held in
            for _ in 0..<64 {
                guard let marker = try find(id, held), let old = try header(id) else { throw noTask(id) }
                var new = old
                try change(&new)
                try check(new, id, held)
                // Removing dependencies can't make a cycle, and must stay possible where there is one.
                let isBelowAnother = new.parent != nil && new.parent != old.parent
                if isBelowAnother || !Set(new.depends).isSubset(of: old.depends) { try refuseCycle([id: new], held) }
                switch marker.place {
                case .settle, .done, .failed, .cancelled:
                    throw Failure.no("task \(id) is \(marker.state.rawValue) already")
                case .claimed, .review:
                    guard new.depends == old.depends, new.parent == old.parent, new.deferred == old.deferred else {
                        throw Failure.no("task \(id) is \(marker.state.rawValue): its dependencies can't change now")
                    }
                    if marker.state == .review, new.plan, !old.plan {
                        throw Failure.no("task \(id) is review: its work is done, and needs no plan")
                    }
                    try replace(taskFile(id), with: new.record.bytes, sync: true)
                case .edit, .ready, .blocked, .deferred:
                    let edit = Marker(id: id, place: .edit).path(self)
                    guard try Files.rename(marker.path(self), edit) else { continue }
                    new.left = new.parent != old.parent ? old.parent : nil
                    for other in new.depends { try link(id, in: dependentsFile(other)) }
                    if let parent = new.parent { try link(id, in: childrenFile(parent)) }
                    try replace(taskFile(id), with: new.record.bytes, sync: true)
                    try place(id, held)
                }
                if dropsPlan { try dropPlan(id, by: by, held) }
                journal("edited", by: by, ["task": "\(id)"])
                return
            }
            throw Failure.unsure("task \(id) moves too fast, try again")
        }
    }

    // MARK: importing

    /// A task of an import: what it says, and which of the import's own tasks (counted from 0) it depends on and is
    /// below.
    package struct Draft {
        package var header: TaskHeader
        package var depends: [Int] = []
        package var parent: Int?
        /// What it has in notes already.
        package var notes: [UInt8] = []
        package init(_ header: TaskHeader) { self.header = header }
    }

    /// Adds all of them or none; returns their ids in order.
    package func add(_ drafts: [Draft], by: String) throws -> [Int] {
        guard !drafts.isEmpty else { return [] }
        let ids = try changing("import") { held in
            // The first is -1: no task has an id below 1.
            let headers = drafts.map { draft in
                var header = draft.header
                header.depends += draft.depends.map { -$0 - 1 }
                if let parent = draft.parent { header.parent = -parent - 1 }
                return header
            }
            try refuseCycle(Dictionary(uniqueKeysWithValues: headers.enumerated().map { (-$0 - 1, $1) }), held) { id in
                id < 0 ? "'\(drafts[-id - 1].header.title)'" : "\(id)"
            }
            let first = try allocate(drafts.count)
            var bytes: [UInt8] = []
            for draft in drafts {
                try check(draft.header, nil, held)
                var header = draft.header
                header.by = by
                header.created = Time.now()
                header.depends += draft.depends.map { first + $0 }
                if let parent = draft.parent { header.parent = first + parent }
                bytes += header.record.bytes
            }
            for (index, draft) in drafts.enumerated() where !draft.notes.isEmpty {
                var notes = Notes()
                notes.task = first + index
                notes.body = draft.notes
                bytes += notes.bytes
            }
            let file = importFile(first...first + drafts.count - 1)
            try replace(file, with: bytes, sync: true)
            try apply(file, held)
            return Array(first..<first + drafts.count)
        }
        journal("imported", by: by, ["first": "\(ids[0])", "count": "\(ids.count)"])
        return ids
    }

    /// Makes the tasks of a committed import that are not there yet, then drops the record.
    func apply(_ file: FilePath, _ held: LockProof) throws {
        let (range, records, notes) = try imported(file)
        for (id, record) in zip(range, records) {
            if try Files.exists(task(id)) {
                // There, but perhaps not whole after a power cut.
                if (try? TaskRecord.read(taskFile(id)) ?? nil) == nil {
                    try replace(taskFile(id), with: record.bytes, sync: false)
                }
                continue
            }
            let aside = aside()
            try Files.mkdir(aside)
            try Files.write(record.bytes, to: Bus.taskFile(in: aside), sync: false)
            if let text = notes[id] { try Files.write(text, to: Bus.notesFile(in: aside), sync: false) }
            _ = try Files.create(Marker(id: id, place: .edit).path(self))
            guard try Files.rename(aside, task(id)) else { throw missing(tasks) }
        }
        for id in range where try Files.exists(Marker(id: id, place: .edit).path(self)) { try relink(id) }
        for id in range where try Files.exists(Marker(id: id, place: .edit).path(self)) { try place(id, held) }
        try flush()
        try Files.unlink(file)
    }

    /// What a record of an import holds: its ids, what each task says, and the notes of those that have some.
    func imported(_ file: FilePath) throws -> (ids: ClosedRange<Int>, records: [TaskRecord], notes: [Int: [UInt8]]) {
        let range = (file.lastComponent?.string ?? "").split(separator: "-").compactMap { Names.number($0) }
        guard range.count == 2, 0 < range[0], range[0] <= range[1], let bytes = try Files.read(file) else {
            throw Record.damaged(file)
        }
        var at = 0
        let ids = range[0]...range[1]
        let records = try ids.map { _ in
            let record = try TaskRecord(bytes, from: &at, of: file)
            _ = try TaskHeader(record, of: file)
            return record
        }
        var notes: [Int: [UInt8]] = [:]
        while at < bytes.count {
            let record = try Notes(bytes, from: &at, of: file)
            guard let id = record.task, ids.contains(id) else { throw Record.damaged(file) }
            notes[id] = record.body
        }
        return (ids, records, notes)
    }

    /// Flushes the whole file system, which for many files is cheaper than each. The C function is `syncfs`.
    private func flush() throws {
        let fd = root.withPlatformString { csys_open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard fd >= 0 else { throw Files.failure("open", root) }
        defer { close(fd) }
        if csys_syncfs(fd) != 0 { throw Files.failure("sync", root) }
    }
}
