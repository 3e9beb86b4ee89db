import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// The files of a person's checkout, brought from one commit to another: all of them, or none.
//
//   1  the reference is locked, at the old commit                        (ReferenceLock)
//   2  files that git ignores, where the new commit has some, are in the way: git would overwrite them
//   3  git read-tree -m -u OLD NEW: refused, with nothing touched, where it would overwrite a change or an untracked
//      file; else it writes the files, and the index last; what is the same in both commits keeps its changes
//   4  what changed must be there as the new commit has it               -> else it is taken back, by `back`
//   5  the reference is moved
//
// Killed in 3 or before 5, the reference is at the old commit, and some files may be new, each whole, absent (git
// removes first) or the beginning of what it is to be. The next runner tells by their contents that the step was begun,
// and finishes it by `finish`, or takes it back.
//
// What neither commit has is somebody's own: a step back leaves it, and a step is not finished over it.
struct Step {
    /// git on the checkout.
    let git: Git
    let place: FilePath
    let old: String
    let new: String
    private let changes: [Change]

    private struct Change {
        var oldMode: String
        var mode: String
        var old: String
        var new: String
        var name: [UInt8]
        var path: String { String(decoding: name, as: UTF8.self) }
        var isDeleted: Bool { new.allSatisfy { $0 == "0" } }
        var wasAbsent: Bool { old.allSatisfy { $0 == "0" } }
        /// A submodule: git moves none of its files.
        var isLink: Bool { mode == "160000" || oldMode == "160000" }
    }

    private enum Content {
        case old, new
        /// The beginning of what it will be, or nothing where there was something.
        case partial
        case other
    }

    /// Nil without a worktree.
    init?(_ git: Git, from old: String, to new: String) throws {
        guard let place = git.worktree else { return nil }
        self.git = git
        self.place = place
        self.old = old
        self.new = new
        let fields = try git.run(["diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", old, new]).output
            .split(separator: 0)
        changes = try stride(from: 0, to: fields.count - 1, by: 2).map { n in
            let words = String(decoding: fields[n], as: UTF8.self).split(separator: " ").map(String.init)
            guard words.count == 5 else { throw Failure.unsure("unable to compare '\(old)' and '\(new)'") }
            return Change(
                oldMode: String(words[0].dropFirst()), mode: words[1], old: words[2], new: words[3],
                name: Array(fields[n + 1]))
        }
    }

    // MARK: forward

    /// Files that git ignores and would overwrite. Those that it does not ignore it refuses to overwrite itself.
    func hidden() throws -> [String] {
        let removed = Set(changes.filter(\.isDeleted).map(\.path))
        var found = Set<String>()
        func walk(_ path: String) throws {
            for name in try Files.list(place.pushing(FilePath(path))) ?? [] where name != ".git" {
                let path = path + "/" + name
                guard let st = try Files.status(place.pushing(FilePath(path))) else { continue }
                if st.st_mode & S_IFMT == S_IFDIR {
                    try walk(path)
                } else if !removed.contains(path) {
                    found.insert(path)
                }
            }
        }
        for change in changes where change.wasAbsent {
            var path = ""
            for part in change.path.split(separator: "/") {
                path += (path.isEmpty ? "" : "/") + part
                guard let st = try Files.status(place.pushing(FilePath(path))) else { break }
                if st.st_mode & S_IFMT == S_IFDIR { continue }
                if !removed.contains(path) { found.insert(path) }
                break
            }
            if path == change.path, !change.isLink, let st = try Files.status(place.pushing(FilePath(path))),
                st.st_mode & S_IFMT == S_IFDIR
            {
                try walk(path)
            }
        }
        return found.sorted()
    }

    /// Steps 3 and 4. Nil if all is there, else what kept it from being.
    func forward() throws -> Program.Result? {
        let refresh = try git.attempt(["update-index", "-q", "--refresh"])
        if refresh.lock != nil { return refresh }
        let result = try git.attempt(["read-tree", "-m", "-u", old, new])
        guard result.status == 0 else { return result }
        let left = try unfinished()
        guard let first = left.first else { return nil }
        var failed = result
        // git warns only.
        if failed.error.isEmpty {
            failed.error = Array("error: unable to bring '\(Names.shown(first))' to what '\(new)' has\n".utf8)
        }
        return failed
    }

    /// What is not as the new commit has it, though the index says so.
    private func unfinished() throws -> [String] {
        let differs = Set(
            try git.run(["diff-files", "-z", "--name-only"]).output.split(separator: 0).map { Array($0) })
        return try changes.filter { change in
            if change.isLink { return false }
            if change.isDeleted { return try look(change) == .old }
            guard differs.contains(change.name) else { return false }
            return try [.old, .partial].contains(look(change))
        }.map(\.path)
    }

    // MARK: what was begun

    enum Begun {
        case nothing
        case some
        /// It was, and this path is neither as it was nor as it will be.
        case other(String)
    }

    func begun() throws -> Begun {
        let found = try changes.map { try look($0) }
        guard found.contains(.new) || found.contains(.partial) else { return .nothing }
        if let other = found.firstIndex(of: .other) { return .other(changes[other].path) }
        return .some
    }

