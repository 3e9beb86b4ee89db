import Storage
import SystemPackage

// The tasks' part of the full look: I1, each has one marker; I2, an ended one has its end; I3, a waiting one stands
// where it belongs and whatever it waits for knows of it.
extension Examination {
    private struct Sighting {
        var place: Marker.Place
        var path: FilePath
    }

    func tasks(_ bus: Bus) throws {
        var known: [Int] = []
        for name in try Files.list(bus.tasks) ?? [] {
            if let id = Names.number(name) {
                known.append(id)
            } else {
                report("files", bus.tasks.appending(name), "not a task") {
                    try self.setAside(bus.tasks.appending(name))
                }
            }
        }
        known.sort()
        counter(bus, known.last ?? 0)
        let markers = try sightings(bus)
        let isKnown = Set(known)
        for (id, all) in markers.sorted(by: { $0.key < $1.key }) {
            if all.count > 1 {
                report("I1", all[0].path, "task \(id) has \(all.count) markers") {
                    for extra in all.dropFirst() { try self.setAside(extra.path) }
                }
            }
            if try !isKnown.contains(id) && !Files.exists(bus.task(id)) {
                report("I1", all[0].path, "a marker of task \(id), which is not there") {
                    for extra in all { try self.setAside(extra.path) }
                }
            }
        }
        var headers: [Int: TaskHeader] = [:]
        for id in known {
            let marker = markers[id]?.first
            if marker == nil { report("I1", bus.task(id), "no marker") { try self.mark(bus, id) } }
            let check = { [self] in
                headers[id] = try bus.header(id)
                if let marker, let header = headers[id] { try place(bus, header, marker, id) }
            }
            attempt(bus.taskFile(id), check, repair: unreadable(bus, id, marker))
            for file in [bus.endFile(id), bus.branchFile(id), bus.returnedFile(id), bus.runFile(id)] {
                whole(file) { try Record.check(file) }
            }
            whole(bus.planFile(id)) { try bus.plan(id)?.check() }
        }
        var dependents: [Int: [Int]] = [:]
        var children: [Int: [Int]] = [:]
        for (id, header) in headers.sorted(by: { $0.key < $1.key }) {
            for other in header.depends { dependents[other, default: []].append(id) }
            if let parent = header.parent { children[parent, default: []].append(id) }
        }
        // What has ended keeps nobody waiting.
        let open = headers.filter { id, _ in
            guard let place = markers[id]?.first?.place else { return true }
            return ![.done, .cancelled].contains(Marker(id: id, place: place).state)
        }
        let waiting = WaitsFor(header: { open[$0] }, children: { (children[$0] ?? []).filter { open[$0] != nil } })
        if let cycle = try waiting.cycle(from: open.keys.sorted()) {
            let advice = "'cadre task dep' or 'cadre task edit --parent' undoes one of these"
            report("I3", bus.taskFile(cycle[0]), "tasks that wait for each other: \(WaitsFor.told(cycle)); \(advice)")
        }
        for id in known {
            superset(bus, bus.dependentsFile(id), dependents[id] ?? [])
            superset(bus, bus.childrenFile(id), children[id] ?? [])
        }
    }

    private func counter(_ bus: Bus, _ top: Int) {
        let repair = {
            if (try? Files.read(bus.ids)) == nil { try self.setAside(bus.ids) }
            try bus.replace(bus.ids, with: Array("\(top + 1)\n".utf8), sync: true)
        }
        let check = { [self] in
            guard let bytes = try Files.read(bus.ids) else { throw Failure.unsure("missing") }
            guard let next = Names.number(String(decoding: bytes.dropLast(), as: UTF8.self)), next > 0 else {
                throw Failure.unsure("not a number")
            }
            if next <= top { report("I1", bus.ids, "behind task \(top)", repair) }
        }
        attempt(bus.ids, check, repair: repair)
    }

