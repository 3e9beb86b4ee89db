import Bus
import Glibc
import Processes
import SystemPackage

// Moving the target, by compare-and-swap.
//
// Where no worktree has it checked out, one update-ref with the old value. Where one has, `git merge --ff-only` in that
// worktree: it moves the files, the index and the branch together, keeps changes in other files and refuses where
// it would overwrite one; it is a fast-forward, so it refuses as well if the branch has moved on. The worktree is
// written in the entry before.
//
// A merge that was killed leaves index.lock, and some of its files new, never the branch ahead of them. It can't be
// done again ("would be overwritten"), so it is finished by hand: see `heal`.
extension Queue {
    enum Moved {
        case moved
        /// The target holds something else by now.
        case elsewhere
        /// It can't be moved now without loss: why, and what would be overwritten, if git says that.
        case blocked(String, [String])
    }

    /// A worktree that has the target checked out, or is in the middle of something that ends by moving it.
    struct Checkout {
        var git: Git
        /// What it is in the middle of.
        var busy: String?
        var place: String { git.worktree?.string ?? "" }
        /// Whose change tells that something was done in the worktree.
        var index: FilePath { git.directory.appending("index") }
    }

    /// Where the target is checked out, and what is uncommitted or untracked there.
    struct Ground {
        var checkouts: [Checkout]
        var dirty: [[String]]
    }

    func ground() throws -> Ground {
        let checkouts = try checkouts()
        return Ground(checkouts: checkouts, dirty: try checkouts.map { $0.busy == nil ? try $0.git.dirty() : [] })
    }

    /// Why the target can't be moved over this candidate's change now; with the index whose change may tell that it can.
    func inTheWay(_ candidate: Candidate, _ ground: Ground) throws -> (why: String, index: FilePath?)? {
        let name = work.targetName
        if let busy = ground.checkouts.first(where: { $0.busy != nil }) {
            return ("'\(name)' is being \(busy.busy ?? "") in '\(busy.place)': finish that first", nil)
        }
        if ground.checkouts.count > 1 { return ("'\(name)' is checked out in \(ground.checkouts.count) worktrees: leave it in all but one", nil) }
        guard let checkout = ground.checkouts.first, let dirty = ground.dirty.first, !dirty.isEmpty else { return nil }
        let paths = try changes(candidate, among: dirty)
        return paths.isEmpty ? nil : (overwriting(paths, checkout), checkout.index)
    }