    /// Writes what is still to be written, whatever it takes the place of, and the index. Nil if all is there then.
    func finish() throws -> Program.Result? {
        for change in changes.reversed() where change.isDeleted { try? remove(change) }
        let write = changes.filter { !$0.isDeleted && $0.mode != "160000" }
        if let failed = try bring(toNew: true, changes, write) { return failed }
        return try unfinished().first.map {
            Program.Result(status: 1, output: [], error: Array("error: unable to write '\(Names.shown($0))'\n".utf8))
        }
    }

    /// Takes the step back, path by path, from the last to the first; where somebody has committed or switched branches
    /// since, only what HEAD has as it was: the rest is theirs now. Gives what could not be, and why.
    func back() throws -> (paths: [String], why: String)? {
        var write: [Change] = []
        let theirs = try Set(
            git.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", old, "HEAD"]).output.split(separator: 0)
                .map { Array($0) })
        let changes = changes.filter { !$0.isLink && !theirs.contains($0.name) }
        for change in changes.reversed() {
            guard try [.new, .partial].contains(look(change)) else { continue }
            // What can't be removed is found below.
            if !change.isDeleted { try? remove(change) }
            if !change.wasAbsent { write.append(change) }
        }
        let failed = try bring(toNew: false, changes, write)
        let left = try changes.filter { try [.new, .partial].contains(look($0)) }.map(\.path)
        guard failed != nil || !left.isEmpty else { return nil }
        return (left, failed?.trouble ?? "unable to write there")
    }

    /// Brings the index to the one commit where it has what the other has, then these files to what it has. What it has
    /// besides somebody has staged: that stays.
    private func bring(toNew: Bool, _ changes: [Change], _ files: [Change]) throws -> Program.Result? {
        let index = try staged()
        var entries: [UInt8] = []
        var foreign = Set<[UInt8]>()
        for change in changes {
            let before = change.wasAbsent ? nil : "\(change.oldMode) \(change.old)"
            let after = change.isDeleted ? nil : "\(change.mode) \(change.new)"
            let (from, to) = toNew ? (before, after) : (after, before)
            if index[change.name] == from {
                entries += Array("\(to ?? "0 \(toNew ? change.old : change.new)")\t".utf8) + change.name + [0]
            } else if index[change.name] != to {
                foreign.insert(change.name)
            }
        }
        // Where there is nothing to be done nothing is written: there may be no room.
        if !entries.isEmpty {
            let updated = try git.attempt(["update-index", "-z", "--replace", "--index-info"], input: entries)
            guard updated.status == 0 else { return updated }
        }
        let names: [UInt8] = Array(files.filter { !foreign.contains($0.name) }.map { $0.name + [0] }.joined())
        if !names.isEmpty {
            let written = try git.attempt(["checkout-index", "-f", "-z", "--stdin"], input: names)
            guard written.status == 0 else { return written }
        }
        _ = try git.attempt(["update-index", "-q", "--refresh"])
        return nil
    }

    /// What the index has: mode and object, by name; of one in a conflict neither.
    private func staged() throws -> [[UInt8]: String] {
        var all: [[UInt8]: String] = [:]
        for line in try git.run(["ls-files", "-s", "-z"]).output.split(separator: 0) {
            guard let tab = line.firstIndex(of: 9) else { continue }
            let words = String(decoding: line[..<tab], as: UTF8.self).split(separator: " ")
            all[Array(line[(tab + 1)...])] = words.count == 3 && words[2] == "0" ? "\(words[0]) \(words[1])" : ""
        }
        return all
    }

    /// Removes the file, and the directories that are empty then.
    private func remove(_ change: Change) throws {
        if try Files.isBehindLink(change.path, in: place) { return }
        let path = place.pushing(FilePath(change.path))
        guard let st = try Files.status(path), st.st_mode & S_IFMT != S_IFDIR else { return }
        try Files.unlink(path)
        var above = path.removingLastComponent()
        while above != place, try Files.rmdir(above) { above.removeLastComponent() }
    }

    // MARK: contents

    private func look(_ change: Change) throws -> Content {
        let path = place.pushing(FilePath(change.path))
        guard try !Files.isBehindLink(change.path, in: place), let st = try Files.status(path) else {
            return change.wasAbsent ? .old : change.isDeleted ? .new : .partial
        }
        if st.st_mode & S_IFMT == S_IFDIR { return change.mode == "160000" ? .new : .other }
        let hash: String
        if st.st_mode & S_IFMT == S_IFLNK {
            var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let n = path.withPlatformString { p in
                buffer.withUnsafeMutableBytes { readlink(p, $0.bindMemory(to: CChar.self).baseAddress!, $0.count) }
            }
            guard n >= 0 else { return .other }
            hash = try git.run(["hash-object", "--stdin"], input: Array(buffer[..<n])).text
        } else {
            guard let bytes = try Files.read(path) else { return .other }
            hash = try git.run(["hash-object", "--stdin", "--path=\(change.path)"], input: bytes).text
        }
        if change.old == change.new {
            let mode = st.st_mode & S_IFMT == S_IFLNK ? "120000" : st.st_mode & S_IXUSR != 0 ? "100755" : "100644"
            return hash != change.new ? .other : mode == change.mode ? .new : .old
        }
        if hash == change.old { return .old }
        if hash == change.new { return .new }
        guard !change.isDeleted, let bytes = try Files.read(path) else { return .other }
        let whole = try git.attempt(["cat-file", "--filters", "--path=\(change.path)", change.new]).output
        return bytes.count < whole.count && whole.starts(with: bytes) ? .partial : .other
    }
}
