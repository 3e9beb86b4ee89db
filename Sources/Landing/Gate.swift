import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// The gate: commands that must pass in exactly the tree that is to land, one after the other or all at once, in the
// runner's own worktree. It is reset to the tree and cleaned of everything else first. What they said is kept by tree
// and gate, so no tree is run twice; the candidate's commit was made before, so nothing that a gate changes can land.
//
// The commands run code of agents: with an environment without the bus, tmux and git, behind `cadre.sandbox` if it is
// set, and so that they can't but end (see ProcessGroup). If the runner is killed meanwhile the next one ends them: all
// of it carries `$GATE_OF`.
extension MergeRunner {

    struct Verdict {
        var passed: Bool
        /// Why it failed, in a line.
        var why: String?
        /// The last lines that it printed.
        var output: [UInt8]
    }

    /// What the gate said of a tree before; nil if it did not run.
    func known(_ tree: String) throws -> Verdict? {
        try bus.verdict(tree, gateName()).map {
            Verdict(passed: $0.result == .pass, why: $0.why, output: $0.body)
        }
    }

    /// Runs the gate on a commit, unless it ran on that tree before. `again`: a tree that failed once is run once more;
    /// if it passes then, the gate is flaky.
    func gate(_ commit: String, _ tree: String, again: Bool) throws -> Verdict {
        let gate = try gateName()
        while true {
            let before = try bus.verdict(tree, gate)
            let runs = before?.runs ?? 0
            if let before, before.result == .pass || !again || runs > 1 {
                return Verdict(passed: before.result == .pass, why: before.why, output: before.body)
            }
            var verdict = try run(commit, tree, gate)
            verdict.runs = runs + 1
            if runs > 0, verdict.result == .pass {
                verdict.flaky = before?.why
                bus.journal("flaky", by: "cadre", ["commit": commit, "why": before?.why ?? ""])
                try bus.noteFlaky(tree, before?.why ?? "")
            }
            try bus.setVerdict(tree, gate, verdict)
        }
    }

    /// Runs the gate's commands in the tree, and says what came of it.
    private func run(_ commit: String, _ tree: String, _ gate: String) throws -> GateVerdict {
        let commands = settings.list("gate")
        let log = bus.gateLog(tree, gate)
        var failed: (why: String, output: [UInt8])?
        var output: [UInt8] = []
        let begin = Time.monotonic()
        if !commands.isEmpty {
            let worktree = try prepare(commit, tree)
            try ProcessGroup.endChildren()
            try Files.mkdirs(bus.mergeLogs)
            try Files.write([], to: log, sync: false)
            for group in try settings.flag("gateParallel") ? [commands] : commands.map({ [$0] }) {
                failed = try run(group, in: worktree, log)
                if failed != nil { break }
            }
            output = try failed?.output ?? MergeRunner.tail(log)
        }
        var record = GateVerdict()
        record.result = failed == nil ? .pass : .fail
        record.why = failed?.why
        record.time = Time.now()
        record.seconds = Int(Time.monotonic() - begin)
        record.commands = commands.count
        record.body = output
        return record
    }

    /// What the gate last said of an entry's work, alone or among others, and where all of it is; nil if it did not
    /// run.
    package static func gateOutput(_ bus: Bus, _ entry: Entry) throws -> (verdict: GateVerdict, log: FilePath?)? {
        guard let gate = entry.record.gate else { return nil }
        for tree in [entry.record.topTree, entry.record.tree] {
            guard let tree, let verdict = try bus.verdict(tree, gate) else { continue }
            let log = bus.gateLog(tree, gate)
            return (verdict, try Files.exists(log) ? log : nil)
        }
        return nil
    }

    /// An object id of the commands and how they are run: the same gate, the same name.
    func gateName() throws -> String {
        let all =
            try settings.list("gate") + [settings.string("sandbox") ?? ""]
            + (settings.flag("gateParallel") ? ["at once"] : [])
        let text = all.joined(separator: "\0")
        if let name = cache.gates[text] { return name }
        let name = try git.run(["hash-object", "--stdin"], input: Array(text.utf8)).text
        cache.gates[text] = name
        return name
    }

    /// How much of what a gate prints is kept, in bytes. One that prints more is ended, rather than fill the disk.
    static let gateLimit = 256 << 20

