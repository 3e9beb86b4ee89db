import Bus
import Git
import Storage

/// What an entry's branch has and a commit below has not.
struct Contribution {
    /// Its commits, the newest last; merges among them.
    var commits: [Git.Original] = []
    /// Where they leave what is below.
    var boundary: [String] = []

    /// Whether the branch was begun at the entry's base, and nothing else is common to both: then git merges the two as
    /// the entry is to be merged.
    func begins(at base: String) -> Bool { boundary == [base] }
}

extension MergeRunner {
    /// Throws `Failure.unsure` if a commit of the entry's is not in the repository.
    func contribution(_ entry: Entry, over below: String) throws -> Contribution {
        let all: [(isBoundary: Bool, commit: Git.Original)]
        do {
            all = try git.marked(["--boundary", "--reverse", "--topo-order", entry.tip, "^\(below)"])
        } catch let failure as Failure where failure.kind == .unsure {
            try requireCommits(entry)
            throw failure
        }
        return Contribution(
            commits: all.filter { !$0.isBoundary }.map(\.commit), boundary: all.filter(\.isBoundary).map(\.commit.id))
    }

    func requireCommits(_ entry: Entry) throws {
        for commit in [entry.base, entry.tip] where try git.commit(commit) == nil {
            throw Failure.unsure("commit '\(commit)' of task \(entry.id) is not in the repository")
        }
    }

    /// The tree of a commit.
    func tree(of commit: String) throws -> String {
        if let tree = cache.trees[commit] { return tree }
        let tree = try git.run(["rev-parse", "\(commit)^{tree}"]).text
        cache.trees[commit] = tree
        return tree
    }
}
