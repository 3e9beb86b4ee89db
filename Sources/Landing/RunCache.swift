import Configuration
import Git
import SystemPackage

/// What a run of the queue has learned and needs not ask for again: facts about commits, which never change, and what
/// git said of a configuration, for as long as that is the same.
final class RunCache {
    /// The trees of commits.
    var trees: [String: String] = [:]
    /// Where the attributes of commits are; see `IsolatedGit`.
    var attributes: [String: FilePath] = [:]
    /// The names of gates, by their commands.
    var gates: [String: String] = [:]
    private var committer: (lines: [Configured.Line], committer: Committer)?

    /// Who commits under this configuration.
    func committer(_ configured: Configured, _ git: Git) throws -> Committer {
        if let committer, committer.lines == configured.lines { return committer.committer }
        let new = try Committer(git)
        committer = (configured.lines, new)
        return new
    }
}
