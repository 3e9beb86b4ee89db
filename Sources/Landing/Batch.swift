import Bus
import SystemPackage

// Entries that land together: one run of the gate for all of them, as long as it passes.
//
// They are stacked on the target by rank, one commit on the other, in memory. What conflicts with the target goes back
// to its author; what conflicts only with an entry below is left out, and looked at again when that one has landed or
// gone. Then the gate is run on the top of the stack. If it passes, the target is moved to the top. If it fails:
//
//   - The top is run once more. A gate that passes then is flaky, which is counted and told, and all land.
//   - A binary search over the prefixes of the stack brings the longest that is known to pass and the shortest that is
//     known to fail together, until they differ by one entry. The empty prefix, the target itself, is taken to pass if
//     that is known, else it is searched like the others.
//   - The prefix that passes lands, the entry after it goes back with the gate's output, and the rest is stacked again.
//   - Where the search ends at the target itself, which fails, nobody is blamed: the target is red. While it is, the
//     entries are tried one by one, and what turns it green lands.
//
// So the culprit among n entries is named after 2 + ⌈log2 n⌉ runs. (One more where the target is not known, n is a
// power of two and the first is the culprit: then there are n + 1 answers.) What the gate said of a tree is kept, so a
// search that was cut short goes on where it was.
struct Batch {
    /// An entry, on top of those below it.
    struct Layer {
        var entry: Entry
        var candidate: MergeRunner.Candidate
    }

    enum Placed {
        case stacked
        /// It conflicts with the stack and not with the target, or the local target has moved.
        case leftOut
        /// It was given back, held, made to wait, or has landed.
        case settled
    }

    let queue: MergeRunner
    /// The commit that the target holds: the remote's, if work lands there.
    let target: String
    let remote: RemoteTarget?
    /// Whether landing means a pull request: the queue pushes the entry's branch instead of moving the target.
    let proposes: Bool
    /// What the local target holds: the same, or an earlier one.
    private var local: String
    let targetTree: String
    let ground: MergeRunner.Ground
    private(set) var layers: [Layer] = []
    /// One that changed meanwhile, so that what was above it is stacked again.
    private(set) var changed: Entry?
    private var bus: Bus { queue.bus }

    init(_ queue: MergeRunner) throws {
        self.queue = queue
        local = try queue.work.targetCommit()
        remote = try queue.remote()
        proposes = try queue.mode() == .pr
        target = try remote.flatMap { try queue.git.commit($0.reference($0.branch)) } ?? local
        targetTree = try queue.tree(of: target)
        ground = try queue.ground()
    }

    /// How many entries at most are stacked.
    func limit() throws -> Int {
        // A pull request is about one task's work. On a red target the entries are tried one by one.
        if try proposes || queue.known(targetTree)?.passed == false { return 1 }
        return max(1, try queue.settings.number(.mergeBatch))
    }

    // MARK: stacking

    /// Puts an entry on top, if it may go on and nothing is in its way.
    mutating func place(_ entry: Entry, _ report: inout MergeRunner.Report) throws -> Placed {
        guard let entry = try queue.answered(entry, &report) else { return .settled }
        let below = layers.last?.candidate.commit ?? target
        let contribution = try queue.contribution(entry, over: below)
        if try contribution.commits.isEmpty && queue.git.isAncestor(entry.tip, of: target) {
            if let placed = try follow(for: entry, &report) { return placed }
            try queue.landAsIs(entry, target, &report)
            return .settled
        }
        if let why = try queue.unapproved(entry, on: below) {
            return try waitForApproval(entry, why, &report)
        }
        if proposes, let remote, entry.record.pushed == entry.tip { return try propose(entry, to: remote, &report) }
        var stacked = try queue.stack(entry, on: below, contribution)
        if !layers.isEmpty {
            // What can't go on top is judged by the target alone.
            if case .candidate = stacked {
            } else {
                stacked = try queue.stack(entry, on: target)
                if case .candidate = stacked { return .leftOut }
            }
        }
        switch stacked {
        case .nothing:
            if let placed = try follow(for: entry, &report) { return placed }
            try queue.landAsIs(entry, target, &report)
        case .conflict(let paths, let messages):
            // Its author solves it with what the local target holds.
            if let placed = try follow(for: entry, &report) { return placed }
            try queue.returnConflict(entry, on: target, paths, messages, &report)
        case .candidate(let candidate):
            if !proposes, let obstacle = try inTheWay(candidate, ground) {
                try queue.wait(entry, obstacle.why, obstacle.index, &report)
                break
            }
            if let why = try queue.unapproved(candidate) { return try waitForApproval(entry, why, &report) }
            let review = try queue.review(entry, candidate)
            if let why = review.why {
                try hold(entry, candidate, why, gateFirst: review.gateFirst, &report)
                break
            }
            layers.append(Layer(entry: entry, candidate: candidate))
            return .stacked
        }
        return .settled
    }

