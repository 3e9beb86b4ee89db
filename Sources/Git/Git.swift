import Bus
import Glibc
import Processes
import Storage
import SystemPackage

/// A git repository, or one of its worktrees, as git(1) is called on it.
///
/// Each call names its directories, so nothing that an agent writes into a worktree redirects it; hooks, fsmonitor,
/// background packing, prompts and editors are off; and of the caller's variables none that would point git elsewhere
/// is passed on.
package struct Git {
    package let directory: FilePath
    package let worktree: FilePath?
    /// Variables of each call, besides `environment`.
    package var added: [String: String?] = [:]
    /// Seconds after which a call is ended, with all that it has started; nil for none.
    package var limit: Double?

    /// A git directory, the common one or a worktree's own, without a worktree.
    package init(common: FilePath) {
        directory = common
        worktree = nil
    }

    package init(directory: FilePath, worktree: FilePath) {
        self.directory = directory
        self.worktree = worktree
    }

    private static let quiet = [
        "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c",
        "maintenance.auto=false",
        "-c", "advice.detachedHead=false", "-c", "core.quotePath=false",
    ]

    /// Variables that keep git from asking, from translating its messages, and from interpreting paths in another way.
    package static let environment: [String: String?] = {
        var all: [String: String?] = [
            "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": ":", "GIT_PAGER": "cat", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ASKPASS": "true",
            "CADRE_WITHIN": "git",
        ]
        for name in [
            "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS",
            "GIT_ICASE_PATHSPECS",
        ] { all[name] = .some(nil) }
        return all
    }()

    /// Set for all that our calls of git start: filters, drivers and hooks, which agents may have chosen.
    package static let within = ["CADRE_WITHIN=git"]

    /// For commands of a project's own, such as its setup: nothing of ours, nothing that points git elsewhere.
    package static let clean: [String: String?] = {
        var all = environment.filter { $0.value == nil }
        for name in [
            "CADRE_AGENT", "CADRE_SESSION", "CADRE_TASK", "CADRE_DIR", "CADRE_TMUX", "CADRE_FAULT", "TMUX", "TMUX_PANE",
        ] { all[name] = .some(nil) }
        return all
    }()

    /// The call as a `Program`, for callers that run it themselves.
    package func program(_ arguments: [String], environment extra: [String: String?] = [:]) -> Program {
        var program = Program(
            ["git", "--git-dir=\(directory.string)"] + (worktree.map { ["--work-tree=\($0.string)"] } ?? []) + Git.quiet
                + arguments)
        program.environment = Git.environment.merging(added) { $1 }.merging(extra) { $1 }
        if let limit { (program.timeout, program.ownSession) = (limit, true) }
        // Without a worktree git must not find one around it, whose attributes and drivers would count.
        program.directory = worktree ?? "/"
        return program
    }

    /// Seconds that a worktree which another git makes is given to become whole.
    private static let patience = 2.0

    /// Runs git and gives what it said, whatever its exit code. Throws `Failure.unsure` if it was ended by a signal,
    /// which is no answer.
    package func attempt(_ arguments: [String], input: [UInt8]? = nil, environment: [String: String?] = [:]) throws
        -> Program.Result
    {
        var program = program(arguments, environment: environment)
        program.input = input
        var result = try program.run()
        // Another git makes a worktree at this moment, see `halfMade`.
        let end = Time.monotonic() + Git.patience
        while result.halfMade != nil, Time.monotonic() < end {
            usleep(10_000)
            result = try program.run()
        }
        guard !result.wasKilled else {
            throw Failure.unsure(
                "git \(arguments.first { !$0.hasPrefix("-") } ?? "") was ended by signal \(result.status - 128) in "
                    + "'\((worktree ?? directory).string)'"
            )
        }
        return result
    }

    /// Runs git; throws `Failure.unsure` with its last line if it fails.
    @discardableResult
    package func run(_ arguments: [String], input: [UInt8]? = nil, environment: [String: String?] = [:]) throws
        -> Program.Result
    {
        let result = try attempt(arguments, input: input, environment: environment)
        guard result.status == 0 else {
            throw Failure.unsure(
                "git \(arguments.first { !$0.hasPrefix("-") } ?? "") failed in '\((worktree ?? directory).string)': "
                    + "\(result.lock ?? result.halfMade == nil ? result.complaint : result.trouble)"
            )
        }
        return result
    }

    /// The commit that a name stands for; nil if there is none. HEAD and branches hold commits alone, so of them it is
    /// what the files say.
    package func commit(_ name: String) throws -> String? {
        if name == "HEAD" || name.hasPrefix("refs/heads/"), case let filed = try filed(name), filed != .unknown {
            return filed.commit
        }
        let result = try attempt(["rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"])
        return result.status == 0 ? result.text : nil
    }

    /// The commit of a branch by its short name, which is no other revision such as `topic~1`; nil if there is none.
    package func tip(ofBranch name: String) throws -> String? {
        if case let filed = try filed("refs/heads/\(name)"), filed != .unknown { return filed.commit }
        let result = try attempt(["show-ref", "--verify", "--hash", "--", "refs/heads/\(name)"])
        return result.status == 0 ? result.text : nil
    }

    /// What a reference holds; nil if there is no such reference. The name is whole: `refs/heads/main`.
    package func reference(_ name: String) throws -> String? {
        if case let filed = try filed(name), filed != .unknown { return filed.commit }
        let result = try attempt(["rev-parse", "--verify", "--quiet", "--end-of-options", name])
        return result.status == 0 ? result.text : nil
    }

    /// Moves a reference if it still holds `old` (nil: if there is none, which git knows by the empty string whatever
    /// the length of its ids); false if it does not.
    package func move(_ reference: String, to new: String, from old: String?, why: String) throws -> Bool {
        let result = try attempt(["update-ref", "--no-deref", "-m", "cadre: \(why)", reference, new, old ?? ""])
        if result.status == 0 { return true }
        // git has one exit code for all: look whether it was the old value.
        guard try self.reference(reference) == old else { return false }
        throw Failure.unsure("unable to move '\(reference)': \(result.trouble)")
    }

    /// Whether `ancestor` is reachable from `commit`.
    package func isAncestor(_ ancestor: String, of commit: String) throws -> Bool {
        if ancestor == commit { return true }
        let result = try attempt(["merge-base", "--is-ancestor", ancestor, commit])
        guard result.status <= 1 else {
            throw Failure.unsure("unable to compare '\(ancestor)' and '\(commit)': \(result.complaint)")
        }
        return result.status == 0
    }

    /// Paths with uncommitted changes, untracked ones among them unless they are not asked for. Needs a worktree.
    package func dirty(untracked: Bool = true) throws -> [String] {
        let fields = try run([
            "status", "--porcelain=v1", "-z", "--untracked-files=\(untracked ? "normal" : "no")", "--no-renames",
        ]).output.split(separator: 0)
        return fields.map { String(decoding: $0.dropFirst(3), as: UTF8.self) }
    }

    /// Paths in which a conflict is open. Needs a worktree.
    package func unmerged() throws -> [String] {
        try run(["diff", "--name-only", "--diff-filter=U", "-z"]).output.split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The branch that the worktree is on, as `refs/heads/…`; nil if it is detached.
    package func branch() throws -> String? {
        switch try headFiled() {
        case .branch(let name): return name
        case .detached: return nil
        case .unknown: break
        }
        let result = try attempt(["symbolic-ref", "--quiet", "HEAD"])
        return result.status == 0 ? result.text : nil
    }
}
