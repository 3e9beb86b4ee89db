import Bus
import Configuration
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// The target of a remote. With cadre.mergeMode remote the work is stacked on the commit that the remote's target holds,
// and what the gate has passed is pushed there, with that commit as lease:
//
//   1  the remote's target is fetched             refs/cadre/remote/NAME/BRANCH; nothing of the user's is moved
//   2  stacked and gated as ever; landing is written, with the remote and what its target is to hold (Top)
//   3  pushed                                     -> moved meanwhile: from 1 again. Refused: the entries wait
//   4  the remote's target is fetched again, and has it
//   5  the local target follows, as ever          -> in its way are changes of the user's: the entries stay landing
//
// The local target holds what the remote's does, or an earlier commit of it; where it has commits of its own the queue
// stands still. It never gets a value whose tree did not pass, so it does not follow whatever others push, only what is
// gated: the top of a stack, or by itself where an entry can only be judged on it (`follow`).
//
// Killed after 2, it is not known whether 3 has happened. A successor finds out by 1; while the remote can't be reached
// the entries stay landing. What else fails by itself is tried again after a minute, then after twice as long each
// time, up to an hour.
struct RemoteTarget {
    /// As `git remote` lists it.
    let name: String
    /// Its target, as `refs/heads/…`.
    let branch: String
    /// For people.
    var shown: String { "\(name)/\(branch.dropFirst("refs/heads/".count))" }

    /// Where what a branch of it held when it was last fetched is kept.
    func reference(_ branch: String) -> String { "refs/cadre/remote/\(name)/\(branch.dropFirst("refs/heads/".count))" }
}

extension MergeRunner {
    /// Seconds that a call over the network may take.
    static let networkTimeout = 300.0

    func mode() throws -> MergeMode { try work.mode() }
    func remote() throws -> RemoteTarget? { try work.remote() }

    // MARK: over the network

    enum Fetched {
        /// What the branch holds.
        case holds(String)
        /// There is no such branch.
        case none
        /// The remote can't be read now: why.
        case unreachable(String)
    }

    func fetch(_ remote: RemoteTarget, _ branch: String, seconds: Double = networkTimeout) throws -> Fetched {
        let reference = remote.reference(branch)
        // A fetch that was killed leaves its lock.
        _ = try removeStale(git.directory.appending("\(reference).lock"), [])
        let before = try git.commit(reference)
        let result = try overNetwork(
            [
                "fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=", "--",
                remote.name, "+\(branch):\(reference)",
            ],
            seconds: seconds)
        if result.status == 0, let commit = try git.commit(reference) {
            if commit != before { try own.download(commit, from: remote.name) }
            return .holds(commit)
        }
        if result.timedOut { return .unreachable("it took longer than \(Int(seconds)) seconds") }
        guard String(decoding: result.error, as: UTF8.self).contains("couldn't find remote ref") else {
            return .unreachable(Git.complaint(result))
        }
        _ = try git.attempt(["update-ref", "-d", reference])
        return .none
    }

    /// What a branch of the remote holds, without fetching it.
    func head(_ remote: RemoteTarget, _ branch: String) throws -> Fetched {
        let result = try overNetwork(["ls-remote", "--refs", "--", remote.name, branch])
        guard result.status == 0 else { return .unreachable(Git.complaint(result)) }
        for line in result.text.split(separator: "\n") {
            let words = line.split(separator: "\t").map(String.init)
            if words.count == 2, words[1] == branch { return .holds(words[0]) }
        }
        return .none
    }

    enum Pushed {
        case done
        /// It holds something else by now.
        case moved
        case refused(String)
        /// It is not known whether it was done: why.
        case unknown(String)
    }

    /// Moves a branch of the remote from `old` (nil: there is none) to a commit, and looks whether it has it.
    func push(_ commit: String, to remote: RemoteTarget, _ branch: String, over old: String?) throws -> Pushed {
        if let why = try own.upload(
            commit, beyond: [old, try git.commit(remote.reference(remote.branch))].compactMap { $0 }, to: remote.name)
        {
            return .refused(why)
        }
        // The pre-push hook only where the person says so: it is a file that agents can write.
        let hooked = try settings.flag("pushHook")
        let result = try overNetwork(
            (hooked ? ["-c", "core.hooksPath=\(work.hooks())"] : []) + [
                "push", "--porcelain", hooked ? "--verify" : "--no-verify", "--no-follow-tags",
                "--recurse-submodules=no", "--force-with-lease=\(branch):\(old ?? "")", "--",
                remote.name, "\(commit):\(branch)",
            ])
        switch try branch == remote.branch ? fetch(remote, branch) : head(remote, branch) {
        case .holds(let now):
            if try now == commit || (branch == remote.branch && git.isAncestor(commit, of: now)) { return .done }
            if now != old { return .moved }
        case .none:
            if old != nil { return .moved }
        case .unreachable(let why):
            return .unknown("'\(remote.name)' can't be reached: \(why)")
        }
        return .refused("'\(remote.name)' does not take it: \(Git.refusal(result))")
    }