    /// What the candidate changes of these paths and of what is below them.
    func changes(_ candidate: Candidate, among paths: [String]) throws -> [String] {
        let places = Set(paths.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 })
        let changed = try git.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", candidate.parent, candidate.commit]).output
        return changed.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.filter { path in
            places.contains(path) || path.indices.contains { path[$0] == "/" && places.contains(String(path[..<$0])) }
        }
    }

    func overwriting(_ paths: [String], _ checkout: Checkout) -> String {
        let shown = paths.prefix(5).map(Names.shown).joined(separator: ", ") + (paths.count > 5 ? " and \(paths.count - 5) more" : "")
        return "'\(work.targetName)' is checked out in '\(checkout.place)' and landing would overwrite \(shown): commit, stash or move what is there"
    }

    func checkouts() throws -> [Checkout] {
        guard let target = settings.target else { return [] }
        let branch = String(target.dropFirst("refs/heads/".count))
        var found: [Checkout] = []
        for (path, head) in try work.worktrees() {
            // A worktree that was removed by hand is listed until it is pruned.
            guard let repository = try Repository.at(path) else { continue }
            var busy: String?
            for (file, what) in [("rebase-merge/head-name", "rebased"), ("rebase-apply/head-name", "rebased"), ("BISECT_START", "bisected")] {
                guard let bytes = try Files.read(repository.gitDirectory.appending(file)) else { continue }
                let name = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
                if name == target || name == branch { busy = what }
            }
            if head == target || busy != nil { found.append(Checkout(git: Git(directory: repository.gitDirectory, worktree: path), busy: busy)) }
        }
        return found
    }

    /// A worktree by its path, as it was written down; nil if it is gone.
    func checkout(_ place: String?) throws -> Git? {
        guard let place, let repository = try Repository.at(FilePath(place)) else { return nil }
        return Git(directory: repository.gitDirectory, worktree: FilePath(place))
    }

    /// Moves the target from the candidate's parent to the candidate.
    func move(to candidate: Candidate, _ checkout: Checkout?, why: String) throws -> Moved {
        guard let target = settings.target else { throw Failure.no("no target branch") }
        guard let checkout else {
            let moved = try git.move(target, to: candidate.commit, from: candidate.parent, why: why)
            return moved ? .moved : .elsewhere
        }
        let merge = ["merge", "-q", "--ff-only", "--no-autostash", "--no-verify-signatures", "--no-overwrite-ignore", candidate.commit]
        let result = try checkout.git.attempt(merge, environment: ["GIT_REFLOG_ACTION": "cadre: \(why)"])
        let now = try git.reference(target)
        if now == candidate.commit { return .moved }
        guard now == candidate.parent else { return .elsewhere }
        let paths = String(decoding: result.error, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("\t") }.map { String($0.dropFirst()) }
        return .blocked(
            paths.isEmpty
                ? "'\(work.targetName)' is checked out in '\(checkout.place)' and can't be moved there: \(result.complaint)"
                : overwriting(paths, checkout), paths)
    }

    // MARK: healing

    /// Finishes a fast-forward that was killed in the middle. Nil if it is finished or had not begun, else what stands
    /// in the way.
    ///
    /// What the killed git left is told from what somebody has done since by content: each path that lands must be as
    /// it was, as it will be, absent (git removes first), or the beginning of what it will be. Then, in git's order, the
    /// files are written, the index gets the paths that land and keeps its others, and the branch moves last.
    func heal(from old: String, to new: String, _ worktree: Git, why: String) throws -> String? {
        guard let target = settings.target, let place = worktree.worktree else { return nil }
        guard try git.reference(target) == old else { return nil }
        guard try worktree.branch() == target else { return nil }
        let changes = try changes(old, new)
        let found = try changes.map { try look($0, place, worktree) }
        guard found.contains(.new) || found.contains(.partial) else { return nil }
        if let other = found.firstIndex(of: .other) {
            return "landing in '\(place.string)' was interrupted and '\(Names.shown(changes[other].path))' was changed since: "
                + "bring it to what \(old) or \(new) has"
        }
        var index: [UInt8] = []
        var write: [UInt8] = []
        for change in changes {
            index += Array("\(change.mode) \(change.new)\t".utf8) + change.name + [0]
            if change.isDeleted {
                let path = place.pushing(FilePath(change.path))
                if try !throughLink(change.path, place) { try Files.unlink(path) }
            } else if change.mode != "160000" { write += change.name + [0] }
        }
        try worktree.run(["update-index", "-z", "--replace", "--index-info"], input: index)
        try worktree.run(["checkout-index", "-f", "-z", "--stdin"], input: write)
        _ = try worktree.attempt(["update-index", "-q", "--refresh"])
        _ = try git.move(target, to: new, from: old, why: why)
        return nil
    }

    private struct Change {
        var mode: String
        var old: String
        var new: String
        var name: [UInt8]
        var path: String { String(decoding: name, as: UTF8.self) }
        var isDeleted: Bool { mode == "0" || mode == "000000" }
    }

    private enum Content { case old, new, partial, other }

    private func changes(_ old: String, _ new: String) throws -> [Change] {
        let fields = try git.run(["diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", old, new]).output.split(separator: 0)
        var all: [Change] = []
        for (header, name) in zip(fields.enumerated().filter { $0.offset % 2 == 0 }, fields.enumerated().filter { $0.offset % 2 == 1 }) {
            let words = String(decoding: header.element, as: UTF8.self).split(separator: " ").map(String.init)
            guard words.count == 5 else { throw Failure.unsure("unable to compare '\(old)' and '\(new)'") }
            all.append(Change(mode: words[1], old: words[2], new: words[3], name: Array(name.element)))
        }
        return all
    }

    private func look(_ change: Change, _ place: FilePath, _ worktree: Git) throws -> Content {
        let path = place.pushing(FilePath(change.path))
        let wasAbsent = change.old.allSatisfy { $0 == "0" }
        guard let st = try Files.status(path) else { return wasAbsent ? .old : change.isDeleted ? .new : .partial }
        if st.st_mode & S_IFMT == S_IFDIR { return change.mode == "160000" ? .new : .other }
        let hash: String
        if st.st_mode & S_IFMT == S_IFLNK {
            var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let n = path.withPlatformString { p in buffer.withUnsafeMutableBytes { readlink(p, $0.bindMemory(to: CChar.self).baseAddress!, $0.count) } }
            guard n >= 0 else { return .other }
            hash = try worktree.run(["hash-object", "--stdin"], input: Array(buffer[..<n])).text
        } else {
            guard let bytes = try Files.read(path) else { return .other }
            hash = try worktree.run(["hash-object", "--stdin", "--path=\(change.path)"], input: bytes).text
        }
        if change.old == change.new {
            let mode = st.st_mode & S_IFMT == S_IFLNK ? "120000" : st.st_mode & S_IXUSR != 0 ? "100755" : "100644"
            return hash != change.new ? .other : mode == change.mode ? .new : .old
        }
        if hash == change.old { return .old }
        if hash == change.new { return .new }
        guard !change.isDeleted, let bytes = try Files.read(path) else { return .other }
        let whole = try worktree.attempt(["cat-file", "--filters", "--path=\(change.path)", change.new]).output
        return bytes.count < whole.count && whole.starts(with: bytes) ? .partial : .other
    }

    /// Whether a directory on the way to the path is a symbolic link.
    private func throughLink(_ path: String, _ place: FilePath) throws -> Bool {
        var at = place
        for part in path.split(separator: "/").dropLast() {
            at.append(String(part))
            if let st = try Files.status(at), st.st_mode & S_IFMT == S_IFLNK { return true }
        }
        return false
    }

    /// Removes the lock files that a killed git left; says what is in the way if somebody may hold one.
    func unlock(_ worktree: Git?) throws -> String? {
        if let target = settings.target, let why = try removeStale(git.directory.appending("\(target).lock"), work.worktrees().map(\.path)) { return why }
        guard let worktree, let place = worktree.worktree else { return nil }
        for name in ["index.lock", "HEAD.lock", "ORIG_HEAD.lock"] {
            if let why = try removeStale(worktree.directory.appending(name), [place]) { return why }
        }
        return nil
    }

    /// Removes a lock file of git's that nobody alive holds: older than a second, with no git at work in these
    /// directories. Else says what is at work.
    func removeStale(_ lock: FilePath, _ places: [FilePath]) throws -> String? {
        let end = Time.monotonic() + 5
        while let st = try Files.status(lock) {
            let pid = gitAtWork(places)
            if Time.now() - st.st_mtim.tv_sec > 1, pid == nil {
                try Files.unlink(lock)
            } else if Time.monotonic() > end {
                return "'\(lock.string)' is held\(pid.map { ", perhaps by process \($0)" } ?? ""): try again"
            } else {
                usleep(50_000)
            }
        }
        return nil
    }

    /// A git process that runs in one of these directories.
    private func gitAtWork(_ places: [FilePath]) -> pid_t? {
        for name in (try? Files.list("/proc")) ?? [] {
            guard let pid = pid_t(name), pid != getpid(), (try? Files.read(FilePath("/proc/\(name)/comm"))) == Array("git\n".utf8) else { continue }
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let n = readlink("/proc/\(name)/cwd", &buffer, buffer.count - 1)
            guard n > 0 else { continue }
            let cwd = String(decoding: buffer[..<n].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if places.contains(where: { cwd == $0.string || cwd.hasPrefix($0.string + "/") }) { return pid }
        }
        return nil
    }
}
