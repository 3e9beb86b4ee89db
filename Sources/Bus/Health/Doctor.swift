import Glibc
import Storage
import SystemPackage

/// The full look at a bus: every file, every invariant that files alone can tell.
///
/// Repairs throw nothing away: what makes no sense is moved to `damaged/`, and what can't be guessed is only told.
package enum Doctor {
    package struct Problem {
        /// Which promise is broken: I1 to I7, or `files`.
        package var invariant: String
        /// The file or directory, as an absolute path.
        package var path: String
        /// What is wrong with it, for a person: a line without a full stop.
        package var what: String
        var repair: (() throws -> Void)?
        package var fixable: Bool { repair != nil }

        package init(invariant: String, path: String, what: String, repair: (() throws -> Void)? = nil) {
            self.invariant = invariant
            self.path = path
            self.what = what
            self.repair = repair
        }
    }

    /// Repairs a problem, if it can be. Throws what the file system refuses.
    package static func fix(_ problem: Problem) throws { try problem.repair?() }

    /// Milliseconds between two looks: on a busy machine others may take their time between two steps.
    private static let pauses: [Int32] = [0, 50, 300]

    /// Finds the problems. Looks again where it finds one, so that a step which another process has not finished
    /// doesn't count.
    package static func examine(_ root: FilePath) throws -> [Problem] {
        var found = try look(root)
        for pause in pauses where !found.isEmpty {
            poll(nil, 0, pause)
            let before = found
            found = try look(root).filter { problem in
                before.contains { $0.path == problem.path && $0.what == problem.what }
            }
        }
        return found
    }

    private static func look(_ root: FilePath) throws -> [Problem] {
        let examination = Examination(root)
        guard let bus = try examination.open() else { return examination.found }
        try examination.directories(bus)
        // With a directory missing all else would be wrong as well.
        guard examination.found.isEmpty else { return examination.found }
        try examination.tasks(bus)
        try examination.records(bus)
        try examination.queue(bus)
        try examination.mail(bus)
        return examination.found
    }
}

/// One look, and what it found.
final class Examination {
    let root: FilePath
    private(set) var found: [Doctor.Problem] = []

    init(_ root: FilePath) { self.root = root }

    func report(_ invariant: String, _ path: FilePath, _ what: String, _ repair: (() throws -> Void)? = nil) {
        found.append(Doctor.Problem(invariant: invariant, path: path.string, what: what, repair: repair))
    }

    /// Does `step`; if it fails, `path` is a problem.
    func attempt(_ path: FilePath, _ step: () throws -> Void, repair: (() throws -> Void)? = nil) {
        do { try step() } catch {
            var what = "\(error)"
            for prefix in ["'\(path.string)' is "] where what.hasPrefix(prefix) { what.removeFirst(prefix.count) }
            if let end = what.range(ofSuffix: "; see 'cadre doctor'") { what = String(what[..<end]) }
            report("files", path, what, repair)
        }
    }

    /// The same for a file that may be moved away.
    func whole(_ path: FilePath, _ step: () throws -> Void) { attempt(path, step) { try self.setAside(path) } }

    /// Moves a file that makes no sense to `damaged/`.
    func setAside(_ path: FilePath) throws {
        let bus = Bus(unopened: root)
        try Files.mkdirs(bus.damaged)
        _ = try Files.rename(path, bus.damagedFile(path))
    }

    // MARK: the bus itself

    func open() throws -> Bus? {
        let unopened = Bus(unopened: root)
        let version = unopened.version
        if let st = try Files.status(root), st.st_mode & S_IFMT == S_IFDIR, st.st_uid == geteuid(),
            st.st_mode & 0o077 != 0
        {
            report("files", root, "others may enter it: its mode is \(String(st.st_mode & 0o777, radix: 8)), not 700") {
                try Files.setMode(self.root, 0o700)
            }
            return nil
        }
        do { return try Bus.open(root) } catch let failure as Failure {
            // Only what looks like a bus is given a version; a newer one and one of another user are left alone.
            guard try Files.exists(unopened.tasks), try Files.exists(unopened.states),
                let st = try Files.status(root), st.st_uid == geteuid(), try !Bus.isNewer(version)
            else {
                report("files", version, failure.message)
                return nil
            }
            attempt(version) {
                throw failure
            } repair: {
                if try Files.exists(version) { try self.setAside(version) }
                try Files.write(Bus.freshVersion(), to: version, sync: true)
            }
            return nil
        }
    }

