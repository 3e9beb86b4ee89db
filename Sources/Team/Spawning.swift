import AgentPrograms
import Bus
import Glibc
import Landing
import Processes
import Storage
import SystemPackage
import Tmux

/// What an agent is to be.
package struct SpawnRequest {
    package var name: String?
    /// A known program's name, else a command for /bin/sh.
    package var program = "sh"
    package var model: String?
    package var role: String?
    package var task: Int?
    package var prompt: [UInt8]?
    package var parent: String?
    package var place = Tmux.Place.window
    /// Without a terminal; `place` does not count then.
    package var headless = false
    package var base: String?
    package var branch: String?
    package var worktree = true
    package var pull = true
    package var auto = false
    /// What runs already and is to be the agent's program.
    package var adopted: Adopted?
    package init() {}
}

// Spawning:
//
//   1  under the spawn lock: limits; a name; agents/NAME/draft, which tells what to undo; a slot
//   2  the worktree, its carried-over files, its setup
//   3  the task: one is made of the prompt, or the given one is reserved for the agent; the draft names it before
//   4  agents/NAME/card: from here on the agent exists
//   5  a tmux pane with its supervisor, which holds the slot from then on
//   6  wait until its program runs
//
// A slot is taken while the spawn that wrote it still runs, so of any number at once no more than the limit get
// past 1. Killed before 4: the draft tells what to undo, see `clearDrafts`. After 4 it is an agent that should run
// and does not, which is started by whoever looks. Where 5 fails all is undone.
extension Team {
    /// Makes an agent and starts it; returns its name.
    package func spawn(_ request: SpawnRequest, by: String, say: (String) -> Void) throws -> String {
        let command = try command(request)
        try warn(of: request, say: say)
        if let task = request.task { try checkFree(task) }
        let commit = try request.worktree ? startCommit(request, fetching: true, say) : nil
        var room = try request.headless || request.adopted != nil ? nil : Room(bus)

        var place = try reservePlace(request, by: by)
        let name = place.name
        do {
            var card = card(of: request, place, command: command, commit: commit, by: by)
            try prepareDirectory(request, place, commit, &card, say: say)
            if request.adopted == nil { try recordEnvironment(of: name, by: by) }
            try reserveTask(request, by: by, commit, &place, &card)
            if let id = request.adopted?.conversation { try bus.editConversation(name) { $0.id = id } }
            try bus.commitDraft(name, card)
            if let reached = try reached(agent(name)) {
                say("\(reached.text): '\(name)' gets no work before it is raised")
            }
            try bus.deciding {
                try room?.look(bus)
                try open(try agent(name), room)
                try bus.handOver(place.slot, to: name)
            }
        } catch {
            // What went wrong is what the caller must hear; what can't be undone now is undone by the next `recover`.
            try? bus.deciding { try undo(name, place.draft) }
            throw error
        }
        try waitForStart(name, after: nil)
        if request.adopted != nil { try welcome(name, say: say) }
        return name
    }

    /// Says what the caller may not expect of the program.
    private func warn(of request: SpawnRequest, say: (String) -> Void) throws {
        if let known = try known(request.program), known.tried.isEmpty,
            try Installation.file("programs/\(known.name)") != nil
        {
            say("'\(known.name)' was never run by cadre's makers: what is known of it comes from its documentation")
        }
        if let why = try unheld(request.program) { say(why) }
        if request.prompt == nil, request.task == nil, let only = try takes(request.program) {
            say(
                "'\(only)' takes only tasks for it ('task add --agent \(only)'), since programs to give a prompt to "
                    + "are here; "
                    + "'git config cadre.program \(only)' has it take any")
        }
    }

    /// What 1 has given a spawn, and its draft as it is on the disk.
    private struct ReservedPlace {
        let name: String
        let slot: Int
        let depth: Int
        var draft: SpawnDraft
    }

    private func reservePlace(_ request: SpawnRequest, by: String) throws -> ReservedPlace {
        try bus.deciding {
            _ = try clearDrafts()
            let depth = try checkLimits(request, by: by)
            let name = try chooseName(request)
            var draft = SpawnDraft()
            if request.worktree {
                let path = try worktreePath(name)
                // What the draft names is removed if this fails.
                guard try !Files.exists(path) else { throw inTheWay(path) }
                draft.worktree = path
            }
            draft.port = try bus.freePort(from: settings.number(.portBase))
            try bus.makeDraft(name, draft)
            guard let slot = try bus.takeSlot(name, limit: settings.number(.maxAgents)) else {
                try bus.dropDraft(name)
                throw Failure.no("limit reached: \(try settings.number(.maxAgents)) agents run (cadre.maxAgents)")
            }
            return ReservedPlace(name: name, slot: slot, depth: depth, draft: draft)
        }
    }

