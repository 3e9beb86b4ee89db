import Storage

/// The graph of waiting tasks, to find those that wait for each other.
///
/// A task waits for its own dependencies and those of its ancestors, and an epic also for its children. States don't
/// count, because a task that has ended can be reopened. No function here recurses, because chains are long.
struct WaitsFor {
    /// What a task says; nil if there is none.
    let header: (Int) throws -> TaskHeader?
    let children: (Int) throws -> [Int]

    /// A cycle that is reachable from these tasks: each waits for the next, the last for the first. Nil if there is
    /// none.
    func cycle(from starts: some Sequence<Int>) throws -> [Int]? {
        var isDone: [Int: Bool] = [:]
        for start in starts where isDone[start] == nil {
            isDone[start] = false
            var path = [(id: start, rest: try waits(start))]
            while case (let id, var rest)? = path.popLast() {
                guard let next = rest.popLast() else {
                    isDone[id] = true
                    continue
                }
                path.append((id, rest))
                switch isDone[next] {
                case nil:
                    isDone[next] = false
                    path.append((next, try waits(next)))
                case false: return Array(path.map(\.id).drop { $0 != next })
                default: break
                }
            }
        }
        return nil
    }

    private func waits(_ id: Int) throws -> [Int] {
        guard let own = try header(id) else { return [] }
        var all = own.depends
        var above = own.parent
        var line: Set<Int> = [id]
        while let parent = above, line.insert(parent).inserted, let header = try header(parent) {
            all += header.depends
            above = header.parent
        }
        return try all + children(id)
    }

    /// The refusal of a cycle. `name` says what a task is called.
    static func refusal(_ cycle: [Int], _ name: (Int) -> String = { "\($0)" }) -> Failure {
        .usage("a cycle: " + told(cycle, name))
    }

    static func told(_ cycle: [Int], _ name: (Int) -> String = { "\($0)" }) -> String {
        guard let first = cycle.first, cycle.count > 1 else {
            return "\(cycle.first.map(name) ?? "a task") waits for itself"
        }
        // A long one is told by its ends.
        let shown = cycle.count > 8 ? cycle.prefix(4).map(name) + ["…"] + cycle.suffix(2).map(name) : cycle.map(name)
        return shown.joined(separator: " waits for ") + " waits for \(name(first))"
    }
}

extension Bus {
    /// Throws `Failure.usage` if tasks would wait for each other once these say this. Those that are not there yet have
    /// ids below 1, and `name` says what they are called.
    func refuseCycle(_ changed: [Int: TaskHeader], _ held: LockProof, name: (Int) -> String = { "\($0)" }) throws {
        var below: [Int: [Int]] = [:]
        for (id, header) in changed { if let parent = header.parent { below[parent, default: []].append(id) } }
        let waiting = WaitsFor(
            header: { try changed[$0] ?? self.header($0) },
            children: { id in
                let known = id < 1 ? [] : try self.children(id, held).filter { changed[$0] == nil }
                return known + (below[id] ?? [])
            })
        if let cycle = try waiting.cycle(from: changed.keys.sorted(by: >)) { throw WaitsFor.refusal(cycle, name) }
    }
}
