import Bus
import Git
import Glibc
import Landing
import Processes
import Storage
import SystemPackage

// The directories that agents work in.
extension Team {
    /// The repository's directory as a person sees it: the main worktree, or a bare repository itself.
    package func home() throws -> FilePath {
        let common = git.directory
        if common.lastComponent?.string == ".git" { return common.removingLastComponent() }
        // A submodule's repository lies inside that of the project above it and names its worktree.
        let set = try git.attempt(["config", "core.worktree"])
        return set.status == 0 && !set.text.isEmpty ? common.pushing(FilePath(set.text)).lexicallyNormalized() : common
    }

    /// Where the agent's worktree is to be: `cadre.worktrees`, else beside the repository in `NAME.cadre`.
    func worktreePath(_ name: String) throws -> FilePath {
        let home = try home()
        if let set = settings.string("worktrees") {
            let path = set.hasPrefix("~/") ? (getenv("HOME").map { String(cString: $0) } ?? "") + set.dropFirst(1) : set
            return home.pushing(FilePath(path)).lexicallyNormalized().appending(name)
        }
        return home.removingLastComponent().appending("\(home.lastComponent?.string ?? "project").cadre").appending(
            name)
    }

    // MARK: making

    /// Adds a detached worktree; returns its path and its own git directory.
    func makeWorktree(_ path: FilePath, at commit: String, say: (String) -> Void) throws -> (FilePath, FilePath) {
        guard try !Files.exists(path) else { throw inTheWay(path) }
        try exclude(path, say: say)
        try Files.mkdirs(path.removingLastComponent())
        let result = try git.attempt(["worktree", "add", "-q", "--detach", path.string, commit])
        guard result.status == 0 else {
            throw Failure.unsure("unable to make the worktree '\(path.string)': \(result.trouble)")
        }
        guard let made = try Repository.at(path) else {
            throw Failure.unsure("the new worktree '\(path.string)' was removed")
        }
        return (path, made.gitDirectory)
    }

    func inTheWay(_ path: FilePath) -> Failure { .no("'\(path.string)' is in the way of the agent's worktree") }

    /// Has git overlook worktrees inside of the main one, which it would take for repositories to be added.
    private func exclude(_ path: FilePath, say: (String) -> Void) throws {
        let home = try home()
        var inside = path
        guard try Files.exists(home.appending(".git")), inside.removePrefix(home), let first = inside.components.first,
            first.string != ".git"
        else { return }
        let worktree = Git(directory: git.directory, worktree: home)
        guard try worktree.attempt(["check-ignore", "-q", "--", inside.string + "/"]).status == 1 else { return }
        // Its parent holds worktrees alone, unless that is the main worktree itself.
        let above = inside.removingLastComponent()
        let line = "/" + (above.isEmpty ? inside : above).string + "/"
        let file = git.directory.appending("info").appending("exclude")
        try Files.mkdirs(file.removingLastComponent())
        let isCut = try Files.readEnd(file, 1).map { !$0.isEmpty && $0 != [10] } ?? false
        try Files.append(Array("\(isCut ? "\n" : "")\(line)\n".utf8), to: file)
        say(
            "worktrees are inside of the repository: '\(Names.shown(line))' was added to .git/info/exclude, so that "
                + "git overlooks them"
        )
    }

    /// Brings what a new worktree needs: the main worktree's equipment, and what `cadre.setup` makes.
    func equip(_ path: FilePath, name: String, port: Int?, say: (String) -> Void) throws {
        try carryOver(to: path)
        try setUp(path, name: name, port: port, say: say)
    }

    /// Copies the main worktree's equipment into a new one.
    private func carryOver(to path: FilePath) throws {
        let home = try home()
        guard try Files.exists(home.appending(".git")) else { return }
        for name in try work.equipment(of: Git(directory: git.directory, worktree: home)) {
            let target = path.pushing(FilePath(name))
            guard target.starts(with: path), try !Files.exists(target) else { continue }
            try Files.mkdirs(target.removingLastComponent())
            try Program(["cp", "-a", "--reflink=auto", "--", home.pushing(FilePath(name)).string, target.string]).run(
                or: "unable to copy '\(Names.shown(name))'")
        }
    }

    private func setUp(_ path: FilePath, name: String, port: Int?, say: (String) -> Void) throws {
        if !settings.unseen.isEmpty {
            try bus.openAsk(
                named: "commands", by: "cadre",
                "'.cadre' brings commands that you have not seen: 'cadre init' shows them and lets them run")
            say("'.cadre' brings commands that are not run before you have seen them: 'cadre init' shows them")
        }
        guard let command = settings.string("setup") else { return }
        var program = Program(["/bin/sh", "-c", command])
        program.directory = path
        program.environment = Git.clean.merging(["CADRE_PORT": port.map { "\($0)" } ?? "", "CADRE_NAME": name]) { $1 }
        program.timeout = 1800
        program.ownGroup = true
        let result = try program.run()
        guard result.status == 0 else { throw Failure.no("cadre.setup failed for '\(name)': \(result.complaint)") }
        guard let made = try Repository.at(path) else {
            throw Failure.no("cadre.setup removed the worktree of '\(name)'")
        }
        try work.recordSetup(name, in: Git(directory: made.gitDirectory, worktree: path))
    }

    // MARK: bringing back