    /// git over the network: it asks nobody anything, has no terminal, and an end. In the main worktree, to which the
    /// path of a remote may be relative.
    private func overNetwork(_ arguments: [String], seconds: Double = networkTimeout) throws -> Program.Result {
        var environment = Git.overNetwork
        if getenv("GIT_SSH_COMMAND") == nil, getenv("GIT_SSH") == nil,
            try git.attempt(["config", "core.sshCommand"]).status != 0
        {
            environment["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
        }
        var program = git.program(arguments, environment: environment)
        if let main = try work.worktrees().first?.path, try Files.exists(main) { program.directory = main }
        program.ownSession = true
        program.timeout = seconds
        return try program.run()
    }

    // MARK: for the whole queue

    /// Fetches the remote's target. Why nothing can be stacked on it, and whether that may pass by itself; nil if it
    /// can.
    func remoteObstacle() throws -> (why: String, passes: Bool)? {
        let remote: RemoteTarget
        do {
            guard let found = try self.remote() else { return nil }
            remote = found
            let strange = try own.agentLives() ? own.configured().strange(remote.name) : []
            if !strange.isEmpty {
                return (
                    "git's configuration of this repository says of '\(remote.name)' what you have not seen: run "
                        + "'cadre init', then 'cadre merge run': "
                        + strange.map(Names.shown).joined(separator: "; "), false
                )
            }
        } catch let failure as Failure where failure.kind == .no { return (failure.message, false) }
        switch try fetch(remote, remote.branch) {
        case .unreachable(let why): return ("'\(remote.name)' can't be reached: \(why)", true)
        case .none:
            return (
                "'\(remote.name)' has no branch '\(remote.shown.dropFirst(remote.name.count + 1))': push "
                    + "'\(work.targetName)' there first",
                false
            )
        case .holds(let commit):
            let local = try work.targetCommit()
            if try git.isAncestor(local, of: commit) { return nil }
            return (try ahead(of: remote, local, commit), false)
        }
    }

    private func ahead(of remote: RemoteTarget, _ local: String, _ commit: String) throws -> String {
        let count = try work.count(commit, local)
        return
            "'\(work.targetName)' has \(count) commit\(count == 1 ? "" : "s") that '\(remote.shown)' has not: push or "
            + "drop \(count == 1 ? "it" : "them") first"
    }

    // MARK: the local target

    enum Followed {
        case followed
        /// The entry that needs it waits.
        case waits
        /// The local target has moved meanwhile.
        case elsewhere
    }

    /// Moves the local target from `local` to what the remote's holds, if the gate passes that.
    func follow(to commit: String, _ tree: String, from local: String, for entry: Entry, _ report: inout Report) throws
        -> Followed
    {
        guard try gate(commit, tree, again: true).passed else {
            try waitForGreen(entry, commit, tree, &report)
            return .waits
        }
        try bus.closeAsk(named: "target-red", by: "cadre", "")
        let step = Candidate(commit: commit, tree: tree, parent: local)
        let ground = try ground()
        if let obstacle = try inTheWay(step, ground) {
            try wait(entry, obstacle.why, obstacle.index, &report)
            return .waits
        }
        try bus.setFollowing(from: local, to: commit, worktree: ground.checkouts.first?.git.worktree)
        let moved = try move(to: step, ground.checkouts.first, why: "follow the remote")
        // What is half done is finished by a later run, which is told so by this.
        if case .halfway = moved {} else { try bus.endFollowing() }
        switch moved {
        case .moved: return .followed
        case .elsewhere: return .elsewhere
        case .blocked(let why, _, let file):
            try wait(entry, why, file, &report)
            return .waits
        case .halfway(let why):
            try stand([], why, &report)
            return .waits
        }
    }

    /// Finishes what a killed runner left of `follow`.
    func resumeFollowing(_ report: inout Report) throws {
        guard let following = try bus.following(), let old = following.old, let new = following.new else {
            return
        }
        let worktree = try checkout(following.worktree)
        guard try unlock(worktree) == nil else { return }
        if let worktree, let why = try heal(from: old, to: new, worktree, why: "follow the remote") {
            return try stand([], why, &report)
        }
        try bus.endFollowing()
    }

    /// The target itself is red: the entry waits, until it moves.
    func waitForGreen(_ entry: Entry, _ commit: String, _ tree: String, _ report: inout Report) throws {
        let remote = try self.remote()
        let why = "the gate fails on '\(remote?.shown ?? work.targetName)' itself"
        try bus.openAsk(named: "target-red", by: "cadre", "\(why), at \(commit): nothing lands but what turns it green")
        // A target here is seen to move, one elsewhere is looked at again.
        let reference = remote == nil ? settings.target.map { git.directory.appending($0) } : nil
        try wait(entry, why, reference, &report, red: tree, again: remote != nil)
    }

    /// The remote's target has the entry: the local one follows to what was pushed, and it has landed. What is in the
    /// way keeps the entry landing.
    func arrive(_ entry: Entry, _ remote: RemoteTarget, _ report: inout Report) throws {
        guard let target = settings.target, let commit = entry.commit, let now = try git.reference(target) else {
            return
        }
        if try !git.isAncestor(commit, of: now) {
            let top = entry.record.top ?? commit
            guard try git.isAncestor(now, of: top) else {
                return try stay(entry, try ahead(of: remote, now, top), nil, &report)
            }
            let step = Candidate(commit: top, tree: entry.record.topTree ?? "", parent: now)
            let ground = try ground()
            let checkout = ground.checkouts.first
            if let obstacle = try inTheWay(step, ground) {
                return try stay(entry, obstacle.why, obstacle.index, &report)
            }
            guard
                let next = try bus.advance(
                    entry, to: .landing,
                    {
                        $0.old = now
                        $0.worktree = checkout?.git.worktree?.string
                    })
            else { return }
            switch try move(to: step, checkout, why: "land task \(entry.id)") {
            case .moved: return try landed(next, commit, &report)
            case .elsewhere: return try stay(next, "'\(work.targetName)' moved meanwhile", nil, &report)
            case .blocked(let why, _, let file): return try stay(next, why, file, &report)
            case .halfway(let why): return try stand([next], why, &report)
            }
        }
        try landed(entry, commit, &report)
    }

    /// The entry stays landing, since it may be on the remote's target already or is: why. For what may pass by itself,
    /// as a lock of git's does, a person is asked when it is there still the next time.
    func stay(_ entry: Entry, _ why: String, _ index: FilePath?, _ report: inout Report, passes: Bool = false) throws {
        let stamp = try index.map(MergeRunner.stamp)
        let tries = (entry.record.retries ?? 0) + 1
        guard
            try bus.advance(
                entry, to: .landing,
                {
                    $0.why = Names.shown(why)
                    $0.retries = tries
                    $0.retryAt = Time.now() + Bus.backoff(tries)
                    $0.index = index?.string
                    $0.indexStamp = stamp
                }) != nil
        else { return }
        if try !(passes || index?.extension == "lock") || tries > 1 || isAsked(entry) {
            try ask(entry, "can't land: \(why)")
        }
        report.waiting.append("\(entry.id): \(why)")
        tell(["\(entry.id)", "waiting", why])
    }

    /// What became of an entry that a killed runner may have pushed.
    func resumePushed(_ entry: Entry, _ report: inout Report) throws {
        guard let name = entry.record.remote, let branch = entry.record.remoteBranch, let commit = entry.commit
        else { return }
        let remote = RemoteTarget(name: name, branch: branch)
        switch try fetch(remote, branch) {
        case .unreachable(let why): try stay(entry, "'\(name)' can't be reached: \(why)", nil, &report, passes: true)
        case .holds(let now) where try git.isAncestor(commit, of: now): try arrive(entry, remote, &report)
        case .holds, .none: _ = try bus.advance(entry, to: .queued)
        }
    }
}

extension TaskBranches {
    package func mode() throws -> MergeMode {
        MergeMode(rawValue: try settings.choice("mergeMode", MergeMode.allCases.map(\.rawValue), "local")) ?? .local
    }