    /// Runs commands at once. Nil if all passed, else why not, and the last lines of the first that did not.
    private func run(_ commands: [String], in worktree: FilePath, _ log: FilePath) throws -> (
        why: String, output: [UInt8]
    )? {
        let timeout = try settings.number(.gateTimeout)
        // Those that run beside each other write each into a file of its own first.
        let parts = commands.count == 1 ? [log] : commands.indices.map(bus.gatePart)
        var programs: [Program] = []
        defer { for program in programs { if let log = program.log { close(log) } } }
        for (command, part) in zip(commands, parts) {
            if part != log { try Files.unlink(part) }
            try Files.append(Array("\(try isWithinLine(part) ? "\n" : "")$ \(command)\n".utf8), to: part)
            var program = program(command)
            program.directory = worktree
            program.timeout = Double(timeout)
            program.log = try Files.openToAppend(part).rawValue
            programs.append(program)
        }
        let ends = try ProcessGroup.run(programs, limit: MergeRunner.gateLimit)
        try Tree.end(MergeRunner.gateMark(bus), of: "the gate", bus)
        var why: [String] = []
        var output: [UInt8] = []
        for (n, part) in parts.enumerated() {
            let words: String
            switch ends[n] {
            case .passed: words = ""
            case .failed(let code): words = "failed with \(code)"
            case .tookTooLong: words = "took longer than \(timeout) seconds"
            case .printedTooMuch: words = "printed more than \(MergeRunner.gateLimit >> 20) MB"
            case .ended: words = "ended, since another one failed"
            }
            switch ends[n] {
            case .passed, .failed: break
            case .tookTooLong, .printedTooMuch, .ended:
                try Files.append(Array("\(try isWithinLine(part) ? "\n" : "")cadre: \(words)\n".utf8), to: part)
            }
            if ends[n] != .passed, ends[n] != .ended {
                if why.isEmpty { output = try MergeRunner.tail(part) }
                why.append("gate '\(Names.shown(commands[n]))' \(words)")
            }
            guard part != log else { continue }
            if try isWithinLine(part) { try Files.append([10], to: part) }
            try Files.append(contentsOf: part, to: log)
            try Files.unlink(part)
        }
        guard !why.isEmpty || ends.allSatisfy({ $0 == .passed }) else { throw Failure.unsure("the gate was ended") }
        return why.isEmpty ? nil : (why.joined(separator: "; "), output)
    }

    /// The command in a shell, behind the sandbox if there is one. Its parent is another shell of its own group, which
    /// it may kill: it would be us.
    private func program(_ command: String) -> Program {
        let sandbox = settings.string("sandbox").map { $0 + " " } ?? ""
        var program = Program(["/bin/sh", "-c", sandbox + "\"$@\"; exit $?", "sh", "/bin/sh", "-c", command])
        program.environment = Environment.gate.merging(["GATE_OF": bus.root.string]) { $1 }
        return program
    }

    private func isWithinLine(_ file: FilePath) throws -> Bool {
        try Files.readEnd(file, 1).map { $0 != [10] && !$0.isEmpty } ?? false
    }

    package static func gateMark(_ bus: Bus) -> [String] { ["GATE_OF=\(bus.root.string)"] }

    // MARK: the runner's worktree

    /// Resets the worktree to exactly this commit; makes it if need be.
    private func prepare(_ commit: String, _ tree: String) throws -> FilePath {
        let path = bus.mergeWorktree
        if try reset(path, commit, tree) { return path }
        // Not there, half made by a runner that was killed, or broken by a gate. Git knows it still, which is what the
        // force is for: to prune is to forget those of others, too, whose disk is not there now.
        try Files.removeAll(path)
        try git.run(["worktree", "add", "-q", "--force", "--detach", "--no-checkout", path.string, commit])
        guard try reset(path, commit, tree, fresh: true) else {
            throw Failure.unsure("unable to make the tree '\(tree)' in '\(path.string)'")
        }
        return path
    }

    /// False if the worktree can't be brought to the tree. A checkout that is fresh is the tree as git makes it, even
    /// where filters make git think otherwise.
    private func reset(_ path: FilePath, _ commit: String, _ tree: String, fresh: Bool = false) throws -> Bool {
        guard let found = try Repository.at(path), found.commonDirectory == git.directory else { return false }
        let worktree = try own.git(in: path, index: found.gitDirectory.appending("index"))
        for lock in ["index.lock", "HEAD.lock"] { try Files.unlink(found.gitDirectory.appending(lock)) }
        // A file that a gate told git to take as unchanged would stay as the gate left it.
        let files = try worktree.attempt(["ls-files", "-v", "-z"])
        guard
            fresh
                || (files.status == 0 && files.output.split(separator: 0).allSatisfy { $0.first == UInt8(ascii: "H") }),
            try worktree.attempt(["read-tree", "-u", "--reset", commit]).status == 0,
            try detach(Git(common: found.gitDirectory), at: commit),
            try worktree.attempt(["clean", "-q", "-ffdx"]).status == 0,
            try worktree.attempt(["write-tree"]).text == tree
        else { return false }
        // The index is the tree: so are the files, if none differs from it and there is no other.
        return try fresh
            || worktree.run(["ls-files", "--others", "--directory", "--modified", "--deleted"]).output.isEmpty
    }

    /// Has HEAD of the runner's worktree name a commit, which no log needs to tell.
    private func detach(_ worktree: Git, at commit: String) throws -> Bool {
        guard case .detached = try worktree.headFiled() else {
            return try worktree.attempt(["update-ref", "--no-deref", "HEAD", commit]).status == 0
        }
        try bus.replace(worktree.directory.appending("HEAD"), with: Array("\(commit)\n".utf8), sync: false)
        return true
    }

    // MARK: logs

    func forgetLogs(olderThan time: Int) throws {
        for name in try Files.list(bus.mergeLogs) ?? [] {
            let log = bus.mergeLogs.appending(name)
            if let st = try Files.status(log), st.st_mtim.tv_sec < time { try Files.unlink(log) }
        }
    }

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
