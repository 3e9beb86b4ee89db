import Bus
import Git
import Processes
import Storage
import SystemPackage

// What agents commit in submodules. In a linked worktree the repository of a submodule is below the worktree's own git
// directory (`worktrees/NAME/modules/`), and goes with it. So before that goes, each commit in it that no remote is
// known to have is pushed to where the project's main worktree has the submodule (`modules/` of the common git
// directory), or into the project's own repository where it has not; a reference there holds it,
// `refs/cadre/modules/COMMIT`, and the next `git submodule update` finds it.
//
// That the project's commit which names it has landed is no reason to let go of the reference: nothing else holds the
// commit in the submodule. It goes when something does, in the project's own repository of the submodule: a branch, a
// tag, what a remote is known to have, since somebody has pushed it, or what was kept on top of it.
extension TaskBranches {
    static let moduleReferences = "refs/cadre/modules/"

    /// Keeps what was committed in the submodules whose repositories are below a directory, a worktree's own `modules/`
    /// or where that was put by. Throws `Failure.no` if it can't be kept.
    package func keepSubmodules(in modules: FilePath) throws {
        for module in try TaskBranches.repositories(in: modules) { try keepSubmodule(module.path, module.name) }
    }

    private func keepSubmodule(_ path: FilePath, _ name: String) throws {
        // By its configuration it may be the repository of a worktree that is no more.
        let module = Git(directory: path, worktree: path)
        let tips = try module.tipsUnpushed()
        guard !tips.isEmpty else { return }
        let place = repository.directory.appending("modules").pushing(FilePath(name))
        let isThere = try Files.exists(place.appending("HEAD"))
        let keeper = isThere ? Git(directory: place, worktree: place) : repository
        // Pushed, since who serves a fetch would look for the worktree.
        let push = [
            "-c", "protocol.file.allow=always", "push", "-q", "--no-verify", "--recurse-submodules=no",
            "--receive-pack=git -c core.hooksPath=/dev/null receive-pack",
        ]
        let result = try module.attempt(
            push + [keeper.directory.string] + tips.map { "+\($0):\(TaskBranches.moduleReferences)\($0)" })
        guard result.status == 0 else {
            throw Failure.no(
                "commits in the submodule '\(Names.shown(name))' would be lost, and can't be kept: \(result.complaint)")
        }
        let objects = path.appending("lfs").appending("objects")
        guard try Files.exists(objects) else { return }
        let kept = keeper.directory.appending("lfs").appending("objects")
        try Files.mkdirs(kept)
        let copy = try Program(["cp", "-a", "-n", "--", objects.string + "/.", kept.string]).run()
        guard copy.status == 0 else {
            throw Failure.no(
                "files of the submodule '\(Names.shown(name))' would be lost, and can't be kept: \(copy.complaint)")
        }
    }

    /// Lets go of commits in submodules that something else holds by now.
    func forgetSubmodules() throws {
        let modules = try TaskBranches.repositories(in: repository.directory.appending("modules")).map {
            Git(directory: $0.path, worktree: $0.path)
        }
        for keeper in [repository] + modules {
            for tip in try keeper.run(["for-each-ref", "--format=%(objectname)", TaskBranches.moduleReferences]).text
                .split(
                    separator: "\n"
                ).map(String.init)
            {
                guard try ([keeper] + modules).contains(where: { try $0.holds(tip) }) else { continue }
                _ = try keeper.attempt(["update-ref", "-d", TaskBranches.moduleReferences + tip, tip])
            }
        }
    }

    /// The repositories below a `modules/`, those of submodules' submodules too, and what each is called from there.
    private static func repositories(in directory: FilePath, name: String = "") throws -> [(
        path: FilePath, name: String
    )] {
        var found: [(FilePath, String)] = []
        for entry in try Files.list(directory) ?? [] {
            let path = directory.appending(entry)
            let below = name.isEmpty ? entry : "\(name)/\(entry)"
            if try Files.exists(path.appending("HEAD")) && Files.exists(path.appending("objects")) {
                found.append((path, below))
                found += try repositories(in: path.appending("modules"), name: "\(below)/modules")
            } else {
                // A submodule's name may have slashes.
                found += try repositories(in: path, name: below)
            }
        }
        return found
    }
}

extension Git {
    /// Whether a reference contains a commit that is not the one which keeps it.
    fileprivate func holds(_ tip: String) throws -> Bool {
        guard try commit(tip) != nil else { return false }
        return try run(["for-each-ref", "--format=%(refname)", "--contains", tip]).text.split(separator: "\n").contains
        { $0 != TaskBranches.moduleReferences + tip }
    }

    /// The newest commits that no remote of this repository is known to have: none of them is below another.
    fileprivate func tipsUnpushed() throws -> [String] {
        let heads = try commit("HEAD") == nil ? [] : ["HEAD"]
        let lines = try run(["rev-list", "--parents"] + heads + ["--all", "--reflog", "--not", "--remotes"]).text.split(
            separator: "\n")
        let commits = lines.map { $0.split(separator: " ").map(String.init) }
        let below = Set(commits.flatMap { $0.dropFirst() })
        return commits.map { $0[0] }.filter { !below.contains($0) }
    }
}
