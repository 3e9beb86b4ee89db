import Bus
import Processes
import SystemPackage

// Landing by pull request, with cadre.mergeMode pr: what the gate passes is not put on the remote's target by us, but
// offered to whoever decides there.
//
//   1  stacked on the remote's target and gated, as ever, one entry at a time
//   2  the task's branch is pushed                  only over what was there of the same task
//   3  a pull request is opened with gh(1), if that is there; else a person opens it
//   4  the entry waits, and is looked at again after a minute, then after twice as long each time, up to an hour
//   5  the remote's target has the work, in whatever form: the local one follows, once the gate has passed exactly that,
//      and the task is done. Or the request was closed: the entry goes back
//
// Pushed and Request say how far it is. Killed after 2 or 3, a successor does them again: the branch is there, and gh
// says which request there is.
extension Queue {
    /// Seconds that gh may take.
    private static let patience = 120.0

    /// Pushes the branch of an entry that passed the gate, and asks for it to be merged.
    func request(_ entry: Entry, _ remote: Remote, _ report: inout Report) throws {
        let name = String(entry.branch.dropFirst("refs/heads/".count))
        var old: String?
        switch try fetch(remote, entry.branch) {
        case .unreachable(let why): return try wait(entry, "'\(remote.name)' can't be reached: \(why)", nil, &report, again: true)
        case .none: break
        case .holds(let there):
            // An earlier tip of the task is ours to replace.
            let kept = try git.commit("refs/cadre/work/task-\(entry.id)") ?? entry.tip
            guard try git.isAncestor(there, of: entry.tip) || git.isAncestor(there, of: kept) else {
                return try wait(entry, "'\(name)' of '\(remote.name)' has commits that are not of this task: bring them in, or remove it there", nil, &report, again: true)
            }
            old = there
        }
        if old != entry.tip {
            switch try push(entry.tip, to: remote, entry.branch, over: old) {
            case .done: break
            case .moved: return try wait(entry, "'\(name)' of '\(remote.name)' moved meanwhile", nil, &report, again: true)
            case .refused(let why), .unknown(let why): return try wait(entry, why, nil, &report, again: true)
            }
        }
        let (url, why) = try openRequest(entry, remote, name)
        try wait(entry, url.map { "pull request \($0) is open" } ?? why, nil, &report, again: true) {
            $0["Pushed"] = entry.tip
            $0["Request"] = url
        }
    }

    /// Looks what became of the request for an entry whose work the remote's target does not have.
    func follow(_ entry: Entry, _ remote: Remote, _ report: inout Report) throws {
        let name = String(entry.branch.dropFirst("refs/heads/".count))
        guard let url = entry.record["Request"] else {
            let (url, why) = try openRequest(entry, remote, name)
            return try wait(entry, url.map { "pull request \($0) is open" } ?? why, nil, &report, again: true) { $0["Request"] = url }
        }
        let said = try gh(["pr", "view", url, "--json", "state", "--jq", ".state"])
        if let said, said.status == 0, said.text.uppercased().contains("CLOSED") {
            return try giveBack(entry, "pull request \(Names.shown(url)) was closed", [], counted: false, &report)
        }
        try wait(entry, "pull request \(url) is open", nil, &report, again: true)
    }

    /// Opens a request, or finds the one that is open. Its URL, else what a person is to do.
    private func openRequest(_ entry: Entry, _ remote: Remote, _ name: String) throws -> (url: String?, why: String) {
        let header = try bus.header(entry.id)
        let base = String(remote.branch.dropFirst("refs/heads/".count))
        let why = "'\(name)' is pushed to '\(remote.name)': open a pull request of it to '\(base)'"
        guard let found = try gh(["pr", "view", name, "--json", "state,url", "--jq", "select(.state == \"OPEN\").url"]) else { return (nil, why) }
        if found.status == 0, let url = Queue.url(in: found.text) { return (url, "") }
        var body = header?.body ?? []
        if String(validating: body, as: UTF8.self) == nil { body = [] }
        let made = try gh(["pr", "create", "--head", name, "--base", base, "--title", header?.title ?? name, "--body-file", "-"], input: body)
        guard let made, made.status == 0, let url = Queue.url(in: made.text) else {
            return (nil, why + " (gh: \(Names.shown(made?.complaint ?? "not there")))")
        }
        return (url, "")
    }

    private static func url(in text: String) -> String? {
        text.split(whereSeparator: \.isWhitespace).map(String.init).last { $0.hasPrefix("https://") || $0.hasPrefix("http://") }.map(Names.shown)
    }

    /// Runs gh in the main worktree, from which it tells the repository; nil if it is not on PATH.
    private func gh(_ arguments: [String], input: [UInt8] = []) throws -> Program.Result? {
        var program = Program(["gh"] + arguments)
        program.environment = Git.clean.merging(["GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1"]) { $1 }
        if let main = try work.worktrees().first?.path, try Files.exists(main) { program.directory = main }
        program.input = input
        program.ownSession = true
        program.timeout = Queue.patience
        do { return try program.run() } catch let failure as Failure where failure.kind != .bug { return nil }
    }
}