    /// The card, as far as the request has it.
    private func card(
        of request: SpawnRequest, _ place: ReservedPlace, command: String, commit: String?, by: String
    ) -> AgentCard {
        var card = AgentCard()
        card.program = request.program
        card.command = command
        card.model = request.model
        card.role = request.role
        card.parent = request.parent
        card.depth = place.depth
        card.place =
            request.headless ? AgentView.headless : request.place == .window ? nil : request.place.rawValue
        card.pull = request.pull ? nil : .no
        card.auto = request.auto ? .yes : nil
        card.base = request.base.flatMap { _ in commit }
        card.body = request.prompt ?? []
        card.by = by
        let now = Time.micros()
        card.created = now / 1_000_000
        card.micros = now % 1_000_000
        card.port = place.draft.port
        return card
    }

    /// Its worktree at a commit, or where else it works.
    private func prepareDirectory(
        _ request: SpawnRequest, _ place: ReservedPlace, _ commit: String?, _ card: inout AgentCard,
        say: (String) -> Void
    ) throws {
        guard let commit else {
            card.directory = try (request.adopted?.directory).map { FilePath($0) } ?? home()
            card.adopted = request.adopted?.field
            return
        }
        let (path, directory) = try makeWorktree(
            place.draft.worktree ?? worktreePath(place.name), at: commit, say: say)
        card.worktree = path
        card.gitDir = directory
        try equip(path, name: place.name, port: card.port, say: say)
    }

    /// Makes a task of the prompt, or reserves the one that was asked for, with the branch that it is to have.
    private func reserveTask(
        _ request: SpawnRequest, by: String, _ commit: String?, _ place: inout ReservedPlace, _ card: inout AgentCard
    ) throws {
        let name = place.name
        if let task = request.task {
            place.draft.task = task
            try bus.makeDraft(name, place.draft)
            try bus.edit(task, by: by) {
                $0.to = name
                $0.toUntil = Time.now() + Team.reservation
            }
            card.task = task
        } else if let prompt = request.prompt {
            var header = TaskHeader(title: Team.title(prompt))
            header.to = name
            header.toUntil = Time.now() + Team.reservation
            header.program = try known(request.program)?.name
            header.body = prompt
            if !request.worktree { header.merge = false }
            card.task = try bus.add(header, by: by) { id in
                card.prompted = id
                place.draft.task = id
                place.draft.made = .yes
                try bus.makeDraft(name, place.draft)
            }
        }
        if let branch = request.branch, let task = card.task, let commit { try adopt(branch, task, commit) }
    }

    /// What a spawn would do, in lines for a person.
    package func plan(_ request: SpawnRequest, by: String) throws -> [String] {
        if let task = request.task { try checkFree(task) }
        let commit = try request.worktree ? startCommit(request) : nil
        return try bus.deciding {
            let depth = try checkLimits(request, by: by)
            let name = try chooseName(request)
            var lines = [name, "program: \(try command(request))", "depth: \(depth)"]
            if request.adopted == nil {
                do { try requireProgram(request) } catch let failure as Failure where failure.kind == .no {
                    lines.append(failure.message)
                }
            }
            if let commit { lines.append("worktree: \(try worktreePath(name).string) at \(commit.prefix(12))") }
            if let adopted = request.adopted { lines.append("process: \(adopted.process.pid) in pane \(adopted.pane)") }
            if let task = request.task {
                lines.append("task: \(task)")
            } else if request.prompt != nil {
                lines.append("task: a new one")
            }
            lines.append("slots: \(try bus.slotsTaken()) of \(try settings.number(.maxAgents)) taken")
            return lines
        }
    }

    // MARK: deciding

    /// How long a task waits for the agent that is being made for it, in seconds; a spawn killed meanwhile must not
    /// bind it for ever.
    private static let reservation = 600

    /// The agent's depth, if it may be: maxAgents binds everybody (see `takeSlot`), the others bind agents.
    private func checkLimits(_ request: SpawnRequest, by: String) throws -> Int {
        _ = try settings.choice("restart", RestartPolicy.names, RestartPolicy.onFailure.rawValue)
        var depth = 1
        if let parent = request.parent {
            guard let agent = try bus.agent(named: parent) else { throw bus.noAgent(parent) }
            depth = (agent.card.depth ?? 1) + 1
        }
        guard by != "human", try bus.agent(named: by) != nil, let parent = request.parent else { return depth }
        guard try parent == by || bus.isAbove(by, parent) else { throw Failure.no("'\(by)' is not above '\(parent)'") }
        let maxDepth = try settings.number(.maxDepth)
        guard depth <= maxDepth else {
            throw Failure.no("limit reached: depth \(depth), cadre.maxDepth is \(maxDepth)")
        }
        let maxChildren = try settings.number(.maxChildren)
        let children = try bus.agentNames().filter { try bus.agent(named: $0)?.parent == parent }.count
        guard children < maxChildren else {
            throw Failure.no("limit reached: '\(parent)' has \(children) children (cadre.maxChildren)")
        }
        let rate = try settings.number(.spawnRate)
        guard try bus.noteSpawn(by, limit: rate) else {
            throw Failure.no("limit reached: \(rate) spawns a minute (cadre.spawnRate)")
        }
        return depth
    }