    /// Makes the entry wait until the person approves the commands that git needs for it.
    private func waitForApproval(_ entry: Entry, _ why: String, _ report: inout MergeRunner.Report) throws -> Placed {
        try queue.askForApproval()
        try queue.wait(entry, why, bus.approvedFile, &report, asks: false)
        return .settled
    }

    /// Brings the local target to what the remote's holds. Nil if it is there, else what becomes of the entry that
    /// needs it.
    mutating func follow(for entry: Entry, _ report: inout MergeRunner.Report) throws -> Placed? {
        if local == target { return nil }
        switch try queue.follow(to: target, targetTree, from: local, for: entry, &report) {
        case .followed: local = target
        case .waits: return .settled
        case .elsewhere: return .leftOut
        }
        return nil
    }

    /// Why the local target can't be moved over the candidate's change now, nor to where that begins.
    private func inTheWay(_ candidate: MergeRunner.Candidate, _ ground: MergeRunner.Ground) throws -> (
        why: String, index: FilePath?
    )? {
        if local != target,
            let obstacle = try queue.inTheWay(
                MergeRunner.Candidate(commit: target, tree: targetTree, parent: local), ground)
        {
            return obstacle
        }
        return try queue.inTheWay(candidate, ground)
    }

    /// Holds an entry for review, after the gate has passed it alone: a reviewer should not look at work that the gate
    /// rejects.
    private func hold(
        _ entry: Entry, _ candidate: MergeRunner.Candidate, _ why: String, gateFirst: Bool,
        _ report: inout MergeRunner.Report
    ) throws {
        guard gateFirst else { return try queue.hold(entry, candidate, why) }
        var alone = self
        if layers.isEmpty {
            alone.layers = [Layer(entry: entry, candidate: candidate)]
        } else {
            guard case .candidate(let onTarget) = try queue.stack(entry, on: target) else { return }
            alone.layers = [Layer(entry: entry, candidate: onTarget)]
        }
        guard try alone.begin(), let layer = alone.layers.first else { return }
        switch try alone.decide() {
        case .passed: try queue.hold(layer.entry, layer.candidate, why)
        case .culprit(_, let verdict): try alone.blame(0, verdict, &report)
        case .red: try alone.waitForGreen(&report)
        }
    }

    // MARK: deciding

    /// Runs the gate, lands what passes, gives back what does not.
    mutating func run(_ report: inout MergeRunner.Report) throws {
        guard try begin() else { return }
        switch try decide() {
        case .passed:
            if proposes, let remote {
                _ = try propose(layers[0].entry, to: remote, &report)
            } else {
                try land(layers.count, &report)
            }
        case .culprit(let good, let verdict):
            if good > 0 { try land(good, &report) }
            try blame(good, verdict, &report)
        case .red: try waitForGreen(&report)
        }
    }

    /// Writes down what is to be gated. False if there is nothing, or an entry changed meanwhile.
    private mutating func begin() throws -> Bool {
        let gate = try queue.gateName()
        for n in layers.indices {
            let candidate = layers[n].candidate
            guard
                let gating = try bus.advance(
                    layers[n].entry, to: .gating, flushes: false,
                    {
                        $0.old = local
                        $0.commit = candidate.commit
                        $0.tree = candidate.tree
                        $0.gate = gate
                        $0.clear(\.top, \.topTree, \.worktree, \.lookAt)
                    })
            else {
                changed = layers[n].entry
                return false
            }
            layers[n].entry = gating
        }
        return !layers.isEmpty
    }

