import Bus
import CSys
import Glibc
import Processes
import SystemPackage

// The gate: commands that must pass in exactly the tree that is to land, one after the other, in the runner's own
// worktree. It is reset to the tree and cleaned of everything else first. What they said is kept by tree and gate, so
// no tree is run twice; the candidate's commit was made before, so nothing that a gate changes can land.
//
// The commands run code of agents: with an environment without the bus, tmux and git, behind `cadre.sandbox` if it is
// set, in a process group of their own. When a command ends, whatever it left running is ended, and by the next runner
// if this one is killed meanwhile: all of it carries `$GATE_OF`, and the runner adopts what loses its parent.
extension Queue {
    static let gateTimeout = 1800

    struct Verdict {
        var passed: Bool
        /// Why it failed, in a line.
        var why: String?
        /// The last lines that it printed.
        var output: [UInt8]
    }

    /// What the gate said of a tree before; nil if it did not run.
    func known(_ tree: String) throws -> Verdict? {
        try bus.verdict(tree, gateName()).map { Verdict(passed: $0["Result"] == "pass", why: $0["Why"], output: $0.body) }
    }

    /// Runs the gate on a commit, unless it ran on that tree before. `again`: a tree that failed once is run once more;
    /// if it passes then, the gate is flaky.
    func gate(_ commit: String, _ tree: String, again: Bool) throws -> Verdict {
        let gate = try gateName()
        while true {
            let before = try bus.verdict(tree, gate)
            let runs = before?.int("Runs") ?? 0
            if let before, before["Result"] == "pass" || !again || runs > 1 {
                return Verdict(passed: before["Result"] == "pass", why: before["Why"], output: before.body)
            }
            var verdict = try run(commit, tree, gate)
            verdict["Runs"] = "\(runs + 1)"
            if runs > 0, verdict["Result"] == "pass" {
                verdict["Flaky"] = before?["Why"]
                bus.journal("flaky", by: "cadre", ["commit": commit, "why": before?["Why"] ?? ""])
                try bus.noteFlaky(tree, before?["Why"] ?? "")
            }
            try bus.setVerdict(tree, gate, verdict)
        }
    }

    /// Runs the gate's commands in the tree, and says what came of it.
    private func run(_ commit: String, _ tree: String, _ gate: String) throws -> Record {
        let commands = settings.list("gate")
        let log = bus.gateLog(tree, gate)
        var why: String?
        var output: [UInt8] = []
        let begin = Time.monotonic()
        if !commands.isEmpty {
            let worktree = try prepare(commit, tree)
            try Files.mkdirs(bus.mergeLogs)
            try Files.write([], to: log, sync: false)
            for command in commands {
                why = try run(command, in: worktree, log)
                if why != nil { break }
            }
            output = try Queue.tail(log)
        }
        var record = Record()
        record["Result"] = why == nil ? "pass" : "fail"
        record["Why"] = why
        record["Time"] = "\(Time.now())"
        record["Seconds"] = "\(Int(Time.monotonic() - begin))"
        record["Commands"] = "\(commands.count)"
        record.body = output
        return record
    }

    /// What the gate last said of an entry's work, alone or among others, and where all of it is; nil if it did not run.
    public static func gateOutput(_ bus: Bus, _ entry: Entry) throws -> (verdict: Record, log: FilePath)? {
        guard let gate = entry.record["Gate"] else { return nil }
        for key in ["Top-Tree", "Tree"] {
            guard let tree = entry.record[key], let verdict = try bus.verdict(tree, gate) else { continue }
            return (verdict, bus.gateLog(tree, gate))
        }
        return nil
    }

    /// An object id of the commands: the same commands, the same name.
    func gateName() throws -> String {
        if let name = gateNamed.name { return name }
        let all = settings.list("gate") + [settings.string("sandbox") ?? ""]
        let name = try git.run(["hash-object", "--stdin"], input: Array(all.joined(separator: "\0").utf8)).text
        gateNamed.name = name
        return name
    }

    /// The commands don't change while a queue is looked at.
    final class GateName { var name: String? }

