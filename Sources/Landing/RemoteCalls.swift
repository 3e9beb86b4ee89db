import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// What is asked of remotes, over the network.
extension MergeRunner {
    /// Seconds that a call over the network may take.
    static let networkTimeout = 300.0

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
}

extension TaskBranches {
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
