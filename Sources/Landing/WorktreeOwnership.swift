import Bus
import Git
import Glibc
import Storage
import SystemPackage

// Which worktree is an agent's. A card is a file that anybody may have written, so what it says is believed only where
// the disk says the same: a worktree is ours if
//
//   - its git directory, as the card names it, is one of this repository's `worktrees/`,
//   - that git directory's `gitdir` names the worktree (gitrepository-layout(5)), and
//   - the worktree's `.git` is a file that names the git directory.
//
// Nothing else is ever removed with what is in it, nor worked in.
extension TaskBranches {
    package enum Condition {
        /// The agent has no worktree by its card.
        case none
        case whole
        /// It was removed; its git directory is there, and names the path still.
        case removed
        /// It was removed, and git has forgotten it.
        case forgotten
        /// Its `.git` was removed, perhaps with all else in it; its git directory names it still.
        case unlinked
        /// The repository was moved, or the worktree: what names the other names a place that is no more.
        case moved
        /// It is not proved to be this agent's: why.
        case strange(String)
    }

    /// How the agent's worktree is.
    package func condition(_ agent: AgentView) throws -> Condition {
        guard let place = agent.worktree, let named = agent.card.gitDir else { return .none }
        let here = worktreesDirectory.appending(named.lastComponent?.string ?? "x")
        guard try TaskBranches.same(named, here) else {
            let wasOurs = named.removingLastComponent().lastComponent?.string == "worktrees"
            return try wasOurs && !Files.exists(named) && Files.exists(here)
                ? .moved : .strange("'\(named.string)' is no git directory of a worktree of this repository")
        }
        let back = try TaskBranches.link(named.appending("gitdir"), from: named)
        guard try Files.status(place) != nil else {
            guard let back else { return .forgotten }
            return try TaskBranches.same(back, place.appending(".git")) ? .removed : .moved
        }
        let dot = place.appending(".git")
        let link = try Files.status(dot)
        // Whoever was killed as it was written again, or had no room, has left it empty.
        let isBroken = link == nil || link!.st_mode & S_IFMT == S_IFREG && link!.st_size == 0
        if isBroken, let back, try TaskBranches.same(back, dot) { return .unlinked }
        guard let link, link.st_mode & S_IFMT == S_IFREG,
            let forth = try TaskBranches.link(dot, from: place, after: "gitdir: ")
        else {
            return .strange("'\(place.string)' is no linked worktree")
        }
        guard try TaskBranches.same(forth, named) else {
            let isStale = try !Files.exists(forth) && forth.lastComponent == named.lastComponent && Files.exists(named)
            return isStale ? .moved : .strange("'\(place.string)' is a worktree of '\(forth.string)'")
        }
        guard let back else { return .strange("git knows no worktree in '\(place.string)'") }
        guard try TaskBranches.same(back, dot) else {
            return try Files.exists(back)
                ? .strange("'\(named.string)' is that of '\(back.removingLastComponent().string)'") : .moved
        }
        return .whole
    }

    var worktreesDirectory: FilePath { repository.directory.appending("worktrees") }

    /// The path that a file names, all of it, made absolute; nil if there is no such file or line.
    static func link(_ file: FilePath, from directory: FilePath, after word: String = "") throws -> FilePath? {
        guard let bytes = try Files.read(file) else { return nil }
        // A path may have newlines in it.
        let line = String(
            decoding: bytes[..<(bytes.lastIndex { $0 != 10 && $0 != 13 }.map { $0 + 1 } ?? 0)], as: UTF8.self)
        guard line.hasPrefix(word), line.count > word.count else { return nil }
        return directory.pushing(FilePath(String(line.dropFirst(word.count)))).lexicallyNormalized()
    }

    /// Tells a worktree's directory of git's where its worktree is: whole or not at all, since git forgets one that
    /// names none.
    package static func tell(_ directory: FilePath, _ place: FilePath) throws {
        let new = directory.appending("gitdir.new")
        try Files.write(Array("\(place.appending(".git").string)\n".utf8), to: new, sync: false, mode: 0o644)
        _ = try Files.rename(new, directory.appending("gitdir"))
    }

    /// Whether two paths are of one file, or would be if it were there.
    static func same(_ one: FilePath, _ other: FilePath) throws -> Bool {
        func real(_ path: FilePath) -> FilePath {
            let above = path.removingLastComponent()
            guard let found = above.withPlatformString({ realpath($0, nil) }), let last = path.lastComponent else {
                return path
            }
            defer { free(found) }
            return FilePath(platformString: found).appending(last)
        }
        return real(one) == real(other)
    }

    /// Throws `Failure.no` unless the agent's worktree is proved to be its own, and of no other agent.
    package func requireOwn(_ agent: AgentView) throws {
        if case .strange(let why) = try condition(agent) {
            throw Failure.no(
                "the worktree of '\(agent.name)' is not proved to be its own: \(why): set Worktree and GitDir in "
                    + "'\(bus.card(agent.name).string)' right"
            )
        }
        for other in try bus.agentNames() where other != agent.name {
            guard let card = try bus.agent(named: other)?.card, let place = agent.card.worktree else { continue }
            guard card.worktree != place, card.gitDir == nil || card.gitDir != agent.card.gitDir else {
                throw Failure.no("'\(place)' is the worktree of '\(other)' as well as of '\(agent.name)'")
            }
        }
    }

    // MARK: removing

