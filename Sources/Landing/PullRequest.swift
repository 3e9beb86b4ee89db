import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// Pull requests. With cadre.mergeMode pr an entry is not landed by us:
//
//   1  it is stacked, alone, on what the remote's target holds, and gated as ever
//   2  the task's branch is pushed, with what it holds there as lease          -> commits of others: the entry waits
//   3  a pull request is opened, or the one that is open for the branch found, with gh
//   4  the entry waits with Pushed, the tip, and Request, the address, and is looked at again after a growing pause
//   5  merged: the remote's target has it, the local one follows through the gate, and it has landed;
//      closed: back to its author
//
// Killed between two of these, the next runner does the last one again: it finds the branch pushed, and the request
// open. Where gh is not, or does not know the remote, a person opens the request. It was merged if there is a commit
// among those that the remote's target has got since, on which nothing of the entry is left to put.
extension MergeRunner {
    enum Request {
        case open(String)
        /// With the commit by which it was merged, if that is known.
        case merged(String?)
        case closed(String)
        /// There is none that we can see: why.
        case none(String)
    }

    /// Pushes the entry's branch. Nil, or why it can't be now.
    func pushBranch(_ entry: Entry, _ remote: RemoteTarget) throws -> String? {
        let name = entry.branch.dropFirst("refs/heads/".count)
        guard entry.branch != remote.branch else {
            return "the branch is called as the target of '\(remote.name)': submit it under another name"
        }
        let there: String?
        switch try head(remote, entry.branch) {
        case .unreachable(let why): return "'\(remote.name)' can't be reached: \(why)"
        case .none: there = nil
        case .holds(let commit): there = commit
        }
        if there == entry.tip { return nil }
        if let there {
            // What was ever submitted is kept, so what is not among it was pushed by somebody else.
            let ours =
                try git.commit(there) != nil
                && [entry.tip, TaskBranches.kept(entry.id)].contains { try git.isAncestor(there, of: $0) }
            guard ours else {
                return
                    "'\(name)' on '\(remote.name)' has commits of others: take them into the work, or remove it there"
            }
        }
        switch try push(entry.tip, to: remote, entry.branch, over: there) {
        case .done: return nil
        case .moved: return "'\(name)' on '\(remote.name)' moved meanwhile"
        case .refused(let why), .unknown(let why): return why
        }
    }

