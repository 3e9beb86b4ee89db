import Configuration
import Storage

/// The target of a remote.
struct RemoteTarget {
    /// As `git remote` lists it.
    let name: String
    /// Its target, as `refs/heads/…`.
    let branch: String
    /// For people.
    var shown: String { "\(name)/\(branch.dropFirst("refs/heads/".count))" }

    /// Where what a branch of it held when it was last fetched is kept.
    func reference(_ branch: String) -> String { "refs/cadre/remote/\(name)/\(branch.dropFirst("refs/heads/".count))" }
}

extension TaskBranches {
    package func mode() throws -> MergeMode {
        MergeMode(rawValue: try settings.choice("mergeMode", MergeMode.allCases.map(\.rawValue), "local")) ?? .local
    }

    /// Where work lands elsewhere; nil where it lands only here. Throws `Failure.no` if there is no such remote.
    func remote() throws -> RemoteTarget? {
        guard try mode() != .local, let target = settings.target else { return nil }
        let set = try config("branch.\(targetName).remote")
        // A request is made to where the target comes from, its branch pushed to where branches are.
        let name = try mode() == .pr ? try set.flatMap { $0 == "." ? nil : $0 } ?? usual() : try pushRemote(targetName)
        guard try remotes().contains(name) else {
            throw Failure.no(
                "there is no remote '\(Names.shown(name))' to push '\(targetName)' to: add it with 'git remote add', "
                    + "or set branch.\(targetName).remote"
            )
        }
        let merge = set == name ? try config("branch.\(targetName).merge") : nil
        return RemoteTarget(name: name, branch: merge ?? target)
    }

    /// The remote that `git push` sends a branch to.
    package func pushRemote(_ branch: String) throws -> String {
        for key in ["branch.\(branch).pushRemote", "remote.pushDefault", "branch.\(branch).remote"] {
            if let name = try config(key), name != "." { return name }
        }
        return try usual()
    }

    /// origin, or the only one that there is.
    private func usual() throws -> String {
        let all = try remotes()
        return all.count == 1 ? all[0] : "origin"
    }

    private func remotes() throws -> [String] {
        try repository.run(["remote"]).text.split(separator: "\n").map(String.init)
    }

    func config(_ key: String) throws -> String? {
        let result = try repository.attempt(["config", key])
        return result.status == 0 && !result.text.isEmpty ? result.text : nil
    }
}
