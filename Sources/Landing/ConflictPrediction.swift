import Bus
import Git
import Storage
import SystemPackage

// Prediction: which branches can't both land as they are, and which can't land on the target, before anybody tries.
//
// Live is the branch of each task that has not ended, if it has commits that the target does not have. Each is merged
// with the target and with each other live one, in memory (see ScratchMerge); nothing of the user's is touched. The
// last comparison is kept, so that a check compares again only what has moved since: a branch by its tip or the base
// on record, and with the target moved each branch with it, but no two branches.
//
// How a branch is merged depends on where its own work begins (TaskBranches.base):
//
//   in the target          merged as it is
//   in another live one    it was begun on work that is still to land: it begins where that one does
//   elsewhere              an earlier part of it has landed by squash, or what it was begun on has. To git both sides
//                          would have made the same change. Its own work alone is put on the target, and that commit is
//                          compared with the others; two that begin at the same place are compared as they are
//
// A branch that was brought up to the target carries what has landed. So where another branch conflicts with the
// target, it would conflict with this one as well, though nobody here touched that path. A path that conflicts with the
// target on one side only is therefore told once, against the target, and left out of the comparison of the two;
// whatever else is behind it is seen when the branch has been brought up as well.
//
// Bus/MergeQueue/Conflicts.swift tells what is recorded, and in which order, so that a kill at any point loses nothing.
package struct ConflictPrediction {
    let work: TaskBranches
    var bus: Bus { work.bus }
    var git: Git { work.repository }

    package init(_ work: TaskBranches) { self.work = work }

    /// A branch to compare.
    struct Branch {
        var task: Int?
        var reference: String
        var tip: String
        var begun = ""
        /// `plain`, `stacked`, or the commit after which its own work begins, which the target does not have.
        var base = Branch.plain
        var agent: String?

        /// To be merged as it is, for good, or as long as the target has not moved.
        static let plain = "-", stacked = "+"
        var isApart: Bool { base != Branch.plain && base != Branch.stacked }
        var side: Conflict.Side { Conflict.Side(task: task, branch: reference, tip: tip, agent: agent) }
        var compared: Compared.Branch { Compared.Branch(reference: reference, tip: tip, begun: begun, base: base) }
    }

    private func side(_ target: String) -> Conflict.Side {
        Conflict.Side(task: nil, branch: work.settings.target ?? "", tip: target, agent: nil)
    }

    // MARK: all

    /// Compares what has moved since the last time, records it, and tells the agents of what is new. The conflicts that
    /// are known now; nil if another is at it and is not to be waited for. Throws `Failure.no` if there is no target.
    package func check(wait: Bool = true) throws -> [Conflict]? {
        try bus.checking(wait: wait) {
            let target = try work.targetCommit()
            var before = bus.compared()
            // By other attributes all is merged otherwise.
            let own = IsolatedGit(work)
            if let last = before?.target, last != target,
                try (try? own.attributes(of: last)) != own.attributes(of: target)
            {
                before = nil
            }
            let all = try live(target, before)
            let now = Compared(
                target: target, branches: Dictionary(uniqueKeysWithValues: all.map { ($0.task ?? 0, $0.compared) }))
            var known = Dictionary(uniqueKeysWithValues: try bus.conflicts().map { ($0.name, $0) })
            let ended = known.values.filter { conflict in
                [conflict.one.task, conflict.other.task].contains { $0 != nil && now.branches[$0!] == nil }
            }
            for conflict in ended {
                try bus.removeConflict(conflict.name)
                known[conflict.name] = nil
            }
            if now != before {
                try compareMoved(all, now, before, known)
                try bus.setCompared(now)
            }
            try tell(all)
            return try bus.conflicts()
        }
    }

    /// Finishes what a killed check left, but for what it had not compared yet; returns whether there was anything.
    package func heal() throws -> Bool {
        try bus.checking(wait: false) {
            let left = try ScratchMerge.clear(bus.checkObjects)
            return try tell(nil) || left
        } ?? false
    }

    private func compareMoved(_ all: [Branch], _ now: Compared, _ before: Compared?, _ known: [String: Conflict]) throws
    {
        func moved(_ branch: Branch) -> Bool { branch.compared != before?.branches[branch.task ?? 0] }
        func paths(_ name: String) -> [String] { known[name]?.paths ?? [] }
        func name(_ branch: Branch) -> String { Conflict.name(branch.task ?? 0, nil) }
        let isMoved = now.target != before?.target
        func isFirst(_ branch: Branch) -> Bool { isMoved || moved(branch) }
        func knownPaths(_ branch: Branch) -> [String] { paths(name(branch)) }
        let found = try compare(all, now.target, first: isFirst, known: knownPaths) { branch, against in
            moved(branch) || (isMoved && branch.isApart) || against != paths(name(branch))
        }
        for (branch, paths) in found.target { try record(branch.side, side(now.target), paths, known) }
        for (one, other, paths) in found.pairs { try record(one.side, other.side, paths, known) }
    }

    private func record(_ one: Conflict.Side, _ other: Conflict.Side, _ paths: [String], _ known: [String: Conflict])
        throws
    {
        var conflict = Conflict(one, other, paths: paths)
        let before = known[conflict.name]
        guard !paths.isEmpty else {
            if before != nil { try bus.removeConflict(conflict.name) }
            return
        }
        if let before {
            conflict.found = before.found
            if Set(paths).isSubset(of: before.paths) { conflict.told = before.told }
        } else {
            bus.journal(
                "conflict", by: "cadre",
                [
                    "task": "\(one.task ?? 0)", "with": other.task.map(String.init) ?? other.name,
                    "paths": "\(paths.count)",
                ])
        }
        if conflict != before { try bus.write(conflict) }
    }

    // MARK: some

    /// Compares these branches, or those of these agents, with the target and with every live one. Records nothing.
    /// Throws `Failure.no` for a name that is neither.
    package func compare(_ names: [String]) throws -> [Conflict] {
        try bus.checking(wait: true) {
            let target = try work.targetCommit()
            var all = try live(target, bus.compared())
            var chosen = Set<String>()
            for name in names {
                for reference in try references(name) {
                    guard reference != work.settings.target else {
                        throw Failure.no("'\(work.targetName)' is the target itself: name another branch")
                    }
                    chosen.insert(reference)
                    guard !all.contains(where: { $0.reference == reference }) else { continue }
                    guard let tip = try git.tip(ofBranch: String(reference.dropFirst("refs/heads/".count))) else {
                        throw try work.noBranch(name)
                    }
                    guard try !git.isAncestor(tip, of: target) else { continue }
                    all.append(
                        Branch(
                            task: nil, reference: reference, tip: tip,
                            base: try work.landedPart(of: tip, target) ?? Branch.plain))
                }
            }
            let found = try compare(all, target, first: { _ in true }, known: { _ in [] }) { branch, _ in
                chosen.contains(branch.reference)
            }
            var conflicts = found.target.filter { chosen.contains($0.branch.reference) }.map {
                Conflict($0.branch.side, side(target), paths: $0.paths)
            }
            for (one, other, paths) in found.pairs {
                let (named, against) = chosen.contains(one.reference) ? (one, other) : (other, one)
                conflicts.append(Conflict(named.side, against.side, paths: paths))
            }
            return conflicts.filter { !$0.paths.isEmpty }
        } ?? []
    }

    /// The branches that a name stands for: of the tasks that an agent holds or has submitted, or the branch of that
    /// name.
    private func references(_ name: String) throws -> [String] {
        guard let agent = try bus.agent(named: name) else { return ["refs/heads/\(name)"] }
        let held = try (bus.claims() + bus.reviews()).filter { $0.owner == name }.compactMap {
            try bus.branch($0.id)?.reference
        }
        let own = try held.isEmpty ? [agent.commits?.branch()].compactMap { $0 } : held
        guard !own.isEmpty else { throw Failure.no("agent '\(name)' is on no branch") }
        return own
    }

    // MARK: comparing

    /// The live branches, by task. What was compared before is not asked for again.
    private func live(_ target: String, _ before: Compared?) throws -> [Branch] {
        let tasks = try bus.withBranches(before.map { Array($0.branches.keys) } ?? []).compactMap { id, owner in
            try bus.branch(id).map { (id: id, owner: owner, branch: $0) }
        }.filter { $0.branch.reference != work.settings.target }
        guard !tasks.isEmpty else { return [] }
        var tips: [String: String] = [:]
        let list = ["for-each-ref", "--format=%(objectname) %(refname)", "--no-merged=\(target)", "--"]
        for line in try git.run(list + tasks.map(\.branch.reference)).text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            if words.count == 2 { tips[words[1]] = words[0] }
        }
        let ids = Dictionary(tasks.map { ($0.branch.reference, $0.id) }) { first, _ in first }
        return try tasks.compactMap { id, owner, branch in
            guard let tip = tips[branch.reference] else { return nil }
            var found = Branch(task: id, reference: branch.reference, tip: tip, begun: branch.base, agent: owner)
            if let last = before?.branches[id], last.base == Branch.plain || before?.target == target {
                found.base = last.base
                if found.compared == last { return found }
            }
            guard let base = try base(of: found, target, tips, ids) else { return nil }
            found.base = base
            return found
        }
    }

    /// How to merge a branch; nil if it has no work of its own, or nothing in common with the target.
    private func base(of branch: Branch, _ target: String, _ tips: [String: String], _ tasks: [String: Int]) throws
        -> String?
    {
        guard branch.tip != branch.begun, let id = branch.task else { return nil }
        func base(_ id: Int, _ tip: String) throws -> String? {
            do { return try work.base(of: id, tip) } catch let failure as Failure where failure.kind == .no {
                return nil
            }
        }
        guard var at = try base(id, branch.tip), at != branch.tip else { return nil }
        var isStacked = false
        while try !git.isAncestor(at, of: target) {
            let others = tips.keys.filter { $0 != branch.reference }
            guard !others.isEmpty else { return at }
            let below = try git.run(
                [
                    "for-each-ref", "--count=1", "--format=%(refname)", "--contains=\(at)",
                    "--no-contains=\(branch.tip)", "--",
                ] + others
            ).text
            // Where that one's work begins, this one's does too; only ever further back.
            guard let other = tasks[below], let tip = tips[below], let next = try base(other, tip), next != at,
                try git.isAncestor(next, of: at)
            else { return at }
            at = next
            isStacked = true
        }
        return isStacked ? Branch.stacked : Branch.plain
    }

    /// Merges branches with the target and with each other.
    ///
    /// `first`: those to compare with the target; of the others `known` is what that gave. `then`: those, by their
    /// paths in conflict with the target, to compare with all others.
    private func compare(
        _ all: [Branch], _ target: String, first: (Branch) -> Bool, known: (Branch) -> [String],
        then: (Branch, [String]) -> Bool
    ) throws -> (target: [(branch: Branch, paths: [String])], pairs: [(one: Branch, other: Branch, paths: [String])]) {
        guard !all.isEmpty else { return ([], []) }
        let scratch = try ScratchMerge(work, onto: target, objects: bus.checkObjects)
        defer { _ = try? ScratchMerge.clear(bus.checkObjects) }
        var commits = all.map(\.tip)
        var against = all.map(known)
        let alone = all.indices.filter { first(all[$0]) || all[$0].isApart }
        let merged = try scratch.merge(
            alone.map { n in
                (all[n].isApart ? try scratch.commit(target, parent: all[n].base) : target, all[n].tip)
            })
        for (n, result) in zip(alone, merged) {
            against[n] = result.paths
            if all[n].isApart { commits[n] = try scratch.commit(result.tree, parent: target) }
        }
        let again = Set(all.indices.filter { then(all[$0], against[$0]) })
        var pairs: [(Int, Int)] = []
        for one in all.indices {
            for other in all.indices[(one + 1)...] where again.contains(one) || again.contains(other) {
                pairs.append((one, other))
            }
        }
        let sides = pairs.map { one, other in
            // Two that begin at the same commit have what they share in common.
            all[one].isApart && all[one].base == all[other].base
                ? (all[one].tip, all[other].tip) : (commits[one], commits[other])
        }
        let found = zip(pairs, try scratch.merge(sides)).map { pair, result in
            let told = Set(against[pair.0]).symmetricDifference(against[pair.1])
            return (all[pair.0], all[pair.1], result.paths.filter { !told.contains($0) })
        }
        return (alone.map { (all[$0], against[$0]) }, found)
    }
}
