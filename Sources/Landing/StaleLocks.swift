import Bus
import Git
import Glibc
import Processes
import Storage
import SystemPackage

// Lock files of git's, `NAME.lock` beside what they lock. One that a git left that was killed stays for ever.

extension TaskBranches {
    /// Removes a lock file of git's that no living process holds: it is older than a second, and no git runs in
    /// `places`; with no places, no git of ours moves references. Returns what is in the way if the lock stays.
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

    /// Whether a lock file was left: it is there for so many seconds, and no git is at work.
    func isStale(_ lock: FilePath, _ places: [FilePath], seconds: Int) throws -> Bool {
        guard let st = try Files.status(lock) else { return false }
        return Time.now() - st.st_mtim.tv_sec > seconds && gitAtWork(places) == nil
    }

    /// A git process that runs in one of these directories.
    private func gitAtWork(_ places: [FilePath]) -> pid_t? {
        for name in (try? Files.list("/proc")) ?? [] {
            guard let pid = pid_t(name), pid != getpid(),
                (try? Files.read(FilePath("/proc/\(name)/comm"))) == Array("git\n".utf8)
            else { continue }
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let n = readlink("/proc/\(name)/cwd", &buffer, buffer.count - 1)
            guard n > 0 else { continue }
            let cwd = String(decoding: buffer[..<n].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if places.contains(where: { cwd == $0.string || cwd.hasPrefix($0.string + "/") }) { return pid }
            guard places.isEmpty, let words = try? Files.read(FilePath("/proc/\(name)/cmdline"))?.split(separator: 0)
            else { continue }
            if words.contains(where: { $0.elementsEqual("--git-dir=\(repository.directory.string)".utf8) }),
                words.contains(where: { $0.elementsEqual("update-ref".utf8) })
            {
                return pid
            }
        }
        return nil
    }
}

extension MergeRunner {
    func removeStale(_ lock: FilePath, _ places: [FilePath]) throws -> String? { try work.removeStale(lock, places) }

    /// Removes the lock files that a killed git left; says what is in the way if somebody may hold one.
    func unlock(_ worktree: Git?) throws -> String? {
        if let target = settings.target,
            let why = try removeStale(git.directory.appending("\(target).lock"), work.worktrees().map(\.path))
        {
            return why
        }
        guard let worktree, let place = worktree.worktree else { return nil }
        for name in ["index.lock", "HEAD.lock", "ORIG_HEAD.lock"] {
            if let why = try removeStale(worktree.directory.appending(name), [place]) { return why }
        }
        return nil
    }
}
