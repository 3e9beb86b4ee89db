import SystemPackage

/// Every path of the bus is made here and nowhere else.
extension Bus {
    var lock: FilePath { root.appending("lock") }
    var ids: FilePath { root.appending("ids") }
    var version: FilePath { root.appending("version") }
    var tmp: FilePath { root.appending("tmp") }
    var imports: FilePath { root.appending("import") }
    package var journal: FilePath { root.appending("journal") }
    /// The line that `status` printed last, for those who only show it.
    package var statusFile: FilePath { root.appending("status") }
    /// The claim that is being taken from its holder, see Taken.
    var takenFile: FilePath { root.appending("taken") }
    /// What was counted for it, see `Tally`.
    var countsFile: FilePath { root.appending("counts") }

    /// Directories of which one changes whenever one of the numbers in `counts` does that are not of agents.
    package var counted: [FilePath] {
        // A task comes to a ready queue from one of these, and leaves it to one.
        ["blocked", "claimed", "review", "settle", "cancelled", "deferred", "edit"].map(state)
            + [openAsks, box("human").appending("new"), box("human").appending("cur"), mergeQueue, conflicts]
    }

    /// The common git directory of the repository, where the bus is not in it.
    var repositoryFile: FilePath { root.appending("repository") }
    /// The branch that work lands on by default, set when the bus is made.
    var targetFile: FilePath { root.appending("target") }
    /// The environment of the person who started agents last.
    package var environmentFile: FilePath { root.appending("environment") }
    /// The settings that bind agents, as they were when a person last started something.
    var settingsFile: FilePath { root.appending("settings") }
    /// The commands of the repository's `.cadre` that the person has seen, a line each.
    var seenFile: FilePath { root.appending("seen") }
    /// The commands of git's configuration of this repository that the person lets run, a line each.
    package var approvedFile: FilePath { root.appending("approved") }
    /// The socket of the tmux server that agents were last started in.
    var serverFile: FilePath { root.appending("server") }
    /// The sockets of other tmux servers that show this project, a line each.
    var viewersFile: FilePath { root.appending("viewers") }

    /// What agents have used, a directory for each day; see Cost.
    var cost: FilePath { root.appending("cost") }

    // Tasks.
    var tasks: FilePath { root.appending("tasks") }
    package func task(_ id: Int) -> FilePath { tasks.appending("\(id)") }
    func taskFile(_ id: Int) -> FilePath { task(id).appending("task") }
    /// Ids of tasks that may depend on this one, a line each: a superset.
    func dependentsFile(_ id: Int) -> FilePath { task(id).appending("dependents") }
    /// Ids of tasks that may have this one as parent, a line each: a superset.
    func childrenFile(_ id: Int) -> FilePath { task(id).appending("children") }
    package func notesFile(_ id: Int) -> FilePath { task(id).appending("notes") }
    func endFile(_ id: Int) -> FilePath { task(id).appending("end") }
    package func branchFile(_ id: Int) -> FilePath { task(id).appending("branch") }
    func planFile(_ id: Int) -> FilePath { task(id).appending("plan") }
    /// The n-th plan, once there is another.
    func planFile(_ id: Int, _ n: Int) -> FilePath { task(id).appending("plan,\(n)") }
    package func returnedFile(_ id: Int) -> FilePath { task(id).appending("returned") }
    func runFile(_ id: Int) -> FilePath { task(id).appending("run") }
    func resultFile(_ id: Int, _ token: String) -> FilePath { task(id).appending("result,\(token)") }
    func diedFile(_ id: Int, _ token: String) -> FilePath { task(id).appending("died,\(token)") }

    // Markers.
    func state(_ name: String) -> FilePath { root.appending("state").appending(name) }
    /// Where what is claimed stands: whatever ends a claim changes this directory.
    package var claimsPlace: FilePath { state("claimed") }
    func queue(_ queue: String) -> FilePath { state("ready").appending(queue) }
    func bell(_ queue: String) -> FilePath { self.queue(queue).appending("bell") }
    /// Locked by the one who watches the bell, see WaitLine.
    func turn(_ queue: String) -> FilePath { self.queue(queue).appending("turn") }
    func ready(_ queue: String, _ priority: Int, _ id: Int) -> FilePath {
        self.queue(queue).appending("\(priority)").appending("\(id / 100)").appending("\(id)")
    }

