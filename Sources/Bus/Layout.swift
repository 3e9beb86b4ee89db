import Glibc
import Storage
import SystemPackage

/// The directories of the markers, one for each state. In this order a new bus gets them.
enum StateDirectory: String, CaseIterable {
    case ready = "state/ready"
    case claimed = "state/claimed"
    case review = "state/review"
    case settle = "state/settle"
    case done = "state/done"
    case failed = "state/failed"
    case cancelled = "state/cancelled"
    case blocked = "state/blocked"
    case deferred = "state/deferred"
    case edit = "state/edit"
}

/// The directories of a Maildir.
enum MailPart: String, CaseIterable { case tmp, new, cur }

/// The names of the ready queues, directories of `state/ready`.
package enum ReadyQueue {
    package static let any = "any"
    package static let epic = "epic"
    static func of(role: String) -> String { "role=\(role)" }
    /// Of tasks for a program, and for a role beside it.
    static func of(program: String, role: String?) -> String {
        "program=\(program)" + (role.map { ",role=\($0)" } ?? "")
    }
    /// Of tasks for one agent alone.
    static func only(_ name: String) -> String { only + name }
    package static func isOnly(_ queue: String) -> Bool { queue.hasPrefix(only) }
    /// Of tasks for one agent that will be anybody's.
    static func first(_ name: String) -> String { first + name }
    package static func isFirst(_ queue: String) -> Bool { queue.hasPrefix(first) }
    private static let only = "for="
    private static let first = "first="
}

/// Every name of the bus on the disk is spelled in this file and nowhere else (`Tests/shell/layers.t`). Names that
/// carry data, such as a claim's marker or a message's id, are made and read by the type of what they carry.
extension Bus {
    /// Where the bus of a repository is, by its common git directory.
    package static func place(in common: FilePath) -> FilePath { common.appending("cadre") }
    /// Where a bus is made whole before it is renamed to its place, beside which this is.
    static func beside(_ root: FilePath) -> FilePath {
        root.removingLastComponent().appending("\(root.lastComponent?.string ?? "cadre").new-\(Random.hex(8))")
    }

    /// Directories of every bus, each before those in it; a missing one is damage.
    var directories: [FilePath] {
        [
            tmp, tasks, imports, journal, agents, slots, asksPlace, openAsks, doneAsks, mail, merge, mergeQueue,
            mergeDone, mergeLogs, states,
        ] + StateDirectory.allCases.map(state)
    }

    var lock: FilePath { root.appending("lock") }
    var ids: FilePath { root.appending("ids") }
    package var version: FilePath { root.appending("version") }
    var tmp: FilePath { root.appending("tmp") }
    /// A fresh name in `tmp`.
    package func aside() -> FilePath { tmp.appending("\(Time.now()).\(getpid()).\(Random.hex(8))") }
    var imports: FilePath { root.appending("import") }
    /// The records of the tasks that one import makes.
    func importFile(_ ids: ClosedRange<Int>) -> FilePath {
        imports.appending("\(ids.lowerBound)-\(ids.upperBound)")
    }
    /// What made no sense where it was.
    var damaged: FilePath { root.appending("damaged") }
    func damagedFile(_ path: FilePath) -> FilePath {
        damaged.appending("\(Time.now())-\(Random.hex(4))-\(path.lastComponent?.string ?? "file")")
    }
    package var journal: FilePath { root.appending("journal") }
    /// The lines of one day, `2026-01-31`, and one host.
    func journalFile(_ day: Substring, _ host: String) -> FilePath { journal.appending("\(day).\(host).jsonl") }
    static func isJournal(_ name: String) -> Bool { name.hasSuffix(".jsonl") }
    /// The line that `status` printed last, for those who only show it.
    package var statusFile: FilePath { root.appending("status") }
    /// The claim that is being taken from its holder, see Taken.
    var takenFile: FilePath { root.appending("taken") }
    /// What was counted for it, see `Tally`.
    var countsFile: FilePath { root.appending("counts") }

    /// Directories to watch: one of them changes whenever a number in `counts` does, except for the numbers of agents.
    package var counted: [FilePath] {
        // A task enters a ready queue from one of these directories, and leaves it for one of them.
        [.blocked, .claimed, .review, .settle, .cancelled, .deferred, .edit].map(state)
            + [openAsks, box("human", .new), box("human", .cur), mergeQueue, conflicts]
    }

