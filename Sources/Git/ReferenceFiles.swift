import Bus
import Glibc
import Storage
import SystemPackage

// References as the repository's own files have them (gitrepository-layout(5)), so that reading one starts no process.
// cadre asks git only where the files don't tell: if the repository keeps its references in tables (reftable), if a
// reference or HEAD is symbolic in an unusual way, and if a name is more than a reference's.
extension Git {
    package enum Filed: Equatable {
        case holds(String)
        case absent
        /// Only git can tell.
        case unknown

        var commit: String? {
            if case .holds(let id) = self { return id }
            return nil
        }
    }

    /// What the files say that a reference holds, by its whole name, or HEAD of this git directory.
    ///
    /// A reference is in a file of its own, or else a line of `packed-refs`. git writes that line before it removes the
    /// file, so they are looked at in this order.
    package func filed(_ name: String) throws -> Filed {
        if name == "HEAD" {
            switch try headFiled() {
            case .branch(let reference): return try filed(reference)
            case .detached(let commit): return .holds(commit)
            case .unknown: return .unknown
            }
        }
        guard Git.isShared(name), let common = try commonFiles() else { return .unknown }
        let path = common.pushing(FilePath(name))
        if let status = try Files.status(path), status.st_mode & S_IFMT != S_IFDIR {
            guard status.st_mode & S_IFMT == S_IFREG else { return .unknown }
            if let bytes = try Files.read(path) { return Git.id(bytes).map(Filed.holds) ?? .unknown }
        }
        guard let packed = try Files.read(common.appending("packed-refs")) else { return .absent }
        return Git.find(name, in: packed)
    }

    package enum FiledHead: Equatable {
        case branch(String)
        case detached(String)
        case unknown
    }

    /// What the file HEAD of this git directory says.
    package func headFiled() throws -> FiledHead {
        guard try commonFiles() != nil, case let path = directory.appending("HEAD"),
            let status = try Files.status(path), status.st_mode & S_IFMT == S_IFREG, let bytes = try Files.read(path)
        else { return .unknown }
        if let id = Git.id(bytes) { return .detached(id) }
        let line = String(decoding: bytes, as: UTF8.self)
        guard line.hasPrefix("ref: refs/heads/"), line.hasSuffix("\n"),
            case let name = String(line.dropFirst(5).dropLast()), Git.isShared(name)
        else { return .unknown }
        return .branch(name)
    }

    /// The git directories of all worktrees whose HEAD names a branch; nil if only git can tell.
    package func directories(on reference: String) throws -> [FilePath]? {
        guard Git.isShared(reference), let common = try commonFiles() else { return nil }
        let linked = common.appending("worktrees")
        let all = try [common] + (Files.list(linked) ?? []).map { linked.appending($0) }
        return try all.filter { directory in
            let bytes = try Files.read(directory.appending("HEAD")) ?? []
            return bytes.elementsEqual("ref: \(reference)\n".utf8)
        }
    }

    /// Where the files of references are that all worktrees share; nil if they are not in files.
    private func commonFiles() throws -> FilePath? {
        var common = directory
        if let bytes = try Files.read(directory.appending("commondir")) {
            // Empty while the worktree is made.
            guard bytes.count > 1 else { return nil }
            common = directory.pushing(FilePath(Repository.line(bytes)))
        }
        return try Files.exists(common.appending("reftable")) ? nil : common
    }

    /// Whether it is the whole name of a reference that all worktrees share, and nothing more: not `NAME^{commit}`,
    /// `NAME:PATH` or `NAME@{1}`, nor one that leads out of the directory.
    private static func isShared(_ name: String) -> Bool {
        let special = Set("~^:?*[\\@ ".utf8)
        return ["refs/heads/", "refs/cadre/", "refs/remotes/"].contains(where: name.hasPrefix)
            && name.utf8.allSatisfy { $0 > 32 && $0 != 127 && !special.contains($0) }
            && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".lock") && !$0.hasSuffix(".")
            }
    }

    /// The id of an object that is all of a file; nil if the file holds something else.
    private static func id(_ bytes: [UInt8]) -> String? {
        guard bytes.last == 10, case let digits = bytes.dropLast(), isId(digits) else { return nil }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Whether it is the whole id of an object, not the null one.
    private static func isId(_ digits: ArraySlice<UInt8>) -> Bool {
        [40, 64].contains(digits.count)
            && digits.allSatisfy { (48...57).contains($0) || (97...102).contains($0) } && digits.contains { $0 != 48 }
    }

    /// The line of a reference in `packed-refs`.
    static func find(_ name: String, in packed: [UInt8]) -> Filed {
        (packed + [0]).withUnsafeBytes { all in
            let text = all.bindMemory(to: CChar.self).baseAddress!
            guard let found = strstr(text, " \(name)\n") else { return .absent }
            let end = UnsafePointer(found) - text
            let digits = packed[((packed[..<end].lastIndex(of: 10) ?? -1) + 1)..<end]
            return isId(digits) ? .holds(String(decoding: digits, as: UTF8.self)) : .unknown
        }
    }
}
