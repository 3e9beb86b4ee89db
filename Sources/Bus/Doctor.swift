import Glibc
import SystemPackage

/// The full look at a bus: every file, every invariant that files alone can tell.
public enum Doctor {
    public struct Problem {
        /// Which promise is broken: I1 to I7, or `files`.
        public var invariant: String
        public var path: String
        public var what: String
        var repair: (() throws -> Void)?
        public var fixable: Bool { repair != nil }
    }

    public static func fix(_ problem: Problem, _ root: FilePath) throws { try problem.repair?() }

    public static func examine(_ root: FilePath) throws -> [Problem] {
        var found: [Problem] = []
        func problem(_ invariant: String, _ path: FilePath, _ what: String, _ repair: (() throws -> Void)? = nil) {
            found.append(Problem(invariant: invariant, path: path.string, what: what, repair: repair))
        }
        let version = root.appending("version")
        let bus: Bus
        do {
            guard let opened = try Bus.open(root) else { return [] }
            bus = opened
        } catch let failure as Failure {
            let bytes = try Files.read(version)
            let newer = bytes.map { String(decoding: $0, as: UTF8.self).hasPrefix("cadre ") } ?? false
            guard !newer, let st = try Files.status(root), st.st_mode & S_IFMT == S_IFDIR, st.st_uid == geteuid() else {
                problem("files", version, failure.message)
                return found
            }
            problem("files", version, bytes == nil ? "missing" : "damaged") {
                try Files.write(Array("cadre \(Bus.format) \(Random.hex(16))\n".utf8), to: version, sync: true)
            }
            return found
        }
        for directory in Bus.directories where try Files.status(root.appending(directory))?.st_mode ?? 0 & S_IFMT != S_IFDIR {
            let path = root.appending(directory)
            if try Files.exists(path) { if try Files.list(path) == nil { problem("files", path, "not a directory") } } else {
                problem("files", path, "missing") { try Files.mkdirs(path) }
            }
        }
        guard found.isEmpty else { return found }
        try tasks(bus, problem)
        try records(bus, problem)
        try mail(bus, problem)
        return found
    }

    private typealias Report = (String, FilePath, String, (() throws -> Void)?) -> Void

    private static func tasks(_ bus: Bus, _ report: Report) throws {
        let known = try (Files.list(bus.tasks) ?? []).compactMap { Int($0) }
        if let top = known.max() {
            let next = try Files.read(bus.ids).flatMap { Int(String(decoding: $0.filter { $0 != 10 }, as: UTF8.self)) }
            if next ?? 0 <= top {
                report("I1", bus.ids, "missing or behind task \(top)") {
                    try bus.replace(bus.ids, with: Array("\(top + 1)\n".utf8), sync: true)
                }
            }
        }
        // Every marker there is, counted by task.
        var places: [Int: [FilePath]] = [:]
        func note(_ id: Int?, _ path: FilePath) {
            guard let id else { return report("files", path, "not a marker's name") { try quarantine(path, bus) } }
            places[id, default: []].append(path)
        }
        for state in ["edit", "blocked", "done", "failed", "cancelled"] {
            for name in try Files.list(bus.state(state)) ?? [] { note(Int(name), bus.state(state).appending(name)) }
        }
        for (queue, priorities) in try bus.readyPlaces() {
            for priority in priorities {
                let top = bus.queue(queue).appending("\(priority)")
                for bucket in try Files.list(top) ?? [] {
                    for name in try Files.list(top.appending(bucket)) ?? [] { note(Int(name), top.appending(bucket).appending(name)) }
                }
            }
        }
        for group in try Files.list(bus.state("deferred")) ?? [] {
            for name in try Files.list(bus.state("deferred").appending(group)) ?? [] {
                note(name.split(separator: ",").last.flatMap { Int($0) }, bus.state("deferred").appending(group).appending(name))
            }
        }
        for name in try Files.list(bus.state("claimed")) ?? [] { note(Claim(claimed: name)?.id, bus.state("claimed").appending(name)) }
        for name in try Files.list(bus.state("review")) ?? [] { note(Claim(review: name)?.id, bus.state("review").appending(name)) }
        for name in try Files.list(bus.state("settle")) ?? [] {
            note(name.split(separator: ",").first.flatMap { Int($0) }, bus.state("settle").appending(name))
        }
        for (id, paths) in places where paths.count > 1 {
            report("I1", paths[0], "task \(id) has \(paths.count) markers") { for extra in paths.dropFirst() { try Files.unlink(extra) } }
        }
        for (id, paths) in places where try !Files.exists(bus.task(id)) {
            report("I1", paths[0], "a marker of task \(id), which has no file") { try quarantine(paths[0], bus) }
        }
        for id in known.sorted() {
            let header: TaskHeader?
            do { header = try bus.header(id) } catch let failure as Failure {
                report("files", bus.taskFile(id), failure.message, nil)
                continue
            }
            guard let header else { report("I1", bus.taskFile(id), "missing", nil); continue }
            guard places[id] != nil else {
                report("I1", bus.task(id), "no marker") {
                    _ = try Files.create(Marker(id: id, place: .edit).path(bus))
                    _ = try bus.changing("doctor") { _ in }
                }
                continue
            }
            try place(bus, id, header, report)
            for file in [bus.endFile(id), bus.branchFile(id), bus.returnedFile(id)] { whole(file, bus, report) }
        }
    }