    /// Names in the directory around the bus that prove it to be a git directory.
    var gitAbove: [FilePath] { ["HEAD", "objects"].map { root.parent.appending($0) } }
    /// The common git directory of the repository, where the bus is not in it.
    var repositoryFile: FilePath { root.appending("repository") }
    /// The branch that work lands on by default, set when the bus is made.
    package var targetFile: FilePath { root.appending("target") }
    /// The environment of the person who started agents last.
    package var environmentFile: FilePath { root.appending("environment") }
    /// What git said of the settings, and of which files; see KeptConfiguration.
    package var configurationFile: FilePath { root.appending("configuration") }
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
    func costDay(_ day: String) -> FilePath { cost.appending(day) }
    func costFile(_ day: String, _ agent: String, _ conversation: String) -> FilePath {
        costDay(day).appending("\(agent),\(conversation)")
    }
    static func isCost(_ name: String, of agent: String) -> Bool { name.hasPrefix("\(agent),") }

    // Tasks.
    var tasks: FilePath { root.appending("tasks") }
    package func task(_ id: Int) -> FilePath { tasks.appending("\(id)") }
    func taskFile(_ id: Int) -> FilePath { Bus.taskFile(in: task(id)) }
    static func taskFile(in task: FilePath) -> FilePath { task.appending("task") }
    /// Ids of tasks that may depend on this one, a line each: a superset.
    func dependentsFile(_ id: Int) -> FilePath { task(id).appending("dependents") }
    /// Ids of tasks that may have this one as parent, a line each: a superset.
    func childrenFile(_ id: Int) -> FilePath { Bus.childrenFile(in: task(id)) }
    static func childrenFile(in task: FilePath) -> FilePath { task.appending("children") }
    package func notesFile(_ id: Int) -> FilePath { Bus.notesFile(in: task(id)) }
    static func notesFile(in task: FilePath) -> FilePath { task.appending("notes") }
    func endFile(_ id: Int) -> FilePath { task(id).appending("end") }
    package func branchFile(_ id: Int) -> FilePath { Bus.branchFile(in: task(id)) }
    static func branchFile(in task: FilePath) -> FilePath { task.appending("branch") }
    func planFile(_ id: Int) -> FilePath { task(id).appending("plan") }
    /// The n-th plan, once there is another.
    func planFile(_ id: Int, _ n: Int) -> FilePath { task(id).appending("plan,\(n)") }
    package func returnedFile(_ id: Int) -> FilePath { task(id).appending("returned") }
    func runFile(_ id: Int) -> FilePath { task(id).appending("run") }
    func resultFile(_ id: Int, _ token: String) -> FilePath { task(id).appending("result,\(token)") }
    /// That a claim of this token ended with its owner's death.
    func diedFile(_ id: Int, _ token: String) -> FilePath { task(id).appending("\(Bus.died)\(token)") }
    static func isDeath(_ name: String) -> Bool { name.hasPrefix(died) }
    private static let died = "died,"