    /// Every marker there is, by task; of several the one that is furthest on comes first.
    private func sightings(_ bus: Bus) throws -> [Int: [Sighting]] {
        var found: [Int: [Sighting]] = [:]
        func note(_ id: Int?, _ place: Marker.Place?, _ path: FilePath) {
            guard let id, let place else {
                return report("files", path, "not a task's marker") { try self.setAside(path) }
            }
            found[id, default: []].append(Sighting(place: place, path: path))
        }
        func each(_ directory: FilePath, _ body: (String, FilePath) throws -> Void) rethrows {
            var names: [String] = []
            whole(directory) { names = try Files.list(directory) ?? [] }
            for name in names { try body(name, directory.appending(name)) }
        }
        for (state, place) in [(StateDirectory.done, Marker.Place.done), (.failed, .failed), (.cancelled, .cancelled)] {
            each(bus.state(state)) { note(Names.number($0), place, $1) }
        }
        each(bus.state(.settle)) { name, path in
            let settling = Claim.settling(name)
            note(settling?.0.id, settling.map { .settle($0.0, $0.1) }, path)
        }
        each(bus.state(.review)) { name, path in
            let claim = Claim(review: name)
            note(claim?.id, claim.map { .review($0) }, path)
        }
        each(bus.state(.claimed)) { name, path in
            let claim = Claim(claimed: name)
            note(claim?.id, claim.map { .claimed($0) }, path)
        }
        for (state, place) in [(StateDirectory.edit, Marker.Place.edit), (.blocked, .blocked)] {
            each(bus.state(state)) { note(Names.number($0), place, $1) }
        }
        each(bus.state(.deferred)) { _, group in
            each(group) { name, path in
                let parts = name.split(separator: ",").map { Names.number($0, digits: 12) }
                note(parts.last ?? nil, parts.count == 2 ? parts[0].map { .deferred($0) } : nil, path)
            }
        }
        each(bus.state(.ready)) { queue, path in
            each(path) { name, top in
                guard let priority = Names.number(name) else { return }
                each(top) { _, bucket in
                    each(bucket) { name, path in note(Names.number(name), .ready(queue, priority), path) }
                }
            }
        }
        return found
    }

    /// A task without a marker goes where its end says; without an end it is offered anew.
    private func mark(_ bus: Bus, _ id: Int) throws {
        let ends: [State: Marker.Place] = [.done: .done, .failed: .failed, .cancelled: .cancelled]
        let place = try bus.end(id)?.state.flatMap { ends[$0] } ?? .edit
        _ = try Files.create(Marker(id: id, place: place).path(bus))
    }

    /// A waiting task that can't be read is kept from being claimed, in edit/, until a person has put its file right.
    private func unreadable(_ bus: Bus, _ id: Int, _ marker: Sighting?) -> (() throws -> Void)? {
        switch marker?.place {
        case .ready, .blocked, .deferred:
            return { _ = try Files.rename(marker!.path, Marker(id: id, place: .edit).path(bus)) }
        default: return nil
        }
    }

    private func place(_ bus: Bus, _ header: TaskHeader, _ marker: Sighting, _ id: Int) throws {
        let path = marker.path
        let state = Marker(id: id, place: marker.place).state
        switch marker.place {
        case .done, .failed, .cancelled:
            if try !Files.exists(bus.endFile(id)) {
                report("I2", path, "task \(id) is \(state.rawValue) without an end") {
                    var end = TaskEnd()
                    end.state = state
                    end.by = "cadre"
                    end.time = Time.now()
                    end.why = "what was written when it ended is lost"
                    try bus.replace(bus.endFile(id), with: end.bytes, sync: true)
                }
            }
        case .edit: report("I1", path, "task \(id) is in mid-change") { _ = try bus.changing("doctor") { _ in } }
        case .settle(let claim, let outcome):
            report("I1", path, "task \(id) has ended and its dependents were not told") {
                try bus.settle(claim, outcome)
            }
        case .ready, .blocked, .deferred:
            // Due, or anybody's again, but not yet moved: the next who looks moves it.
            if case .deferred(let due) = marker.place, due <= Time.now() { return }
            if case .ready(let queue, _) = marker.place, ReadyQueue.isFirst(queue) { return }
            let belongs = try bus.destination(header, nil, [:])
            guard belongs != marker.place else { return }
            report("I3", path, "task \(id) belongs in \(Marker(id: id, place: belongs).path(bus).string)") {
                if try Files.rename(path, Marker(id: id, place: .edit).path(bus)) {
                    _ = try bus.changing("doctor") { _ in }
                }
            }
        case .claimed, .review: break
        }
    }

    /// A file of ids must name all of these.
    private func superset(_ bus: Bus, _ file: FilePath, _ wanted: [Int]) {
        let relink = { for id in wanted { try bus.link(id, in: file) } }
        attempt(file) {
            let named = Set(try bus.ids(in: file))
            for id in wanted where !named.contains(id) { report("I3", file, "does not name \(id)", relink) }
        } repair: {
            try self.setAside(file)
            try relink()
        }
    }
}