    private func chooseName(_ request: SpawnRequest) throws -> String {
        if let name = request.name {
            guard try !bus.nameTaken(name) else {
                throw Failure.no("there is an agent '\(name)' already: choose another name, or 'cadre retire \(name)'")
            }
            return name
        }
        let first = request.program.split(whereSeparator: { $0 == " " || $0 == "/" }).first.map(String.init) ?? ""
        let stem = Names.isName(first) && first.utf8.count <= 20 ? first : "agent"
        var number = 1
        while try bus.nameTaken("\(stem)\(number)") { number += 1 }
        return "\(stem)\(number)"
    }

    private func checkFree(_ id: Int) throws {
        let view = try bus.view(id)
        guard view.state == .ready || view.state == .blocked || view.state == .deferred else {
            throw Failure.no("task \(id) is \(try bus.explain(view))")
        }
        if let to = view.header.to { throw Failure.no("task \(id) is for '\(to)'") }
    }

    // MARK: making

    /// Where the agent begins; `fetching` a remote's branch first, if that is due: what hinders that is said.
    func startCommit(_ request: SpawnRequest, fetching: Bool = false, _ say: (String) -> Void = { _ in }) throws
        -> String
    {
        guard let base = request.base else {
            if fetching, let why = try work.refresh() { say(why) }
            return try work.front()
        }
        guard let commit = try (fetching ? work.fetched(base, say: say) : nil) ?? git.commit(base) else {
            throw Failure.usage("no commit '\(Names.shown(base))'")
        }
        return commit
    }

    /// The command line of a program, for /bin/sh.
    func command(_ request: SpawnRequest) throws -> String {
        guard let known = try known(request.program) else {
            guard request.program != "sh" else {
                throw Failure.unsure("the agent 'sh' is not installed beside '\(Installation.executable.string)'")
            }
            return request.program
        }
        guard request.headless else { return known.command }
        guard let headless = known.headless else {
            throw Failure.usage("'\(request.program)' needs a terminal, --headless is not for it")
        }
        return headless
    }

    /// A title from a prompt: its first line with something in it, made plain, at most 72 characters.
    static func title(_ prompt: [UInt8]) -> String {
        for line in String(decoding: prompt, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let plain = Names.shown(String(line)).split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if !plain.isEmpty, plain.contains(where: { $0.isLetter || $0.isNumber }) { return String(plain.prefix(72)) }
        }
        return "work"
    }

    /// Makes this branch the task's: an existing one as it is, else a new one at `commit`.
    private func adopt(_ branch: String, _ task: Int, _ commit: String) throws {
        guard try git.attempt(["check-ref-format", "--branch", branch]).status == 0 else {
            throw Failure.usage("bad branch name '\(Names.shown(branch))'")
        }
        let reference = "refs/heads/\(branch)"
        var base = commit
        if let tip = try git.commit(reference) {
            let result = try git.attempt(["merge-base", tip, commit])
            base = result.status == 0 ? result.text : tip
        }
        try bus.setBranch(task, TaskBranch(reference: reference, base: base, given: true))
    }

    // MARK: what killed spawns left

    /// Removes drafts whose spawn is gone, with their worktrees. Under the spawn lock. Returns how many there were.
    func clearDrafts() throws -> Int {
        let drafts = try bus.deadDrafts()
        for name in drafts { try undo(name, bus.draft(of: name) ?? SpawnDraft()) }
        return drafts.count
    }

    /// Undoes a spawn: the task, the worktree (only one that is registered and on no branch is ours), the agent.
    private func undo(_ name: String, _ draft: SpawnDraft) throws {
        if let task = draft.task {
            do {
                if draft.made != nil {
                    try bus.cancel(task, by: "cadre")
                } else {
                    try bus.unreserve(task, for: name, by: "cadre")
                }
            } catch let failure as Failure where failure.kind == .no {}
        }
        if let path = draft.worktree { try work.removeDraft(path) }
        if try Files.exists(bus.card(name)) { try bus.forget(name, by: "cadre") } else { try bus.dropDraft(name) }
    }
}