    // Markers.
    var states: FilePath { root.appending("state") }
    func state(_ directory: StateDirectory) -> FilePath { root.appending(directory.rawValue) }
    /// The marker of this name.
    func marker(_ directory: StateDirectory, _ name: String) -> FilePath { state(directory).appending(name) }
    func marker(_ directory: StateDirectory, _ id: Int) -> FilePath { marker(directory, "\(id)") }
    /// Where what is claimed stands: whatever ends a claim changes this directory.
    package var claimsPlace: FilePath { state(.claimed) }
    /// Deferred tasks lie in directories by when they are due, each of this many seconds.
    static let deferredSpan = 65536
    func deferred(due: Int, _ id: Int) -> FilePath {
        deferredGroup(due / Bus.deferredSpan).appending("\(due),\(id)")
    }
    func deferredGroup(_ group: Int) -> FilePath { state(.deferred).appending("\(group)") }
    func queue(_ queue: String) -> FilePath { state(.ready).appending(queue) }
    func bell(_ queue: String) -> FilePath { self.queue(queue).appending("bell") }
    /// Locked by the one who watches the bell, see WaitLine.
    func turn(_ queue: String) -> FilePath { self.queue(queue).appending("turn") }
    /// Ready tasks lie by priority, and in directories of a hundred ids.
    func ready(_ queue: String, _ priority: Int) -> FilePath { self.queue(queue).appending("\(priority)") }
    func ready(_ queue: String, _ priority: Int, bucket: Int) -> FilePath {
        ready(queue, priority).appending("\(bucket)")
    }
    func ready(_ queue: String, _ priority: Int, _ id: Int) -> FilePath {
        ready(queue, priority, bucket: id / 100).appending("\(id)")
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
    /// The history of its conversation that the program writes, for programs that let cadre name that file.
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
    func slotFile(_ slot: Int) -> FilePath { slots.appending("\(slot)") }
    /// Held by the supervisors that watch the others.
    package func watchLock(_ number: Int) -> FilePath { root.appending("watch\(number)") }
    package var spawnLock: FilePath { root.appending("spawn") }

    // Mail.
    var mail: FilePath { root.appending("mail") }
    package func box(_ name: String) -> FilePath { mail.appending(name) }
    func box(_ name: String, _ part: MailPart) -> FilePath { box(name).appending(part.rawValue) }
    package func unreadBox(_ name: String) -> FilePath { box(name, .new) }
    /// The box of what a retired agent did not read.
    static let dead = "dead"
    /// Held by the one who takes mail out of the box.
    func readerLock(_ name: String) -> FilePath { box(name).appending("reader") }
    /// The unread messages in order, and how many bytes of that were read; see `next`.
    func orderFile(_ name: String) -> FilePath { box(name).appending("order") }
    func orderOffset(_ name: String) -> FilePath { box(name).appending("order.at") }
    /// What in cur/ is unread.
    func oldFile(_ name: String) -> FilePath { box(name).appending("old") }
    var senders: FilePath { mail.appending(".senders") }
    /// Held by the one who sends in that name.
    func senderLock(_ name: String) -> FilePath { senders.appending(name) }
    /// The time in the id of the sender's last message.
    func lastSent(_ name: String) -> FilePath { senders.appending("\(name).last") }

    // Asks.
    var asksPlace: FilePath { root.appending("asks") }
    package var openAsks: FilePath { root.appending("asks/open") }
    package var doneAsks: FilePath { root.appending("asks/done") }

    // The merge queue.
    package var merge: FilePath { root.appending("merge") }
    package var mergeLock: FilePath { merge.appending("lock") }
    /// The process that holds it, or was the last to.
    var runnerFile: FilePath { merge.appending("runner") }
    package var mergeBell: FilePath { merge.appending("bell") }
    package var mergeQueue: FilePath { root.appending("merge/queue") }
    package var mergeDone: FilePath { merge.appending("done") }
    package func entryFile(_ id: Int) -> FilePath { mergeQueue.appending("\(id)") }
    func endedEntryFile(_ id: Int) -> FilePath { mergeDone.appending("\(id)") }
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
    var conflicts: FilePath { root.appending("merge/conflicts") }
    func conflictFile(_ name: String) -> FilePath { conflicts.appending(name) }
    /// The git directory with a configuration of ours, in a worktree without files.
    package var mergeGit: FilePath { merge.appending("git") }
    package var mergeGitDirectory: FilePath { mergeGit.appending(".git") }
    /// Directories with the `.gitattributes` of a tree, each by a digest of them.
    package var mergeAttributes: FilePath { merge.appending("attributes") }
    package func attributesPlace(_ digest: String) -> FilePath { mergeAttributes.appending(String(digest.prefix(40))) }
    /// When a remote's branch was last fetched for who begins work, and why it could not be: by a digest of both names.
    package var mergeFetched: FilePath { merge.appending("fetched") }
    package func fetchedFile(_ digest: String) -> FilePath { mergeFetched.appending(String(digest.prefix(40))) }
    /// Held by the one who fetches.
    package var fetchLock: FilePath { merge.appending("fetching") }
    /// The runner's own worktree.
    package var mergeWorktree: FilePath { merge.appending("worktree") }
}
