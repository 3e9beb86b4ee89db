import Testing

@testable import Landing

@Suite struct BisectionTests {
    /// A stack of which every prefix from `bad` entries on fails; the target as well, where that is 0.
    private final class Stack {
        let bad: Int
        var known: Set<Int>
        /// Prefixes whose gate was run, and whether a failure was to be made sure of.
        var runs: [(count: Int, again: Bool)] = []

        init(bad: Int, known: Set<Int> = []) {
            self.bad = bad
            self.known = known
        }

        func search(_ count: Int) throws -> Bisection<Int>.Outcome {
            // A verdict is the prefix that it is of, negative for a failure, so that it can be told whose it is.
            func verdict(_ count: Int) -> Int { count >= bad ? -count - 1 : count }
            return try Bisection(
                passes: { $0 >= 0 }, known: { self.known.contains($0) ? verdict($0) : nil },
                gate: { count, again in
                    self.runs.append((count, again))
                    self.known.insert(count)
                    return verdict(count)
                }
            ).search(count)
        }
    }

    private static func bits(_ count: Int) -> Int { (0..<64).first { 1 << $0 >= count }! }

    @Test(arguments: 1...16) func everyCulpritIsFound(count: Int) throws {
        for bad in 1...count {
            // With all that may be known before of the target and of three prefixes.
            for mask in 0..<8 {
                for isTargetKnown in [false, true] {
                    let some = [1, count / 2, count - 1].enumerated().filter { mask & (1 << $0.offset) != 0 }
                    let known = Set(some.map(\.element).filter { $0 > 0 && $0 < count } + (isTargetKnown ? [0] : []))
                    let stack = Stack(bad: bad, known: known)
                    guard case .culprit(let good, let verdict) = try stack.search(count) else {
                        Issue.record("no culprit of \(count) at \(bad), known \(known)")
                        continue
                    }
                    #expect(good == bad - 1 && verdict == -bad - 1, "of \(count) at \(bad), known \(known)")
                    let most = 1 + BisectionTests.bits(count) + (isTargetKnown ? 0 : 1)
                    #expect(stack.runs.count <= most, "of \(count) at \(bad), known \(known): \(stack.runs)")
                    #expect(Set(stack.runs.map(\.count)).count == stack.runs.count)
                    #expect(stack.runs.dropFirst().allSatisfy { !known.contains($0.count) })
                }
            }
        }
    }

    @Test(arguments: 1...16) func whatPassesIsAskedOnce(count: Int) throws {
        let stack = Stack(bad: count + 1)
        guard case .passed = try stack.search(count) else {
            Issue.record("does not pass")
            return
        }
        #expect(stack.runs.map(\.count) == [count] && stack.runs[0].again)
    }

    @Test(arguments: 1...16) func onARedTargetNobodyIsBlamed(count: Int) throws {
        let stack = Stack(bad: 0)
        guard case .red = try stack.search(count) else {
            Issue.record("somebody is blamed")
            return
        }
        // That the target fails is made sure of, and so is the whole; what is between is asked once.
        #expect(stack.runs.last?.count == 0 && stack.runs.last?.again == true)
        #expect(stack.runs.dropFirst().dropLast().allSatisfy { !$0.again })
        #expect(stack.runs.count <= 2 + BisectionTests.bits(count + 1))
    }

    @Test func aTargetThatIsKnownToBeRedIsNotMadeSureOf() throws {
        let red = Stack(bad: 0, known: [0])
        _ = try red.search(1)
        #expect(red.runs.first?.again == false)
        let green = Stack(bad: 1, known: [0])
        _ = try green.search(1)
        #expect(green.runs.first?.again == true)
    }
}
