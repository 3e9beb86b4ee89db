import Bus
import Glibc
import Storage
import SystemPackage

/// Where cadre itself is, and what is installed with it.
package enum Installation {
    /// The executable of all verbs: this one, links resolved, or where it is that of a single verb the one beside it.
    package static let executable = own.lastComponent == "cadre" ? own : own.removingLastComponent().appending("cadre")

    /// The executable of this process, also where it has been removed or replaced since.
    private static let own: FilePath = {
        var buffer = [CChar](repeating: 0, count: 4097)
        guard readlink("/proc/self/exe", &buffer, 4096) > 0 else { return "cadre" }
        // As proc(5) tells it of a file that is gone.
        let path = String(terminated: buffer)
        return FilePath(path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path)
    }()

    /// What an upgrade has put in place of this process's executable: the file of its path, or where none is left
    /// there, as when a version had a directory of its own, the first of its name on the PATH. Nil: ours is the one
    /// that is installed.
    package static var successor: FilePath? {
        guard let ours = try? Files.status("/proc/self/exe", following: true), let name = own.lastComponent else {
            return nil
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let places =
            [own] + path.split(separator: ":").filter { $0.hasPrefix("/") }.map { FilePath(String($0)).appending(name) }
        for place in places {
            guard let st = try? Files.status(place, following: true), st.st_mode & S_IFMT == S_IFREG else { continue }
            return st.st_ino == ours.st_ino && st.st_dev == ours.st_dev ? nil : place
        }
        return nil
    }

    /// The directory that holds `cadre` and its links, to stand first on an agent's PATH.
    package static var bin: FilePath { executable.parent }

    /// A file that comes with cadre: `PREFIX/share/cadre/NAME`, or in a source tree `shell/NAME`; nil if it is in
    /// neither.
    package static func file(_ name: String) throws -> FilePath? {
        let installed = bin.parent.appending("share").appending("cadre").pushing(FilePath(name))
        if try Files.exists(installed) { return installed }
        var at = bin
        while at.lastComponent != nil {
            if try Files.exists(at.appending("Package.swift")) {
                let source = at.appending("shell").pushing(FilePath(name))
                return try Files.exists(source) ? source : nil
            }
            at.removeLastComponent()
        }
        return nil
    }
}
