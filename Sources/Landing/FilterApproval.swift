import Bus
import Configuration
import Git
import Storage
import SystemPackage

// Work may need a filter, a merge driver or a signing program that only the repository's own configuration names and
// that the person has not approved (see Configured). Such work waits, and one ask covers all of it.
extension MergeRunner {
    /// Why the entry can't be put on top of `below` yet; nil if it can. Of merge drivers only those count that git
    /// would run: for files that both sides have changed.
    func unapproved(_ entry: Entry, on below: String) throws -> String? {
        let configured = try own.configured()
        guard !configured.refused.isEmpty else { return nil }
        if configured.refused.contains("gpg"), configured.value("commit.gpgsign")?.lowercased() == "true" {
            return words(["gpg"])
        }
        guard configured.refused.contains(where: { $0.hasPrefix("merge.") }) else { return nil }
        func changed(_ side: String) throws -> Set<[UInt8]> {
            let output = try git.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", entry.base, side]).output
            return Set(output.split(separator: 0).map(Array.init))
        }
        let both = try changed(below).intersection(changed(entry.tip))
        return try words(needed("merge", both, own.merging(onto: below), configured))
    }

    /// Why the candidate can't be checked out as it should be.
    func unapproved(_ candidate: Candidate) throws -> String? {
        let configured = try own.configured()
        if configured.hidesServer, try mode() != .local, try own.isLarge(candidate.commit) {
            return "'.lfsconfig' of '\(work.targetName)' names a server that you have not let be used: see 'cadre init'"
        }
        guard configured.refused.contains(where: { $0.hasPrefix("filter.") }) else { return nil }
        let all = try git.run(["ls-tree", "-r", "-z", "--name-only", "--full-tree", candidate.commit]).output.split(
            separator: 0
        ).map(Array.init)
        return try words(needed("filter", Set(all), own.merging(onto: candidate.commit), configured))
    }

    /// The groups that are not let run and that the attribute of one of these paths names.
    private func needed(_ attribute: String, _ paths: Set<[UInt8]>, _ git: Git, _ configured: Configured) throws -> Set<
        String
    > {
        guard !paths.isEmpty else { return [] }
        let output = try git.run(
            ["check-attr", "-z", "--stdin", attribute],
            input: Array(paths.sorted { $0.lexicographicallyPrecedes($1) }.joined(separator: [0]))
        ).output
        let fields = output.split(separator: 0, omittingEmptySubsequences: false)
        let names = stride(from: 2, to: fields.count, by: 3).map {
            "\(attribute).\(String(decoding: fields[$0], as: UTF8.self))"
        }
        return Set(names).intersection(configured.refused)
    }

    private func words(_ groups: Set<String>) -> String? {
        guard !groups.isEmpty else { return nil }
        return
            "it needs \(groups.sorted().map { "'\(Names.shown($0))'" }.joined(separator: ", ")), of this repository's "
            + "git configuration, which you have not let run: see 'cadre init'"
    }

    /// Closes the ask where nothing is left to be let run.
    func closeApproval() throws {
        if try bus.ask("git") != nil, try own.configured().unseen.isEmpty {
            try bus.closeAsk(named: "git", by: "cadre", "")
        }
    }

    func askForApproval() throws {
        let unseen = try own.configured().unseen.map { "\n  \(Names.shown($0))" }.joined()
        try bus.openAsk(
            named: "git", by: "cadre",
            "work waits for commands of this repository's git configuration that you have not let run: 'cadre init' "
                + "shows them and lets them run\(unseen)"
        )
    }
}

extension Configured {
    /// What the person lets run by starting work: all that is configured now.
    package var approvable: [String] { commands + reach(nil) }
}