    /// Where work lands elsewhere; nil where it lands only here. Throws `Failure.no` if there is no such remote.
    func remote() throws -> RemoteTarget? {
        guard try mode() != .local, let target = settings.target else { return nil }
        let set = try config("branch.\(targetName).remote")
        // A request is made to where the target comes from, its branch pushed to where branches are.
        let name = try mode() == .pr ? try set.flatMap { $0 == "." ? nil : $0 } ?? usual() : try pushRemote(targetName)
        guard try remotes().contains(name) else {
            throw Failure.no(
                "there is no remote '\(Names.shown(name))' to push '\(targetName)' to: add it with 'git remote add', "
                    + "or set branch.\(targetName).remote"
            )
        }
        let merge = set == name ? try config("branch.\(targetName).merge") : nil
        return RemoteTarget(name: name, branch: merge ?? target)
    }

    /// The remote that `git push` sends a branch to.
    package func pushRemote(_ branch: String) throws -> String {
        for key in ["branch.\(branch).pushRemote", "remote.pushDefault", "branch.\(branch).remote"] {
            if let name = try config(key), name != "." { return name }
        }
        return try usual()
    }

    /// origin, or the only one that there is.
    private func usual() throws -> String {
        let all = try remotes()
        return all.count == 1 ? all[0] : "origin"
    }

