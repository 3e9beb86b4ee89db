import Bus
import Configuration
import Git
import Processes
import Storage
import SystemPackage

/// What a three-way merge in memory gives.
enum Merged {
    case tree(String)
    /// The paths that conflict, and git's words on each.
    case conflict([String], [UInt8])
}

extension Git {
    /// Applies the change from `base` to `theirs` on top of `ours`, without any worktree but for its attributes.
    /// `theirs` descends from `base`, or has no parent and `base` is nil: then all of it is the change. The base is
    /// forced by a commit that nobody else sees, with the tree of `ours` and `base` as parent, so what else the three
    /// have in common does not matter.
    func merge(base: String?, ours: String, theirs: String) throws -> Merged {
        let forced = try run(
            ["commit-tree", "\(ours)^{tree}"] + (base.map { ["-p", $0] } ?? []), input: Array("merge\n".utf8),
            environment: TaskBranches.identity.merging([
                "GIT_AUTHOR_DATE": "@1 +0000", "GIT_COMMITTER_DATE": "@1 +0000",
            ]) { $1 }
        ).text
        return try merge(ours: forced, theirs: theirs, base == nil ? ["--allow-unrelated-histories"] : [])
    }

    /// Merges two commits by what they have in common.
    func merge(ours: String, theirs: String, _ options: [String] = []) throws -> Merged {
        let always = ["merge-tree", "--write-tree", "-z", "--name-only", "--messages"]
        let result = try attempt(always + options + [ours, theirs])
        var fields = result.output.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        // A conflict and a failure have the same exit code: only the first names a tree.
        guard result.status <= 1, let tree = fields.first, tree.utf8.count >= 40, tree.utf8.allSatisfy({ $0 != 32 })
        else {
            throw Failure.unsure("unable to merge '\(theirs)' with '\(ours)': \(result.complaint)")
        }
        if result.status == 0 { return .tree(tree) }
        fields.removeFirst()
        let paths = Git.plain(Array(fields.prefix { !$0.isEmpty }), [ours, theirs])
        var messages = fields.filter { $0.hasPrefix("CONFLICT") && $0.hasSuffix("\n") }.joined()
        for (commit, name) in [(ours, "the target"), (theirs, "the branch")] {
            messages = messages.split(separator: commit, omittingEmptySubsequences: false).joined(separator: name)
        }
        return .conflict(paths, Array(messages.utf8))
    }

    /// Paths in a conflict of two commits, each once, as the repository has them: where another thing stands in a
    /// file's way, git puts `~` and the commit behind its path.
    static func plain(_ paths: [String], _ commits: [String]) -> [String] {
        var seen = Set<String>()
        return paths.map { path in
            var parts = path.split(separator: "~", omittingEmptySubsequences: false)
            if let last = parts.last, parts.count > 1, commits.contains(where: last.hasPrefix) { parts.removeLast() }
            return parts.joined(separator: "~")
        }.filter { seen.insert($0).inserted }
    }
}

// An entry's work as it would land, made in memory.
//
// Whatever the strategy, the tree is that of one three-way merge: what the work changes since its base, on top of what
// is below. A conflict there is the entry's conflict. The strategies differ in the commits that lead to that tree.
// Where one of them would not be honest the work is squashed, and a trailer of the commit says so and why:
//
//   merge    if what is below does not contain the base. The target would have commits in its history, perhaps of
//            other work that is still to land, whose changes it does not have.
//   rebase   if one of the commits does not apply by itself, or if they come to another tree one by one: what a merge
//            within the branch decided is lost, since merges are left out.
//
// Of a rebase only the last commit has Cadre-Tip, so each landing is told by one.
extension MergeRunner {
    /// An entry's work on top of something: one commit or several.
    struct Candidate {
        var commit: String
        var tree: String
        /// What it was put on.
        var parent: String
        /// The paths that it changes, where they are known.
        var changed: [String]?
    }

    enum Stacked {
        case candidate(Candidate)
        case conflict([String], [UInt8])
        /// The target has it all already.
        case nothing
    }

    /// `contribution`: what it has that `below` has not, where that is known.
    func stack(_ entry: Entry, on below: String, _ contribution: Contribution? = nil) throws -> Stacked {
        let contribution = try contribution ?? self.contribution(entry, over: below)
        let isNatural = contribution.begins(at: entry.base)
        if !isNatural { try requireCommits(entry) }
        let strategy = try strategy(entry)
        let merging = try own.merging(onto: below)
        let tree: String
        switch try isNatural
            ? merging.merge(ours: below, theirs: entry.tip)
            : merging.merge(base: entry.base, ours: below, theirs: entry.tip)
        {
        case .conflict(let paths, let messages): return .conflict(paths, messages)
        case .tree(let made): tree = made
        }
        if try tree == self.tree(of: below) { return .nothing }
        let made = try commit(entry, tree, below, strategy, isNatural ? contribution : nil)
        let paths = try changed(below, made)
        own.inherit(made, from: below, changing: paths)
        cache.trees[made] = tree
        return .candidate(Candidate(commit: made, tree: tree, parent: below, changed: paths))
    }

    /// The entry's own, else the one configured.
    func strategy(_ entry: Entry) throws -> Strategy {
        try Strategy(named: entry.record.strategy ?? settings.choice("mergeStrategy", Strategy.names, "squash"))
    }

