import Bus
import Git
import Storage
import SystemPackage

/// Merges of commits with each other in memory, of which nothing stays: what git writes goes into a directory of
/// objects beside the repository's. It is emptied afterwards, but for the directories in it, which take longest to
/// make.
struct ScratchMerge {
    private let git: Git
    private let environment: [String: String?]

    /// Seconds after which a comparison is given up.
    private static let timeout = 60.0

    /// `onto`: the tree whose attributes count.
    init(_ work: TaskBranches, onto tree: String, objects: FilePath) throws {
        git = try IsolatedGit(work).merging(onto: tree)
        try ScratchMerge.clear(objects)
        try Files.mkdirs(objects)
        // Quoted, since a colon divides.
        let own = work.repository.directory.appending("objects").string
        let quoted = own.unicodeScalars.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : "\($0)" }.joined()
        environment = ["GIT_OBJECT_DIRECTORY": objects.string, "GIT_ALTERNATE_OBJECT_DIRECTORIES": "\"\(quoted)\""]
    }

    /// Removes what is in such a directory; whether there was anything.
    @discardableResult
    static func clear(_ objects: FilePath) throws -> Bool {
        var any = false
        for directory in try Files.list(objects) ?? [] {
            for name in try Files.list(objects.appending(directory)) ?? [] {
                try Files.removeAll(objects.appending(directory).appending(name))
                any = true
            }
        }
        return any
    }

    /// A commit that nobody else sees. `tree` may be anything that has one.
    func commit(_ tree: String, parent: String) throws -> String {
        let dates: [String: String?] = ["GIT_AUTHOR_DATE": "@1 +0000", "GIT_COMMITTER_DATE": "@1 +0000"]
        return try git.run(
            ["commit-tree", "\(tree)^{tree}", "-p", parent], input: Array("merge\n".utf8),
            environment: environment.merging(TaskBranches.identity) { $1 }.merging(dates) { $1 }
        ).text
    }

    /// Merges each two; gives the tree that results, with conflict marks where there are, and the paths that conflict.
    func merge(_ pairs: [(String, String)]) throws -> [(tree: String, paths: [String])] {
        guard !pairs.isEmpty else { return [] }
        var program = git.program(
            ["merge-tree", "--write-tree", "--stdin", "-z", "--name-only", "--allow-unrelated-histories"],
            environment: environment)
        program.input = Array(pairs.map { "\($0) \($1)\n" }.joined().utf8)
        program.timeout = ScratchMerge.timeout
        let result = try program.run()
        return try ScratchMerge.merged(result.output, pairs, complaint: result.complaint)
    }

    /// The output of `git merge-tree --stdin -z` is for each line of its input `1 TREE ""`, or `0 TREE PATH... ""` and
    /// the messages, each `COUNT PATH... TYPE TEXT`, up to an empty field. It ends early at a line that it can't merge.
    static func merged(_ output: [UInt8], _ pairs: [(String, String)], complaint: String) throws
        -> [(tree: String, paths: [String])]
    {
        var fields = output.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }[...]
        func list() -> [String] {
            let found = fields.prefix { !$0.isEmpty }
            fields = fields.dropFirst(found.count + 1)
            return Array(found)
        }
        return try pairs.map { pair in
            guard let clean = fields.popFirst(), clean == "0" || clean == "1", let tree = fields.popFirst(),
                tree.utf8.count >= 40
            else {
                throw Failure.unsure("unable to compare '\(pair.0)' and '\(pair.1)': \(complaint)")
            }
            var paths = list()
            guard clean == "0" else { return (tree, []) }
            var messages = list()[...]
            // Where directories were renamed differently, only the message has the paths.
            while paths.isEmpty, let count = messages.popFirst().flatMap({ Int($0) }) {
                let named = messages.prefix(count)
                messages = messages.dropFirst(count)
                if messages.popFirst()?.hasPrefix("CONFLICT") == true { paths += named }
                messages = messages.dropFirst()
            }
            return (tree, Git.plain(paths, [pair.0, pair.1]))
        }
    }
}
