import Bus
import Glibc
import SystemPackage

/// Where cadre itself is, and what is installed with it.
public enum Share {
    /// The executable of all verbs: this one, links resolved, or where it is that of a single verb the one beside it.
    public static let executable: FilePath = {
        var buffer = [CChar](repeating: 0, count: 4097)
        guard readlink("/proc/self/exe", &buffer, 4096) > 0 else { return "cadre" }
        let own = FilePath(platformString: buffer)
        return own.lastComponent == "cadre" ? own : own.removingLastComponent().appending("cadre")
    }()

    /// The directory that holds `cadre` and its links, to stand first on an agent's PATH.
    public static var bin: FilePath { executable.removingLastComponent() }

    /// A file that comes with cadre: `PREFIX/share/cadre/NAME`, or in a source tree `shell/NAME`; nil if it is in neither.
    public static func file(_ name: String) throws -> FilePath? {
        let installed = bin.removingLastComponent().appending("share").appending("cadre").pushing(FilePath(name))
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