    /// Nil if the command passed, else why not.
    private func run(_ command: String, in worktree: FilePath, _ log: FilePath) throws -> String? {
        try Files.append(Array("$ \(command)\n".utf8), to: log)
        let fd = log.withPlatformString { csys_open($0, O_WRONLY | O_APPEND | O_CLOEXEC, 0) }
        guard fd >= 0 else { throw Failure.unsure("unable to open '\(log.string)': \(String(cString: strerror(errno)))") }
        defer { close(fd) }
        let shell = ["/bin/sh", "-c", command]
        var program = Program(settings.string("sandbox").map { ["/bin/sh", "-c", "exec \($0) \"$@\"", "sh"] + shell } ?? shell)
        program.directory = worktree
        program.environment = Program.without { $0.hasPrefix("CADRE_") || $0.hasPrefix("TMUX") || $0.hasPrefix("GIT_") }
        program.environment["GATE_OF"] = bus.root.string
        program.log = fd
        program.ownGroup = true
        let timeout = try settings.seconds("gateTimeout", Queue.gateTimeout)
        program.timeout = Double(timeout)
        _ = csys_set_subreaper()
        let result = try program.run()
        try endLeftovers()
        if result.timedOut { return "gate '\(Names.shown(command))' took longer than \(timeout) seconds" }
        return result.status == 0 ? nil : "gate '\(Names.shown(command))' failed with \(result.status)"
    }

    var gateMark: [String] { ["GATE_OF=\(bus.root.string)"] }

    /// Ends what the gate left running. We have no other children.
    private func endLeftovers() throws {
        let end = Time.monotonic() + 10
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid > 0 { continue }
            if pid < 0, errno == ECHILD { break }
            let left = Tree.descendants(of: getpid())
            for process in left { process.signal(SIGKILL) }
            Tree.wait(left, seconds: 1)
            guard Time.monotonic() < end else { throw Failure.unsure("what the gate started does not end") }
        }
        try Tree.end(gateMark, of: "the gate")
    }

    // MARK: the runner's worktree

    /// Resets the worktree to exactly this commit; makes it if need be.
    private func prepare(_ commit: String, _ tree: String) throws -> FilePath {
        let path = bus.mergeWorktree
        if try Files.exists(path.appending(".git")), try reset(path, commit, tree) { return path }
        // Not there, half made by a runner that was killed, or broken by a gate.
        try Files.removeAll(path)
        try git.run(["worktree", "prune"])
        try git.run(["worktree", "add", "-q", "--detach", "--no-checkout", path.string, commit])
        guard try reset(path, commit, tree, fresh: true) else { throw Failure.unsure("unable to make the tree '\(tree)' in '\(path.string)'") }
        return path
    }

    /// False if the worktree can't be brought to the tree. A checkout that is fresh is the tree as git makes it, even
    /// where filters make git think otherwise.
    private func reset(_ path: FilePath, _ commit: String, _ tree: String, fresh: Bool = false) throws -> Bool {
        guard let found = try? Repository.find(from: path, plain: true), found.commonDirectory == git.directory else { return false }
        let worktree = Git(directory: found.gitDirectory, worktree: path)
        for lock in ["index.lock", "HEAD.lock"] { try Files.unlink(found.gitDirectory.appending(lock)) }
        let whole = ["-c", "core.sparseCheckout=false"]
        guard try worktree.attempt(whole + ["read-tree", "-u", "--reset", commit]).status == 0,
            try worktree.attempt(["update-ref", "--no-deref", "HEAD", commit]).status == 0,
            try worktree.attempt(["clean", "-q", "-ffdx"]).status == 0,
            try worktree.attempt(["write-tree"]).text == tree
        else { return false }
        return try fresh || worktree.run(whole + ["status", "--porcelain", "--ignored"]).output.isEmpty
    }

    // MARK: logs

    /// The last 200 lines of a log, at most 64 KiB.
    static func tail(_ log: FilePath) throws -> [UInt8] {
        let bytes = try Files.readEnd(log, 65536) ?? []
        return Array(lastLines(bytes, 200).joined(separator: [10])) + (bytes.isEmpty ? [] : [10])
    }

    static func lastLines(_ bytes: [UInt8], _ count: Int) -> ArraySlice<ArraySlice<UInt8>> {
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        if lines.last?.isEmpty ?? false { lines.removeLast() }
        return lines.suffix(count)
    }
}