    /// Removes an agent's worktree, with all that is in it, and git's directory of it. Throws `Failure.no` if it is not
    /// proved to be the agent's; what is to be kept was kept before.
    package func remove(_ agent: AgentView) throws {
        try requireOwn(agent)
        guard let place = agent.worktree else { return }
        switch try condition(agent) {
        case .strange: return
        case .none, .forgotten: try clearAside(place)
        case .moved, .unlinked:
            throw Failure.unsure(
                "git's links to the worktree of '\(agent.name)' and back are broken: 'cadre up' mends them")
        case .removed, .whole:
            guard let named = agent.card.gitDir else { return }
            try remove(place, named)
        }
        try Files.rmdir(place.removingLastComponent())
    }

    /// Removes a worktree that is proved ours. It is renamed first, so that nobody ever finds half of it: what is left
    /// of one whose removal was cut short, under that other name, goes with the next. What may not be written in is
    /// made writable.
    func remove(_ place: FilePath, _ directory: FilePath) throws {
        try clearAside(place)
        _ = try Files.rename(place, aside(place))
        if try repository.attempt(["worktree", "remove", "--force", "--force", place.string]).status != 0 {
            try Files.removeAll(directory)
        }
        try clearAside(place)
    }

    /// Where a worktree is while it is removed.
    private func aside(_ place: FilePath) -> FilePath {
        place.removingLastComponent().appending(".\(place.lastComponent?.string ?? "worktree").old")
    }

    private func clearAside(_ place: FilePath) throws {
        try Files.makeWritable(aside(place))
        try Files.removeAll(aside(place))
    }

    /// Removes the worktree that a spawn made at a place where nothing was, if it made it: one of this repository's, on
    /// no branch.
    package func removeDraft(_ place: FilePath) throws {
        for name in try Files.list(worktreesDirectory) ?? [] {
            let directory = worktreesDirectory.appending(name)
            guard let back = try TaskBranches.link(directory.appending("gitdir"), from: directory),
                try TaskBranches.same(back, place.appending(".git")),
                try isHalfMade(directory) || Git(common: directory).branch() == nil
            else { continue }
            if try Files.exists(place) {
                guard let forth = try TaskBranches.link(place.appending(".git"), from: place, after: "gitdir: "),
                    try TaskBranches.same(forth, directory)
                else { continue }
            }
            try remove(place, directory)
        }
        try Files.rmdir(place.removingLastComponent())
    }

    /// Whether git was killed as it made a worktree: what leads from its own directory to the repository's is written
    /// last.
    private func isHalfMade(_ directory: FilePath) throws -> Bool {
        try Files.status(directory.appending("commondir"))?.st_size ?? 0 == 0
    }

    /// Worktrees of which every git dies that lists them (see `Program.Result.halfMade`), and that none makes any more.
    package func halfMade() throws -> [FilePath] {
        try (Files.list(worktreesDirectory) ?? []).map { worktreesDirectory.appending($0) }.filter {
            guard let status = try Files.status($0.appending("commondir")) else { return false }
            return status.st_size == 0 && Time.now() - status.st_mtim.tv_sec > 2
        }
    }

    // MARK: mending

    /// Mends what a move of the repository or of a worktree, or a removal cut short, has left of an agent's: git's two
    /// files that name each other, and the card. The worktree is looked for where the card says, where git says, and at
    /// `usual`. One that belongs to another repository, as that of a copied one's agent does, is left alone: a new one
    /// is made at `usual` then. Returns whether anything was changed.
    package func mend(_ agent: AgentView, usual: FilePath) throws -> Bool {
        guard let place = agent.worktree, let named = agent.card.gitDir,
            let id = named.lastComponent,
            named.removingLastComponent().lastComponent?.string == "worktrees"
        else { return false }
        let directory = worktreesDirectory.appending(id.string)
        let stays = try TaskBranches.same(named, directory)
        guard try Files.exists(directory) else {
            // Forgotten by git: it is made anew where it is to be.
            guard try !stays && !Files.exists(named) else { return false }
            return try change(agent, usual, directory)
        }
        if case .unlinked = try condition(agent) {
            // Of one without files they are written again.
            if try Files.rmdir(place) { return true }
            try Files.write(
                Array("gitdir: \(directory.string)\n".utf8), to: place.appending(".git"), sync: false, mode: 0o644)
            return true
        }
        let back = try TaskBranches.link(directory.appending("gitdir"), from: directory)?.removingLastComponent()
        for candidate in [place, back, usual].compactMap({ $0 }) {
            let dot = candidate.appending(".git")
            guard let status = try Files.status(dot), status.st_mode & S_IFMT == S_IFREG,
                let forth = try TaskBranches.link(dot, from: candidate, after: "gitdir: "), forth.lastComponent == id
            else { continue }
            let isOurs = try TaskBranches.same(forth, directory)
            guard try isOurs || !Files.exists(forth) else { continue }
            let namesIt = try back.map { try TaskBranches.same($0.appending(".git"), dot) } ?? false
            if !isOurs || !namesIt { try repository.run(["worktree", "repair", candidate.string]) }
            return try change(agent, candidate, stays ? named : directory)
        }
        // It is nowhere: made anew from git's directory, where the card says or, after a move, where it is to be. Git
        // is told so, as of any worktree that was removed.
        let wanted = stays ? place : usual
        let isTold = try back.map { try TaskBranches.same($0.appending(".git"), wanted.appending(".git")) } ?? true
        if !isTold { try TaskBranches.tell(directory, wanted) }
        return try change(agent, wanted, stays ? named : directory) || !isTold
    }

    private func change(_ agent: AgentView, _ place: FilePath, _ directory: FilePath) throws -> Bool {
        guard agent.card.worktree != place || agent.card.gitDir != directory else { return false }
        try bus.editCard(agent.name) {
            $0.worktree = place
            $0.gitDir = directory
        }
        return true
    }
}
