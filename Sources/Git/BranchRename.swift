import Bus
import Storage
import SystemPackage

// A target that was renamed is followed. `git branch -m` moves a branch's reflog with it and writes both names there
// ("Branch: renamed OLD to NEW"), so that the branch which was the target is told from one that was made anew.
extension Git {
    /// What a branch that is no more was renamed to; nil if it is there, or git does not tell. Starts no process while
    /// the branch is there.
    package func renamed(_ reference: String) throws -> String? {
        guard reference.hasPrefix("refs/heads/"), try !isThere(reference), try self.reference(reference) == nil else {
            return nil
        }
        let line = "\tBranch: renamed \(reference) to "
        let heirs = try run(["for-each-ref", "--format=%(refname)", "refs/heads"]).text.split(separator: "\n").map(
            String.init
        ).filter { name in
            guard let log = try Files.read(directory.appending("logs").pushing(FilePath(name))) else { return false }
            return String(decoding: log, as: UTF8.self).contains(line)
        }
        return heirs.count == 1 ? heirs[0] : nil
    }

    /// Whether the files of the repository have the reference (gitrepository-layout(5)).
    package func isThere(_ reference: String) throws -> Bool {
        if try Files.exists(directory.pushing(FilePath(reference))) { return true }
        let packed = Array(" \(reference)".utf8)
        return try (Files.read(directory.appending("packed-refs")) ?? []).split(separator: 10).contains {
            $0.suffix(packed.count).elementsEqual(packed)
        }
    }
}