    private func decide() throws -> Bisection<MergeRunner.Verdict>.Outcome {
        try Bisection(
            passes: \.passed,
            known: { try queue.known($0 > 0 ? layers[$0 - 1].candidate.tree : targetTree) },
            gate: { count, again in
                guard count > 0 else { return try queue.gate(target, targetTree, again: again) }
                let top = layers[count - 1].candidate
                return try queue.gate(top.commit, top.tree, again: again)
            }
        ).search(layers.count)
    }

    private func blame(_ number: Int, _ verdict: MergeRunner.Verdict, _ report: inout MergeRunner.Report) throws {
        try queue.giveBack(
            layers[number].entry, verdict.why ?? "the gate failed", verdict.output, counted: true, &report)
    }

    /// The first waits until the target is green, since it does not turn it so; the others are tried next.
    private func waitForGreen(_ report: inout MergeRunner.Report) throws {
        try queue.waitForGreen(layers[0].entry, target, targetTree, &report)
    }

    // MARK: landing

    /// Moves the target over the first `count` entries, whose tree has passed.
    private mutating func land(_ count: Int, _ report: inout MergeRunner.Report) throws {
        try bus.closeAsk(named: "target-red", by: "cadre", "")
        let top = layers[count - 1].candidate
        // The gate took its time.
        let ground = try queue.ground()
        var free = true
        for layer in layers[..<count] {
            guard let obstacle = try inTheWay(layer.candidate, ground) else { continue }
            free = false
            try queue.wait(layer.entry, obstacle.why, obstacle.index, &report)
        }
        guard free else { return }
        let checkout = ground.checkouts.first
        var landing: [Entry] = []
        func goBack() throws { for entry in landing { _ = try bus.advance(entry, to: .queued) } }
        for layer in layers[..<count] {
            guard
                let next = try bus.advance(
                    layer.entry, to: .landing, flushes: false,
                    {
                        $0.worktree = checkout?.git.worktree?.string
                        $0.top = top.commit
                        $0.topTree = top.tree
                        $0.remote = remote?.name
                        $0.remoteBranch = remote?.branch
                    })
            else {
                changed = layer.entry
                return try goBack()
            }
            landing.append(next)
        }
        try bus.flushQueue()
        if let remote {
            switch try queue.push(top.commit, to: remote, remote.branch, over: target) {
            case .done: for entry in landing { try queue.arrive(entry, remote, &report) }
            case .moved: try goBack()
            case .refused(let why): for entry in landing { try queue.wait(entry, why, nil, &report, again: true) }
            case .unknown(let why): for entry in landing { try queue.stay(entry, why, nil, &report, passes: true) }
            }
            return
        }
        let tasks = landing.map { "\($0.id)" }.joined(separator: ", ")
        let all = MergeRunner.Candidate(commit: top.commit, tree: top.tree, parent: local)
        switch try queue.move(to: all, checkout, why: "land task\(count > 1 ? "s" : "") \(tasks)") {
        case .elsewhere: try goBack()
        case .halfway(let why): try queue.stand(landing, why, &report)
        case .blocked(let why, let paths, let file):
            // Earlier checks miss ignored files. Entries that change none of these are stacked again.
            let blocked = try zip(landing, layers).map { try !queue.changes($1.candidate, among: paths).isEmpty }
            for (n, entry) in landing.enumerated() {
                if blocked[n] || !blocked.contains(true) {
                    try queue.wait(entry, why, file, &report)
                } else {
                    _ = try bus.advance(entry, to: .queued)
                }
            }
        case .moved:
            guard let name = queue.settings.target, let now = try queue.git.reference(name),
                try queue.git.isAncestor(top.commit, of: now)
            else { return try goBack() }
            if landing.count > 1 {
                try queue.work.drop(
                    landing.compactMap { entry in try bus.branch(entry.id).map { ($0, entry.tip) } })
            }
            for (entry, layer) in zip(landing, layers) {
                try queue.landed(entry, layer.candidate.commit, changed: layer.candidate.changed, &report)
            }
        }
    }
}