    /// Makes the commits that lead from `below` to the tree; the last of them.
    private func commit(
        _ entry: Entry, _ tree: String, _ below: String, _ strategy: Strategy, _ contribution: Contribution?
    ) throws -> String {
        let committer = try own.committer()
        let task = "Cadre-Task: \(entry.id)"
        var last = [task, "Cadre-Tip: \(entry.tip)"]
        if try bus.agent(named: entry.author) != nil {
            last.append("Co-authored-by: \(entry.author) <\(entry.author)@localhost>")
        }
        switch strategy {
        case .squash: break
        case .merge:
            if try git.isAncestor(entry.base, of: below) {
                return try committer.commit(tree, [below, entry.tip], Message.with(last, message(entry)))
            }
            last.append("Cadre-Squashed: not merged, what it was begun on is not in '\(work.targetName)'")
        case .rebase:
            if let replayed = try replay(entry, below), replayed.last?.tree == tree {
                var at = below
                for (n, one) in replayed.enumerated() {
                    let text = Message.isBlank(one.of.message) ? try message(entry) : one.of.message
                    at = try committer.commit(
                        one.tree, [at], Message.with(n == replayed.count - 1 ? last : [task], text), by: one.of)
                }
                return at
            }
            last.append("Cadre-Squashed: not rebased, its commits do not come to the same one by one")
        }
        let brought =
            try contribution?.commits
            ?? git.originals(["--reverse", "--topo-order", entry.tip, "^\(entry.base)", "^\(below)"])
        let author = try brought.last { $0.id == entry.tip } ?? git.originals(["-1", entry.tip]).first
        return try committer.commit(tree, [below], Message.with(last, squashed(entry, brought)), by: author)
    }

    /// The entry's commits and the trees they come to, one put on the other, without those that change nothing; nil if
    /// one does not apply.
    private func replay(_ entry: Entry, _ below: String) throws -> [(of: Git.Original, tree: String)]? {
        var tree = try self.tree(of: below)
        var all: [(of: Git.Original, tree: String)] = []
        var last = (id: below, tree: tree)
        let merging = try own.merging(onto: below)
        for original in try git.originals([
            "--reverse", "--topo-order", "--no-merges", entry.tip, "^\(entry.base)", "^\(below)",
        ]) {
            var next = original.tree
            // Where nothing has changed below it, it is as it was.
            if last.id != original.parent || last.tree != tree {
                guard case .tree(let made) = try merging.merge(base: original.parent, ours: tree, theirs: original.id)
                else { return nil }
                next = made
            }
            if next != tree { all.append((original, next)) }
            tree = next
            last = (original.id, original.tree)
        }
        return all
    }

    /// What the task says.
    private func message(_ entry: Entry) throws -> [UInt8] {
        guard let header = try bus.header(entry.id) else { throw bus.noTask(entry.id) }
        if try isNameless(entry, header) { return Array("\(TaskBranches.title(ofBranch: entry.branch))\n".utf8) }
        let body = String(validating: header.body, as: UTF8.self) == nil || header.body.contains(0) ? [] : header.body
        return Array("\(header.title)\n\n".utf8) + Message.withoutBlankEnds(body)
    }

    /// What a commit says in which all of the work is: the task's words, and those of the commits below, as a list. Of
    /// a branch for which no words of a task's were found, the words of its one commit; of several the first one's
    /// subject.
    func squashed(_ entry: Entry, _ commits: [Git.Original]) throws -> [UInt8] {
        guard let header = try bus.header(entry.id) else { throw bus.noTask(entry.id) }
        let own = commits.filter { $0.parents.count < 2 }.map { Message.withoutBlankEnds($0.message) }.filter {
            !$0.isEmpty
        }
        let isNameless = try isNameless(entry, header)
        if isNameless, own.count == 1 { return own[0] }
        let task = isNameless && !own.isEmpty ? Message.subject(own[0]) : try Message.withoutBlankEnds(message(entry))
        let listed = isNameless ? own : own.filter { $0 != Array(header.title.utf8) }
        guard !listed.isEmpty else { return task }
        var (text, trailers) = try Message.parts(task)
        var items: [[UInt8]] = []
        for words in listed.prefix(MergeRunner.mostListed) {
            let (said, more) = try Message.parts(words)
            items.append(Message.item(said))
            trailers += more.filter { !trailers.contains($0) }
        }
        if listed.count > MergeRunner.mostListed {
            items.append(Array("and \(listed.count - MergeRunner.mostListed) more".utf8))
        }
        let space = Array((items.contains { $0.contains(10) } ? "\n\n" : "\n").utf8)
        text += Array("\n\n".utf8) + items.joined(separator: space)
        return trailers.isEmpty ? text : text + Array("\n\n".utf8) + trailers.joined(separator: [10])
    }

    /// Whether the task was made for a branch, so that it has no words of its own.
    func isNameless(_ entry: Entry, _ header: TaskHeader) throws -> Bool {
        guard let branch = try bus.branch(entry.id), branch.given, header.body.isEmpty else { return false }
        return [branch.title, TaskBranches.title(ofBranch: entry.branch)].contains(header.title)
    }

    /// So many commits are listed.
    private static let mostListed = 50

    /// Paths that the candidate changes and that match `cadre.protected`, `.cadre` itself, or `.lfsconfig`, which says
    /// where files are sent.
    func protected(_ candidate: Candidate) throws -> [String] {
        if settings.list("protected").isEmpty, let changed = candidate.changed {
            return changed.filter { path in
                [".cadre", ".lfsconfig"].contains { path == $0 || path.hasPrefix($0 + "/") }
            }
        }
        let patterns =
            [":(top,literal).cadre", ":(top,literal).lfsconfig"] + settings.list("protected").map { ":(top,glob)\($0)" }
        let result = try git.run(
            ["diff-tree", "-r", "-z", "--name-only", "--no-renames", candidate.parent, candidate.commit, "--"]
                + patterns)
        return result.output.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}