    // Agents.
    package var agents: FilePath { root.appending("agents") }
    package func agent(_ name: String) -> FilePath { agents.appending(name) }
    package func card(_ name: String) -> FilePath { agent(name).appending("card") }
    func draft(_ name: String) -> FilePath { agent(name).appending("draft") }
    /// The environment that it runs in.
    package func environmentFile(_ name: String) -> FilePath { agent(name).appending("environment") }
    func spawnsFile(_ name: String) -> FilePath { agent(name).appending("spawns") }
    func restartsFile(_ name: String) -> FilePath { agent(name).appending("restarts") }
    /// Files of a paused agent's worktree that are not in git.
    package func kept(_ name: String) -> FilePath { agent(name).appending("kept") }
    /// What a worktree had after its setup and git ignores; see `TaskBranches.recordSetup`.
    package func setupMade(_ name: String) -> FilePath { agent(name).appending("made") }
    /// The repositories of the submodules of a paused agent's worktree.
    package func keptModules(_ name: String) -> FilePath { agent(name).appending("modules") }
    /// What an agent without a terminal and its supervisor print.
    package func output(_ name: String) -> FilePath { agent(name).appending("output") }
    /// What was printed before that, once there was much.
    package func outputBefore(_ name: String) -> FilePath { agent(name).appending("printed") }
    /// The words of a turn, for a program that reads them from a file.
    package func message(_ name: String) -> FilePath { agent(name).appending("message") }
    /// The settings that its program is given for this agent alone.
    package func programSettings(_ name: String) -> FilePath { agent(name).appending("settings") }
    /// Verbs that the agent, in a sandbox, asks its supervisor to run: all of the bus that the sandbox may write.
    package func calls(_ name: String) -> FilePath { agent(name).appending("calls") }
    func callFile(_ id: String, of name: String) -> FilePath { calls(name).appending(id) }
    /// What came of them.
    package func answers(_ name: String) -> FilePath { agent(name).appending("answers") }
    func answerFile(_ id: String, to name: String) -> FilePath { answers(name).appending(id) }
    func conversationFile(_ name: String) -> FilePath { agent(name).appending("conversation") }
    /// Mail that its program has in hand.
    func handedFile(_ name: String) -> FilePath { agent(name).appending("handed") }
    /// What its program writes down of its conversation, where the file is ours to name.
    package func history(_ name: String) -> FilePath { agent(name).appending("history") }
    /// How full its conversation is, as its program said last.
    func fillFile(_ name: String) -> FilePath { agent(name).appending("fill") }
    /// What went wrong in its hooks, a line each.
    package func log(_ name: String) -> FilePath { agent(name).appending("log") }
    /// Locks of the hooks that wait for a permission, each of the name of its ask.
    package func askingPlace(_ name: String) -> FilePath { agent(name).appending("asking") }
    func asking(_ name: String, _ ask: String) -> FilePath { askingPlace(name).appending(ask) }
    package func handoff(_ name: String) -> FilePath { agent(name).appending("handoff") }
    package func alive(_ name: String) -> FilePath { agent(name).appending("alive") }
    package func session(_ name: String) -> FilePath { agent(name).appending("session") }
    package func agentState(_ name: String) -> FilePath { agent(name).appending("state") }
    package func want(_ name: String) -> FilePath { agent(name).appending("want") }
    func goneFile(_ name: String) -> FilePath { agent(name).appending("gone") }
    func assignment(_ name: String) -> FilePath { agent(name).appending("assignment") }
    package var slots: FilePath { root.appending("slots") }
    /// Held by the supervisors that watch the others.
    package func watchLock(_ number: Int) -> FilePath { root.appending("watch\(number)") }
    package var spawnLock: FilePath { root.appending("spawn") }

    // Mail.
    package func box(_ name: String) -> FilePath { root.appending("mail").appending(name) }
    package func unreadBox(_ name: String) -> FilePath { box(name).appending("new") }
    var deadBox: FilePath { box("dead") }

    // Asks.
    package var openAsks: FilePath { root.appending("asks").appending("open") }
    package var doneAsks: FilePath { root.appending("asks").appending("done") }

    // The merge queue.
    package var merge: FilePath { root.appending("merge") }
    package var mergeLock: FilePath { merge.appending("lock") }
    /// The process that holds it, or was the last to.
    var runnerFile: FilePath { merge.appending("runner") }
    package var mergeBell: FilePath { merge.appending("bell") }
    package var mergeQueue: FilePath { merge.appending("queue") }
    package var mergeDone: FilePath { merge.appending("done") }
    package var mergeLogs: FilePath { merge.appending("log") }
    /// What the gate said of a tree: `TREE,GATE`, both as object ids.
    var mergeVerdicts: FilePath { merge.appending("gate") }
    func verdictFile(_ tree: String, _ gate: String) -> FilePath { mergeVerdicts.appending("\(tree),\(gate)") }
    /// Why the queue as a whole stands still.
    var mergeStopped: FilePath { merge.appending("stopped") }
    /// The local target is being moved to what a remote's holds.
    var mergeFollowing: FilePath { merge.appending("following") }
    /// Touched when work that has landed was last let go of.
    package var mergeSwept: FilePath { merge.appending("swept") }
    /// All that the gate printed when it last ran on a tree, both as in its verdict's name.
    package func gateLog(_ tree: String, _ gate: String) -> FilePath { mergeLogs.appending("\(tree),\(gate)") }
    /// What the n-th of the commands that run at once prints, while they do.
    package func gatePart(_ n: Int) -> FilePath { mergeLogs.appending("part-\(n)") }
    /// A line for each time that the gate failed on a tree and passed when it was run again.
    var flakyFile: FilePath { merge.appending("flaky") }
    /// What was compared last, see Conflict.
    var checkFile: FilePath { merge.appending("check") }
    /// Held by the one who compares.
    package var checkLock: FilePath { merge.appending("checking") }
    /// What git writes while it compares.
    package var checkObjects: FilePath { merge.appending("check.objects") }
    /// Branches that conflict: `ID,ID` and `ID,target`.
    var conflicts: FilePath { merge.appending("conflicts") }
    func conflictFile(_ name: String) -> FilePath { conflicts.appending(name) }
    /// The git directory with a configuration of ours, in a worktree without files.
    package var mergeGit: FilePath { merge.appending("git") }
    /// Directories with the `.gitattributes` of a tree, each by a digest of them.
    package var mergeAttributes: FilePath { merge.appending("attributes") }
    /// When a remote's branch was last fetched for who begins work, and why it could not be: by a digest of both names.
    package var mergeFetched: FilePath { merge.appending("fetched") }
    /// Held by the one who fetches.
    package var fetchLock: FilePath { merge.appending("fetching") }
    /// The runner's own worktree.
    package var mergeWorktree: FilePath { merge.appending("worktree") }
}
