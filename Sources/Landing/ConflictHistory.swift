import Bus
import Storage
import SystemPackage

// What the author of work that conflicts is told of the other side: whose commits have changed those paths since the
// work was begun, and what they were for.
//
// The other side may know a path by another name. So the names are first joined by the renames of both sides; where
// nobody has changed any of them (a directory was renamed, or a file stands where a directory was), their directories
// are looked at, and so on up to the root.
extension MergeRunner {
    /// The other side of a conflict, newest first, for the mail and for `task show`: of at most five tasks the title,
    /// author, body and result, and of commits that belong to none the id, author and subject. `below` is what the
    /// work was to be put on; what of that `target` does not have yet is said to be ahead in the queue.
    func otherSide(_ entry: Entry, _ paths: [String], below: String, target: String) throws -> [UInt8] {
        let commits = try others(entry, paths, below)
        guard !commits.isEmpty else { return [] }
        let ahead = Set(try git.run(["rev-list", "\(target)..\(below)"]).text.split(separator: "\n").map(String.init))
        var text = Array("\nThe other side, newest first:\n".utf8)
        for commit in commits.prefix(5) {
            let place = ahead.contains(commit.id) ? "ahead in the queue" : "commit \(commit.id.prefix(12))"
            if let task = commit.task, let told = tell(of: task) {
                text += Array("\n\(told.line), \(place)\n".utf8) + told.text
            } else {
                text += Array("\n\(place) by '\(Names.shown(commit.author))': \(Names.shown(commit.subject))\n".utf8)
            }
        }
        if commits.count > 5 { text += Array("\nand \(commits.count - 5) more\n".utf8) }
        return text
    }

    private struct Commit {
        var id: String
        var task: Int?
        var author: String
        var subject: String
    }

    /// The commits of others that changed the paths, one of each task. Those that came by a merge count as one.
    private func others(_ entry: Entry, _ paths: [String], _ below: String) throws -> [Commit] {
        var names = try joined(Set(paths), entry, below)
        while true {
            let format = "%H%x1f%(trailers:key=Cadre-Task,valueonly,separator=%x2C)%x1f%an%x1f%s"
            let log = try git.run(
                [
                    "log", "-z", "--first-parent", "--no-show-signature", "--max-count=500", "--format=\(format)",
                    "\(entry.base)..\(below)", "--",
                ]
                    + names.sorted().prefix(500).map { ":(top,literal)\($0)" })
            var tasks = Set([entry.id])
            let found = log.output.split(separator: 0).compactMap { line -> Commit? in
                let words = String(decoding: line, as: UTF8.self).split(
                    separator: "\u{1f}", maxSplits: 3, omittingEmptySubsequences: false
                ).map(String.init)
                guard words.count == 4 else { return nil }
                let commit = Commit(id: words[0], task: Int(words[1]), author: words[2], subject: words[3])
                return commit.task.map { tasks.insert($0).inserted } ?? true ? commit : nil
            }
            if !found.isEmpty || names.contains("") || names.isEmpty { return found }
            names = Set(names.map { $0.split(separator: "/").dropLast().joined(separator: "/") })
        }
    }

    /// The names, and those that either side's renames connect with them.
    private func joined(_ names: Set<String>, _ entry: Entry, _ below: String) throws -> Set<String> {
        var pairs: [(String, String)] = []
        for side in [below, entry.tip] {
            let diff = try git.run([
                "diff-tree", "-r", "-z", "-M", "--name-status", "--diff-filter=R", entry.base, side,
            ]).output
            let fields = diff.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            for at in stride(from: 0, to: fields.count - 2, by: 3) { pairs.append((fields[at + 1], fields[at + 2])) }
        }
        var all = names
        var count = 0
        while count != all.count {
            count = all.count
            for (old, new) in pairs where all.contains(old) != all.contains(new) { all.formUnion([old, new]) }
        }
        return all
    }

    /// What is known of a task that went through the queue. Nil if there is none here, or its files can't be read: the
    /// commit tells enough.
    private func tell(of id: Int) -> (line: String, text: [UInt8])? {
        guard let header = try? bus.header(id), let entry = (try? bus.entry(id)) ?? (try? bus.lastEntry(id)) else {
            return nil
        }
        let end = try? bus.end(id)
        var text = MergeRunner.quoted(header.body, "cadre task show \(id)")
        let result = MergeRunner.quoted(end?.body ?? entry.record.body, "cadre task show \(id)")
        if !result.isEmpty { text += Array("Its result:\n".utf8) + result }
        return ("task \(id) '\(Names.shown(header.title))' by '\(entry.author)'", text)
    }

    /// Text of somebody else's: each line marked, cut to about 2,000 bytes.
    static func quoted(_ text: [UInt8], _ whole: String) -> [UInt8] {
        var shown = text[...]
        while let last = shown.last, last == 10 || last == 32 { shown.removeLast() }
        let isCut = shown.count > 2000
        if isCut {
            shown = shown.prefix(2000)
            // Not within a line, if there is a short one, nor within a character.
            if let end = shown.lastIndex(of: 10), end > shown.startIndex + 1000 { shown = shown[..<end] }
            while let last = shown.last, last & 0xc0 == 0x80 { shown.removeLast() }
            if let last = shown.last, last >= 0xc0 { shown.removeLast() }
        }
        guard !shown.isEmpty else { return [] }
        let lines = shown.split(separator: 10, omittingEmptySubsequences: false).map {
            ($0.isEmpty ? [62] : [62, 32]) + $0 + [10]
        }
        return Array(lines.joined()) + (isCut ? Array("(cut: '\(whole)' shows all)\n".utf8) : [])
    }
}