    func directories(_ bus: Bus) throws {
        var paths = bus.directories
        for box in Set(["human", Bus.dead] + ((try? Files.list(bus.mail)) ?? []).filter { Names.isName($0) }) {
            paths += MailPart.allCases.map { bus.box(box, $0) }
        }
        for path in paths {
            attempt(path) {
                guard let st = try Files.status(path) else {
                    return report("files", path, "missing") { try Files.mkdirs(path) }
                }
                if st.st_mode & S_IFMT != S_IFDIR {
                    report("files", path, "not a directory") {
                        try self.setAside(path)
                        try Files.mkdirs(path)
                    }
                }
            }
        }
        // The files that verbs lock or append to. Verbs refuse any that is not a regular file, and follow no link.
        let locks =
            [bus.lock, bus.mergeLock, bus.watchLock(0), bus.watchLock(1)]
            + ((try? bus.agentNames()) ?? []).map(bus.alive)
        for file in locks + ((try? Files.list(bus.journal)) ?? []).map({ bus.journal.appending($0) }) {
            attempt(file) {
                guard let status = try Files.status(file), status.st_mode & S_IFMT != S_IFREG else { return }
                report("files", file, "not a regular file") { try self.setAside(file) }
            }
        }
    }

    // MARK: records

    func records(_ bus: Bus) throws {
        for name in try Files.list(bus.agents) ?? [] { try agent(bus, name) }
        for file in [bus.environmentFile, bus.settingsFile, bus.runnerFile] {
            whole(file) { try Record.check(file) }
        }
        for directory in [bus.openAsks, bus.doneAsks] {
            for name in try Files.list(directory) ?? [] {
                whole(directory.appending(name)) { try Record.check(directory.appending(name)) }
            }
        }
        for name in try Files.list(bus.openAsks) ?? [] {
            attempt(bus.openAsks.appending(name)) {
                guard (try? AskRecord.read(bus.openAsks.appending(name)))??.answer != nil else { return }
                report("files", bus.openAsks.appending(name), "answered, and who asked was not told") {
                    _ = try bus.locked("doctor") { try bus.deliverAnswers($0) }
                }
            }
        }
        attempt(bus.openAsks) {
            for ask in try bus.openPlanAsks() where try !bus.isTakenUp(ask) {
                report("files", bus.openAsks.appending(ask.id), "a plan was not submitted to its end") {
                    _ = try bus.locked("doctor") { try bus.healPlans($0) }
                }
            }
        }
        for day in try Files.list(bus.cost) ?? [] {
            for name in try Files.list(bus.costDay(day)) ?? [] {
                let path = bus.costDay(day).appending(name)
                whole(path) { if let record = try UsageRecord.read(path) { _ = try Bus.lines(record, of: path) } }
            }
        }
        for name in try Files.list(bus.slots) ?? [] {
            let slot = bus.slots.appending(name)
            whole(slot) {
                let words = try Files.read(slot).map { $0.split(separator: 32).count } ?? 4
                if words != 4 || Names.number(name) == nil { throw Record.damaged(slot) }
            }
        }
        for name in try Files.list(bus.imports) ?? [] {
            let record = bus.imports.appending(name)
            whole(record) {
                _ = try bus.imported(record)
                report("I1", record, "an import was not finished") { _ = try bus.changing("doctor") { _ in } }
            }
        }
    }

