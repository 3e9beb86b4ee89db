import Bus
import Storage
import SystemPackage

// What recover and doctor see of the queue with git's eyes.
extension MergeRunner {
    /// Finishes what a killed runner left, if no runner is at work; keeps what the agents have committed.
    package func recover() throws {
        _ = try FileLock.attempt(bus.mergeLock) {
            try unlockKept()
            if try bus.following() != nil || bus.entries({ _ in }).contains(where: { $0.step == .landing }) {
                var report = Report()
                try resume(&report, network: false)
            }
        }
        for name in try bus.agentNames() {
            guard let agent = try bus.agent(named: name) else { continue }
            try work.keep(agent)
        }
        try work.dropAllLanded()
    }

    /// Lock files of our own references: a git that was killed leaves them.
    private func unlockKept() throws {
        let kept = git.directory.appending("refs/cadre/work")
        for name in try Files.list(kept) ?? [] where name.hasSuffix(".lock") {
            _ = try removeStale(kept.appending(name), [])
        }
    }

    /// Problems that git can tell: tips that could be lost (I5), values of the target that no gate passed, work that
    /// landed twice (I7).
    package func examine() throws -> [Doctor.Problem] {
        var found: [Doctor.Problem] = []
        func problem(_ invariant: String, _ path: FilePath, _ what: String) {
            found.append(Doctor.Problem(invariant: invariant, path: path.string, what: what))
        }
        func tip(_ tip: String, _ id: Int, _ path: FilePath) throws {
            if try git.commit(tip) == nil {
                return problem("I5", path, "the tip \(tip) of task \(id) is not in the repository")
            }
            let holders = try git.run(["for-each-ref", "--count=1", "--format=%(refname)", "--contains", tip]).text
            if holders.isEmpty { problem("I5", path, "no reference holds the tip \(tip) of task \(id)") }
        }
        for entry in try bus.entries() { try tip(entry.tip, entry.id, bus.entryFile(entry.id)) }
        for view in try bus.list([.ready, .blocked, .deferred, .claimed]) {
            if let back = try bus.returned(view.id)?.tip { try tip(back, view.id, bus.returnedFile(view.id)) }
        }
        for name in try withoutCommit(in: "refs/cadre/work") {
            problem("I5", git.directory.appending(String(name)), "holds no commit")
        }
        let last = try bus.lastEntries()
        found += try examineDone(last)
        found += try examineLanding()
        guard let target = settings.target, try git.commit(target) != nil else { return found }
        // What landed since there is a bus, by the trailers that each landing carries. Commits that came in by a merge
        // are as their authors wrote them.
        let begun = try Files.status(bus.version)?.st_mtim.tv_sec ?? 0
        let log = try git.run([
            "-c", "trailer.separators=:", "log", "--first-parent", "--no-show-signature", "--since=\(begun)",
            "--grep=^Cadre-Tip: ", "--format=%H %(trailers:key=Cadre-Tip,valueonly,separator=%x20)", target,
        ]).text
        let entries = try last + bus.entries()
        let ours = Set(entries.map(\.tip))
        var landed: [String: String] = [:]
        for line in log.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 2, ours.contains(words[1]) else { continue }
            if let other = landed[words[1]] {
                problem("I7", git.directory, "\(words[0]) and \(other) are both of the tip \(words[1])")
            }
            landed[words[1]] = words[0]
        }
        let passed = try bus.passedTrees()
        for entry in entries where entry.step == .landed {
            guard let top = entry.record.top, let tree = entry.record.topTree, !passed.contains(tree) else {
                continue
            }
            problem(
                "I7", git.directory, "no gate passed the tree \(tree) of \(top), with which task \(entry.id) landed")
        }
        return found
    }

    /// The references below a name that lead to no commit that is there: two calls of git, however many there are. The
    /// second is asked by object, since it looks for a name in several places.
    private func withoutCommit(in prefix: String) throws -> [Substring] {
        let kept = try git.run(["for-each-ref", "--format=%(objectname) %(refname)", prefix]).text
            .split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1) }
        let asked = kept.map { "\($0[0])^{commit}\n" }.joined()
        let told = try git.run(["cat-file", "--batch-check=%(objecttype)"], input: Array(asked.utf8)).text
            .split(separator: "\n")
        guard told.count == kept.count else { throw Failure.unsure("git cat-file did not answer for each object") }
        return zip(kept, told).filter { $0.1 != "commit" }.map { $0.0[1] }
    }
}
