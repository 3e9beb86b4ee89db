import SystemPackage

extension FilePath {
    /// The directory that an absolute path is in, of `/` itself. `removingLastComponent` gives the same, and would be a
    /// tenth of what a short verb does: its generic types are made in each process.
    package var parent: FilePath {
        let path = string
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        return FilePath(slash == path.startIndex ? "/" : String(path[..<slash]))
    }
}