    /// The entry's pull request, which is opened if there is none.
    func request(_ entry: Entry, _ remote: RemoteTarget, _ target: String) throws -> Request {
        let branch = String(entry.branch.dropFirst("refs/heads/".count))
        let url = try git.run(["remote", "get-url", remote.name]).text
        let found =
            try !MergeRunner.hasGh
            ? nil
            : gh([
                "pr", "list", "--repo", url, "--head", branch, "--state", "all", "--limit", "50", "--json",
                "state,url,headRefOid,mergeCommit,isCrossRepository",
                "--jq",
                ".[] | select(.isCrossRepository | not) | [.state, .url, .headRefOid, (.mergeCommit.oid // \"\")] | "
                    + "@tsv",
            ])
        guard let found, found.status == 0 else {
            if let commit = try merged(entry, target) { return .merged(commit) }
            return .none(
                found.map { failure($0, "gh does not tell of pull requests") }
                    ?? "pushed to '\(remote.name)' as '\(branch)': open a pull request for it")
        }
        let requests = found.text.split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }.filter { $0.count == 4 }
        let mine = requests.first {
            guard entry.record.request == nil else { return $0[1] == entry.record.request }
            // Those of earlier submissions are over.
            return $0[0] == "OPEN" || ($0[0] == "MERGED" && $0[2] == entry.tip)
        }
        if let mine {
            switch mine[0] {
            case "OPEN": return .open(mine[1])
            case "MERGED": return .merged(try mine[3].isEmpty ? merged(entry, target) : mine[3])
            default: return .closed(mine[1])
            }
        }
        guard let header = try bus.header(entry.id) else { throw bus.noTask(entry.id) }
        var (title, words) = (header.title, header.body)
        if try isNameless(entry, header) {
            let said = try squashed(
                entry, git.originals(["--reverse", "--topo-order", entry.tip, "^\(entry.base)"]))
            title = Names.shown(String(decoding: Message.subject(said), as: UTF8.self))
            words = Array(said.drop { $0 != 10 })
        }
        let body = [words, entry.record.body].map(Message.withoutBlankEnds).filter { !$0.isEmpty }.joined(
            separator: Array("\n\n".utf8))
        let made = try gh(
            [
                "pr", "create", "--repo", url, "--head", branch, "--base",
                String(remote.branch.dropFirst("refs/heads/".count)), "--title=\(title)",
                "--body-file", "-",
            ], input: Array(body) + [10])
        guard made.status == 0, let address = made.text.split(separator: "\n").last else {
            return .none(failure(made, "gh opens no pull request"))
        }
        return .open(String(address))
    }

    /// The first commit that the target has got since the entry was last looked at, and on which nothing is left of it.
    private func merged(_ entry: Entry, _ target: String) throws -> String? {
        let since = try entry.record.looked.flatMap { try git.commit($0) } ?? entry.base
        for commit in try git.run(["rev-list", "--first-parent", "--reverse", target, "^\(since)"]).text.split(
            separator: "\n"
        ).suffix(200).map(String.init) {
            if try git.isAncestor(entry.tip, of: commit) { return commit }
            guard
                case .tree(let tree) = try own.merging(onto: commit).merge(
                    base: entry.base, ours: commit, theirs: entry.tip)
            else { continue }
            if try tree == git.run(["rev-parse", "\(commit)^{tree}"]).text { return commit }
        }
        return nil
    }

    private static var hasGh: Bool {
        (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").contains {
            access("\($0)/gh", X_OK) == 0
        }
    }

    /// What a person reads of a call that failed. The status is 4 where nobody is logged in (gh help exit-codes).
    private func failure(_ result: Program.Result, _ text: String) -> String {
        result.status == 4 ? "gh is not logged in: run 'gh auth login'" : "\(text): \(result.complaint)"
    }

    /// gh(1), which asks nobody anything, has no terminal, and an end.
    private func gh(_ arguments: [String], input: [UInt8]? = nil) throws -> Program.Result {
        var program = Program(["gh"] + arguments)
        program.environment = Git.clean.merging([
            "GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "GH_PAGER": "cat", "NO_COLOR": "1",
            "GIT_TERMINAL_PROMPT": "0",
        ]) { $1 }
        if let main = try work.worktrees().first?.path, try Files.exists(main) { program.directory = main }
        program.input = input
        program.ownSession = true
        program.timeout = MergeRunner.networkTimeout
        return try program.run()
    }
}

extension Batch {
    /// Pushes the entry's branch if that is still to be done, and sees what has become of its pull request.
    mutating func propose(_ entry: Entry, to remote: RemoteTarget, _ report: inout MergeRunner.Report) throws -> Placed
    {
        if entry.record.pushed != entry.tip, let why = try queue.pushBranch(entry, remote) {
            try queue.wait(entry, why, nil, &report, again: true)
            return .settled
        }
        let target = self.target
        func wait(_ why: String, _ address: String?) throws -> Placed {
            try queue.wait(entry, why, nil, &report, again: true) {
                $0.pushed = entry.tip
                $0.request = address
                $0.looked = target
            }
            return .settled
        }
        switch try queue.request(entry, remote, target) {
        case .open(let address):
            return try conflict(entry, &report) ?? wait("pull request \(Names.shown(address)) is open", address)
        case .none(let why): return try conflict(entry, &report) ?? wait(why, entry.record.request)
        case .closed(let address):
            try queue.giveBack(entry, "pull request \(Names.shown(address)) was closed", [], counted: false, &report)
        case .merged(let commit):
            guard let commit, try queue.git.commit(commit) != nil, try queue.git.isAncestor(commit, of: target) else {
                return try wait(
                    "its pull request was merged, which '\(remote.shown)' does not have", entry.record.request)
            }
            if let placed = try follow(for: entry, &report) { return placed }
            try queue.landAsIs(entry, commit, &report)
        }
        return .settled
    }

    /// Gives the entry back if it has come to conflict since it was last looked at; nil if it has not.
    private mutating func conflict(_ entry: Entry, _ report: inout MergeRunner.Report) throws -> Placed? {
        guard let looked = entry.record.looked, looked != target,
            case .conflict(let paths, let messages) = try queue.stack(entry, on: target)
        else { return nil }
        if let placed = try follow(for: entry, &report) { return placed }
        try queue.returnConflict(entry, on: target, paths, messages, &report)
        return .settled
    }
}