    // Making a worktree again that was paused or removed:
    //
    //   1  the card says that the worktree must be equipped     Equip: yes
    //   2  if git's directory of it is left, with HEAD and index: the index's files are written beside its place, and
    //      renamed there; else a new worktree is added at the paused commit, or at the target
    //   3  the card names both directories
    //   4  files and submodules that were set aside come back, then the main worktree's equipment; then the setup runs
    //   5  the card says that it is equipped
    //
    // After a crash before 5 the next start of the agent goes on: each step looks at what is there.

    /// Makes the agent's worktree again if it is not there, and mends what a move has left of it. Throws `Failure.no`
    /// if what is there is not proved to be the agent's.
    package func restoreWorktree(_ name: String, say: (String) -> Void = { _ in }) throws {
        var agent = try agent(name)
        guard agent.worktree != nil else { return }
        if case .whole = try work.condition(agent) {
        } else if try work.mend(agent, usual: worktreePath(name)) {
            agent = try self.agent(name)
        }
        guard let path = agent.worktree else { return }
        if try !Files.exists(path) {
            try bus.editCard(name) { $0.equip = .yes }
            let directory =
                try rebuild(agent, path)
                ?? {
                    if case .removed = try work.condition(agent) {
                        try work.keep(agent)
                        if let left = agent.git?.directory { try work.keepSubmodules(in: left.appending("modules")) }
                        try work.remove(agent)
                    }
                    let commit = try agent.card.at.flatMap { try git.commit($0) } ?? work.targetCommit()
                    return try makeWorktree(path, at: commit, say: say).1
                }()
            try bus.editCard(name) {
                $0.gitDir = directory
                $0.at = nil
            }
            agent = try self.agent(name)
            if let git = agent.git, try git.branch() == nil,
                let held = try bus.claims().first(where: { $0.owner == name }), try bus.branch(held.id) != nil
            {
                // Where it can't, the start says so once more, and the agent is told.
                do { try work.enter(held.id, git, start: agent.card.base) } catch let failure as Failure
                    where failure.kind == .no
                { say(failure.message) }
            }
        } else {
            try work.requireOwn(agent)
        }
        guard agent.card.equip != nil, let worktree = agent.git else { return }
        let kept = bus.kept(name)
        if try Files.exists(kept) {
            try Program(["cp", "-a", "--", kept.string + "/.", path.string]).run(
                or: "unable to bring back the files of '\(name)'")
            try Files.removeAll(kept)
        }
        let modules = bus.keptModules(name)
        if try Files.exists(modules) {
            try carry(modules, to: worktree.directory.appending("modules"))
            // Without the network: what was there is. What else it takes is the setup's.
            _ = try worktree.attempt([
                "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--no-fetch",
            ])
        }
        try equip(path, name: name, port: agent.card.port, say: say)
        try bus.editCard(name) {
            $0.equip = nil
            $0.at = nil
        }
    }

    /// Writes the files of a worktree's index again, where git's directory of it is left; nil if it is not, or is of no
    /// use.
    private func rebuild(_ agent: AgentView, _ path: FilePath) throws -> FilePath? {
        guard agent.card.at == nil, let directory = agent.git?.directory, try Files.exists(directory),
            try Git(common: directory).commit("HEAD") != nil
        else { return nil }
        let link = Array("gitdir: \(directory.string)\n".utf8)
        let beside = path.removingLastComponent().appending(".\(agent.name).new")
        if try Files.exists(beside) {
            // Of one who was killed: with a link to this worktree's git directory in it, or empty.
            if try Files.read(beside.appending(".git")) == link {
                try Files.removeAll(beside)
            } else if try !Files.rmdir(beside) {
                throw inTheWay(beside)
            }
        }
        try Files.mkdirs(beside)
        try Files.write(link, to: beside.appending(".git"), sync: false, mode: 0o644)
        let worktree = Git(directory: directory, worktree: beside)
        for lock in ["index.lock", "HEAD.lock"] { try Files.unlink(directory.appending(lock)) }
        if try !Files.exists(directory.appending("index")) { try worktree.run(["read-tree", "HEAD"]) }
        guard try worktree.attempt(["checkout-index", "-a", "-f"]).status == 0 else {
            try Files.removeAll(beside)
            return nil
        }
        try TaskBranches.tell(directory, path)
        guard try Files.renameNew(beside, path) else { throw inTheWay(path) }
        _ = try Git(directory: directory, worktree: path).attempt(["update-index", "-q", "--refresh"])
        return directory
    }

    /// Moves a directory, to another file system if need be; what is there already stays.
    func carry(_ from: FilePath, to: FilePath) throws {
        if try Files.exists(from), try !Files.exists(to) {
            do { if try Files.rename(from, to) { return } } catch is Failure {}
        }
        try Files.mkdirs(to)
        try Program(["cp", "-a", "-n", "--", from.string + "/.", to.string]).run(or: "unable to move '\(from.string)'")
        try Files.removeAll(from)
    }

    /// The worktree that an agent is to work in, made again if it was removed while the agent lives; nil if it has
    /// none.
    package func standingWorktree(_ name: String) throws -> Git? {
        let agent = try agent(name)
        switch try work.condition(agent) {
        case .none, .whole, .moved, .strange: return agent.git
        case .removed, .forgotten, .unlinked:
            try restoreWorktree(name)
            return try self.agent(name).git
        }
    }
}

extension Program {
    /// Runs it; throws `Failure.unsure` with these words and what it said if it fails.
    func run(or words: String) throws {
        let result = try run()
        guard result.status == 0 else { throw Failure.unsure("\(words): \(result.complaint)") }
    }
}
