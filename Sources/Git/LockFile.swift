import Processes
import Storage
import SystemPackage

// What git says of files of another git that keep it from its work: lock files, `NAME.lock` beside what they lock, and
// a worktree's record that is half made.

extension Program.Result {
    /// The lock file that kept git from its work, if it says so.
    package var lock: FilePath? {
        let text = String(decoding: error, as: UTF8.self)
        guard let before = text.find("Unable to create '", from: text.startIndex),
            let after = text.find("': File exists", from: before.upperBound)
        else { return nil }
        return FilePath(String(text[before.upperBound..<after.lowerBound]))
    }

    /// The record of a worktree that another git is making at this moment: its `commondir` exists and is empty. Every
    /// git that lists the worktrees then dies (git 2.39 and later), before it has changed anything.
    package var halfMade: FilePath? {
        guard status == 128 else { return nil }
        let text = String(decoding: error, as: UTF8.self)
        guard let before = text.find("failed to read ", from: text.startIndex),
            let after = text.find("/commondir: Success", from: before.upperBound)
        else { return nil }
        return FilePath(String(text[before.upperBound..<after.lowerBound]))
    }

    /// What is the matter, for a person: the lock by its name, else the first thing that git complained of.
    package var trouble: String {
        if let lock {
            return "'\(Names.shown(lock.string))' exists: another git is at work, or one that died has left it"
        }
        if let halfMade {
            return "the worktree '\(Names.shown(halfMade.string))' is half made: another git is at work, or one that "
                + "died has left it"
        }
        let lines = error.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
        for prefix in ["error: ", "fatal: "] {
            if let line = lines.first(where: { $0.hasPrefix(prefix) }) {
                return Names.shown(String(line.dropFirst(prefix.count)))
            }
        }
        return complaint
    }
}

extension String {
    /// Where these words are first, from an index on.
    fileprivate func find(_ words: String, from start: Index) -> Range<Index>? {
        var at = start
        while at < endIndex {
            if self[at...].hasPrefix(words) { return at..<index(at, offsetBy: words.count) }
            at = index(after: at)
        }
        return nil
    }
}