    private func remotes() throws -> [String] {
        try repository.run(["remote"]).text.split(separator: "\n").map(String.init)
    }

    private func config(_ key: String) throws -> String? {
        let result = try repository.attempt(["config", key])
        return result.status == 0 && !result.text.isEmpty ? result.text : nil
    }

    /// The directory of the user's hooks.
    func hooks() throws -> String {
        // Our own calls switch hooks off by this very setting.
        let set = try asOwner(repository, ["config", "--type=path", "core.hooksPath"])
        let path = set.text
        guard set.status == 0, !path.isEmpty else { return repository.directory.appending("hooks").string }
        return path.hasPrefix("/") ? path : try worktrees().first?.path.pushing(FilePath(path)).string ?? path
    }

    /// Pushes a branch of an agent's as `git push` in its worktree does: with the user's pre-push hook, and a remote
    /// that is a path taken from the main worktree. Files of git-lfs are uploaded before.
    package func push(_ reference: String, of agent: AgentView, to remote: String) throws -> Program.Result {
        guard let tip = try repository.commit(reference) else { throw Failure.no("'\(reference)' has no commit") }
        let known = try repository.run([
            "for-each-ref", "--format=%(objectname)", "refs/remotes/\(remote)/", "refs/cadre/remote/\(remote)/",
        ]).text.split(separator: "\n").map(String.init)
        if let why = try IsolatedGit(self).upload(tip, beyond: known, to: remote) {
            throw Failure.unsure("unable to push '\(reference.dropFirst(11))' to '\(remote)': \(why)")
        }
        var options = ["-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]
        if let address = try config("remote.\(remote).pushurl") ?? config("remote.\(remote).url"),
            case let whole = try absolute(address), whole != address
        {
            options += ["-c", "url.\(whole).insteadOf=\(address)"]
        }
        let place = try agent.worktree.flatMap { try Files.exists($0) ? agent.git : nil } ?? repository
        var program = place.program([])
        program.arguments =
            ["git", "--git-dir=\(place.directory.string)"] + (place.worktree.map { ["--work-tree=\($0.string)"] } ?? [])
            + options
            + ["push", "--porcelain", "--", remote, "\(reference):\(reference)"]
        if place.worktree == nil, let main = try worktrees().first?.path, try Files.exists(main) {
            program.directory = main
        }
        return try program.run()
    }
}

extension Git {
    /// Nobody is asked anything over the network.
    static let overNetwork: [String: String?] = ["SSH_ASKPASS_REQUIRE": "never", "GCM_INTERACTIVE": "never"]

    /// What git says of a remote that it can't read, without the advice behind it.
    package static func complaint(_ result: Program.Result) -> String {
        let lines = result.error.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }.prefix {
            !$0.hasPrefix("Please make sure ")
        }
        let general = "fatal: Could not read from remote repository."
        guard let line = lines.last(where: { $0 != general }) else { return result.complaint }
        return Names.shown(line.hasPrefix("fatal: ") ? String(line.dropFirst("fatal: ".count)) : line)
    }

    /// Why a push was refused: the reason of the reference's line, and what the other side said last.
    package static func refusal(_ result: Program.Result) -> String {
        func lines(_ bytes: [UInt8]) -> [String] {
            bytes.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
        }
        let reason = lines(result.output).first { $0.hasPrefix("!") }?.split(separator: "\t").last.map(String.init)
        // Padded, so that it covers a line of progress.
        let said = lines(result.error).filter { $0.hasPrefix("remote: ") }.map { line -> String in
            var line = line.dropFirst("remote: ".count)
            while line.last == " " { line.removeLast() }
            return String(line)
        }.last { !$0.isEmpty }
        guard let reason else { return complaint(result) }
        return Names.shown([reason, said].compactMap { $0 }.joined(separator: ": "))
    }
}