    /// I2 and I3: ended tasks have an end; waiting ones stand where they belong.
    private static func place(_ bus: Bus, _ id: Int, _ header: TaskHeader, _ report: Report) throws {
        guard let marker = try bus.find(id) else { return }
        let path = marker.path(bus)
        let replace = { try bus.changing("doctor") { held in
            if try Files.rename(path, Marker(id: id, place: .edit).path(bus)) { try bus.relink(id); try bus.place(id, held) }
        } }
        switch marker.place {
        case .done, .failed, .cancelled:
            if try !Files.exists(bus.endFile(id)) { report("I2", path, "task \(id) is \(marker.state.rawValue) without an end", nil) }
        case .edit: report("I1", path, "task \(id) is in mid-change") { _ = try bus.changing("doctor") { _ in } }
        case .settle: report("I1", path, "task \(id) has ended and its dependents were not told") { _ = try bus.recover { _ in } }
        case .ready, .blocked, .deferred:
            let belongs = try bus.locked("doctor") { try bus.destination(header, $0, [:]) }
            // Due, or anybody's again, but not yet moved: the next who looks moves it.
            if case .deferred(let due) = marker.place, due <= Time.now() { return }
            if case .ready(let queue, _) = marker.place, queue.hasPrefix("first=") { return }
            guard belongs != marker.place, try Files.exists(path) else { break }
            report("I3", path, "task \(id) belongs in \(Marker(id: id, place: belongs).path(bus).string)", replace)
        case .claimed, .review: break
        }
        for other in header.depends where try !bus.ids(in: bus.dependentsFile(other)).contains(id) {
            report("I3", bus.dependentsFile(other), "does not name \(id)") { try bus.relink(id) }
        }
        if let parent = header.parent, try !bus.ids(in: bus.childrenFile(parent)).contains(id) {
            report("I3", bus.childrenFile(parent), "does not name \(id)") { try bus.relink(id) }
        }
    }

    private static func whole(_ file: FilePath, _ bus: Bus, _ report: Report) {
        do { _ = try Record.read(file) } catch {
            report("files", file, "damaged") { try quarantine(file, bus) }
        }
    }

    private static func records(_ bus: Bus, _ report: Report) throws {
        for name in try Files.list(bus.agents) ?? [] {
            guard Names.isName(name) else { report("files", bus.agent(name), "not an agent's name") { try quarantine(bus.agent(name), bus) }; continue }
            for file in [bus.session(name), bus.agentState(name)] { whole(file, bus, report) }
            do { _ = try Record.read(bus.card(name)) } catch { report("files", bus.card(name), "damaged", nil) }
        }
        for directory in [bus.openAsks, bus.doneAsks, bus.mergeQueue, bus.mergeDone] {
            for name in try Files.list(directory) ?? [] { whole(directory.appending(name), bus, report) }
        }
        for name in try Files.list(bus.slots) ?? [] {
            let words = try Files.read(bus.slots.appending(name)).map { $0.split(separator: 32).count } ?? 4
            if words != 4 { report("I6", bus.slots.appending(name), "damaged") { try Files.unlink(bus.slots.appending(name)) } }
        }
        for name in try Files.list(bus.imports) ?? [] {
            report("I1", bus.imports.appending(name), "an import was not finished") { _ = try bus.recover { _ in } }
        }
    }

    /// I4: a message is in one box, once.
    private static func mail(_ bus: Bus, _ report: Report) throws {
        var seen: [String: FilePath] = [:]
        for name in try Files.list(bus.root.appending("mail")) ?? [] where !name.hasPrefix(".") {
            for part in ["new", "cur"] {
                for file in try Files.list(bus.box(name).appending(part)) ?? [] where !file.hasPrefix(".") {
                    let path = bus.box(name).appending(part).appending(file)
                    let id = Message.base(file)
                    if let other = seen[id] { report("I4", path, "the same message as '\(other.string)'", nil) }
                    seen[id] = path
                    if let bytes = try Files.read(path), Message(id: id, read: true, bytes) == nil {
                        report("files", path, "not a message") { try quarantine(path, bus) }
                    }
                }
            }
        }
    }

    /// Sets a file that makes no sense aside, under `damaged/`; nothing is thrown away.
    private static func quarantine(_ path: FilePath, _ bus: Bus) throws {
        let directory = bus.root.appending("damaged")
        try Files.mkdirs(directory)
        _ = try Files.rename(path, directory.appending("\(Time.now())-\(Random.hex(4))-\(path.lastComponent?.string ?? "file")"))
    }
}