    /// I2: a task in review has an entry, and an entry a task in review.
    func queue(_ bus: Bus) throws {
        let reviews = try bus.reviews()
        for directory in [bus.mergeQueue, bus.mergeDone] {
            for name in try Files.list(directory) ?? [] {
                let path = directory.appending(name)
                guard let id = Names.number(name) else {
                    report("files", path, "not a task's number") { try self.setAside(path) }
                    continue
                }
                whole(path) {
                    guard let record = try EntryRecord.read(path) else { return }
                    let entry = try Entry(id: id, record: record, of: path)
                    if directory == bus.mergeQueue, !reviews.contains(where: { $0.id == id && $0.token == entry.token })
                    {
                        report("I2", path, "task \(id) is not in review") { _ = try bus.healQueue() }
                    }
                }
            }
        }
        for claim in reviews where try !Files.exists(bus.entryFile(claim.id)) {
            report(
                "I2", bus.reviewMarker(claim), "task \(claim.id) is in review and the merge queue has no entry of it"
            ) { _ = try bus.healQueue() }
        }
        for name in try Files.list(bus.mergeVerdicts) ?? [] {
            whole(bus.mergeVerdicts.appending(name)) { try Record.check(bus.mergeVerdicts.appending(name)) }
        }
        for name in try Files.list(bus.conflicts) ?? [] {
            let path = bus.conflictFile(name)
            // All is compared again then.
            attempt(path) {
                _ = try ConflictRecord.read(path).map { try Conflict($0, of: path) }
            } repair: {
                try self.setAside(path)
                try Files.unlink(bus.checkFile)
            }
        }
        whole(bus.checkFile) {
            if let record = try ComparedRecord.read(bus.checkFile), Compared(record) == nil {
                throw Record.damaged(bus.checkFile)
            }
        }
        whole(bus.mergeStopped) { try Record.check(bus.mergeStopped) }
    }

    private func agent(_ bus: Bus, _ name: String) throws {
        guard Names.isName(name) else {
            return report("files", bus.agent(name), "not an agent's name") { try self.setAside(bus.agent(name)) }
        }
        for file in [bus.session(name), bus.agentState(name), bus.fillFile(name), bus.environmentFile(name)] {
            whole(file) { try Record.check(file) }
        }
        attempt(bus.card(name)) {
            if try AgentCard.read(bus.card(name)) == nil, try Files.exists(bus.session(name)) {
                throw bus.missing(bus.card(name))
            }
        }
        // Nobody can guess the person's wish: 'cadre up', 'cadre stop' and the like write it anew.
        attempt(bus.want(name)) { _ = try bus.wanted(name) }
        whole(bus.goneFile(name)) { _ = try bus.goneSince(name) }
    }

    // MARK: mail

    /// I4: a message is in one box, once.
    func mail(_ bus: Bus) throws {
        for name in try Files.list(bus.mail) ?? [] where Names.isName(name) || name == "human" {
            let cur = bus.box(name, .cur)
            let told = Set(((try? bus.unreadInCur(name)) ?? []).map(\.id))
            for file in try Files.list(cur) ?? [] where !file.hasPrefix(".") && !Message.isSeen(file) {
                if told.contains(Message.base(file)) { continue }
                report("I4", cur.appending(file), "unread, and not listed as that") {
                    try Files.setTime(cur, digits: 0)
                }
            }
        }
        var seen: [String: FilePath] = [:]
        for name in try Files.list(bus.mail) ?? [] where !name.hasPrefix(".") {
            for part in [MailPart.cur, .new] {
                for file in try Files.list(bus.box(name, part)) ?? [] where !file.hasPrefix(".") {
                    let path = bus.box(name, part).appending(file)
                    let id = Message.base(file)
                    if let other = seen[id] {
                        report("I4", path, "the same message as '\(other.string)'") { try self.setAside(path) }
                    }
                    seen[id] = path
                    whole(path) {
                        guard let bytes = try Files.read(path) else { return }
                        if Message(id: id, read: true, bytes) == nil { throw Failure.unsure("not a whole message") }
                    }
                }
            }
        }
    }
}

extension String {
    fileprivate func range(ofSuffix suffix: String) -> String.Index? {
        hasSuffix(suffix) ? index(endIndex, offsetBy: -suffix.count) : nil
    }
}
