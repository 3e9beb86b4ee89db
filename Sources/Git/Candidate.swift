import Bus
import Processes
import SystemPackage

/// What a three-way merge in memory gives.
enum Merged {
    case tree(String)
    /// The paths that conflict, and git's words on each.
    case conflict([String], [UInt8])
}

extension Git {
    /// Applies the change from `base` to `theirs` on top of `ours`, without any worktree. The base is forced by commits
    /// that nobody else sees: git merges those, so what the history of the three has in common does not matter.
    func merge(base: String, ours: String, theirs: String) throws -> Merged {
        func commit(_ of: String, _ parent: String?) throws -> String {
            try run(
                ["commit-tree", "\(of)^{tree}"] + (parent.map { ["-p", $0] } ?? []), input: Array("merge\n".utf8),
                environment: Work.identity.merging(["GIT_AUTHOR_DATE": "@1 +0000", "GIT_COMMITTER_DATE": "@1 +0000"]) { $1 }).text
        }
        let root = try commit(base, nil)
        let (a, b) = (try commit(ours, root), try commit(theirs, root))
        let result = try attempt(["merge-tree", "--write-tree", "-z", "--name-only", "--messages", a, b], environment: try withoutDrivers())
        var fields = result.output.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        // A conflict and a failure have the same exit code: only the first names a tree.
        guard result.status <= 1, let tree = fields.first, tree.utf8.count >= 40, tree.utf8.allSatisfy({ $0 != 32 }) else {
            throw Failure.unsure("unable to merge '\(theirs)' with '\(ours)': \(result.complaint)")
        }
        if result.status == 0 { return .tree(tree) }
        fields.removeFirst()
        var paths: [String] = []
        for path in fields.prefix(while: { !$0.isEmpty }) {
            // Where another thing stands in a file's way, `~` and the commit are behind its path.
            var parts = path.split(separator: "~", omittingEmptySubsequences: false)
            if let last = parts.last, parts.count > 1, last.hasPrefix(a) || last.hasPrefix(b) { parts.removeLast() }
            let path = parts.joined(separator: "~")
            if !paths.contains(path) { paths.append(path) }
        }
        var messages = fields.filter { $0.hasPrefix("CONFLICT") && $0.hasSuffix("\n") }.joined()
        for (commit, name) in [(a, "the target"), (b, "the branch")] { messages = messages.split(separator: commit, omittingEmptySubsequences: false).joined(separator: name) }
        return .conflict(paths, Array(messages.utf8))
    }

    /// Makes each merge driver that is configured one that fails: what would need it is a conflict.
    private func withoutDrivers() throws -> [String: String?] {
        let names = try attempt(["config", "--null", "--name-only", "--get-regexp", "^merge\\..*\\.driver$"]).output.split(separator: 0)
        var environment: [String: String?] = ["GIT_CONFIG_COUNT": "\(names.count)"]
        for (n, name) in names.enumerated() {
            environment["GIT_CONFIG_KEY_\(n)"] = String(decoding: name, as: UTF8.self)
            environment["GIT_CONFIG_VALUE_\(n)"] = "false"
        }
        return environment
    }
}

extension Queue {
    /// An entry's work as it would land: one commit on top of the target.
    struct Candidate {
        var commit: String
        var tree: String
        /// What the target held.
        var parent: String
    }

    enum Stacked {
        case candidate(Candidate)
        case conflict([String], [UInt8])
        /// The target has it all already.
        case nothing
    }

    func stack(_ entry: Entry, on target: String) throws -> Stacked {
        for commit in [entry.base, entry.tip] where try git.commit(commit) == nil {
            throw Failure.unsure("commit '\(commit)' of task \(entry.id) is not in the repository")
        }
        switch try git.merge(base: entry.base, ours: target, theirs: entry.tip) {
        case .conflict(let paths, let messages): return .conflict(paths, messages)
        case .tree(let tree):
            if try tree == git.run(["rev-parse", "\(target)^{tree}"]).text { return .nothing }
            return .candidate(Candidate(commit: try commit(entry, tree, target), tree: tree, parent: target))
        }
    }

    /// The commit that lands: told by the task, by the author of the tip, signed if the user signs.
    private func commit(_ entry: Entry, _ tree: String, _ parent: String) throws -> String {
        let author = try git.run(["log", "-1", "--no-show-signature", "--format=%an%x00%ae%x00%ad", "--date=raw", entry.tip]).text
            .split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        var environment: [String: String?] = [:]
        if try git.attempt(["var", "GIT_COMMITTER_IDENT"]).status != 0 { environment = Work.identity }
        if author.count == 3, !author[0].isEmpty {
            environment["GIT_AUTHOR_NAME"] = author[0]
            environment["GIT_AUTHOR_EMAIL"] = author[1]
            environment["GIT_AUTHOR_DATE"] = "@" + author[2]
        }
        let sign = try git.attempt(["config", "--type=bool", "commit.gpgSign"]).text == "true"
        var program = git.program(["commit-tree"] + (sign ? ["-S"] : []) + [tree, "-p", parent], environment: environment)
        program.input = try message(entry)
        program.timeout = 60
        let result = try program.run()
        guard result.status == 0 else {
            throw Failure.unsure(sign ? "unable to sign: \(result.complaint)" : "unable to commit: \(result.complaint)")
        }
        return result.text
    }

    private func message(_ entry: Entry) throws -> [UInt8] {
        guard let header = try bus.header(entry.id) else { throw bus.noTask(entry.id) }
        var text = header.title + "\n\n"
        if let body = String(validating: header.body, as: UTF8.self), !body.contains("\0") {
            let body = body.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
                .drop { $0.isEmpty }.joined(separator: "\n")
            if !body.isEmpty { text += body + (body.hasSuffix("\n") ? "\n" : "\n\n") }
        }
        text += "Cadre-Task: \(entry.id)\nCadre-Tip: \(entry.tip)\n"
        if try bus.agent(named: entry.author) != nil { text += "Co-authored-by: \(entry.author) <\(entry.author)@localhost>\n" }
        return Array(text.utf8)
    }

    /// Paths that the candidate changes and that match `cadre.protected`, or `.cadre` itself.
    func protected(_ candidate: Candidate) throws -> [String] {
        let patterns = [":(top,literal).cadre"] + settings.list("protected").map { ":(top,glob)\($0)" }
        let result = try git.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", candidate.parent, candidate.commit, "--"] + patterns)
        return result.output.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}
