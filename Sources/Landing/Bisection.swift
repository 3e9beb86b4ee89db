/// The search for what makes a gate fail, among entries that are stacked on a target: see Batch.
///
/// The gate's answers are of prefixes of the stack: of the first `count` entries, 0 being the target itself.
struct Bisection<Verdict> {
    enum Outcome {
        case passed
        /// So many pass; what the gate said of the next.
        case culprit(Int, Verdict)
        case red
    }

    let passes: (Verdict) -> Bool
    /// What the gate is known to say; nil if it was not asked.
    let known: (Int) throws -> Verdict?
    /// Runs the gate; once more where it fails, if `again`.
    let gate: (_ count: Int, _ again: Bool) throws -> Verdict

    func search(_ count: Int) throws -> Outcome {
        let target = try known(0).map(passes)
        // On a red target nobody is blamed, so there is nothing to be sure of.
        let whole = try gate(count, target != false)
        if passes(whole) { return .passed }

        var (good, bad, blamed) = (0, count, whole)
        for count in stride(from: count - 1, to: 0, by: -1) {
            guard let verdict = try known(count) else { continue }
            if passes(verdict) {
                good = count
                break
            }
            (bad, blamed) = (count, verdict)
        }

        var green = good > 0 || target == true
        while bad - good > (green ? 1 : 0) {
            // As many answers on either side: an entry each, and the target where it is not known.
            let count = bad - (bad - good + (green ? 0 : 1)) / 2
            let verdict = try gate(count, count == 0)
            if passes(verdict) {
                (good, green) = (count, true)
            } else {
                guard count > 0 else { return .red }
                (bad, blamed) = (count, verdict)
            }
        }
        return .culprit(good, blamed)
    }
}
