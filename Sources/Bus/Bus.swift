import Glibc
import Storage
import SystemPackage

/// The bus: a directory of plain files that all agents share. cadre-bus(5) describes each.
package struct Bus {
    package let root: FilePath
    /// Distinguishes this bus from every other, also from the one it was restored from.
    package let identity: String
    private let opened = Opened()

    static let format = 1

    /// When a bus was opened, and what its version's file was like when that was read again.
    private final class Opened {
        let time = Time.monotonic()
        var isForLong = false
        var inode: UInt64 = 0
        var written = 0
    }

    /// Opens the bus in `root`; nil if there is none. A bus of another user, a newer one and one whose version can't
    /// be read are refused with `Failure.unsure`.
    package static func open(_ root: FilePath) throws -> Bus? {
        guard let st = try Files.status(root) else { return nil }
        guard st.st_mode & S_IFMT == S_IFDIR else { throw Failure.unsure("'\(root.string)' is not a directory") }
        guard st.st_uid == geteuid() else {
            throw Failure.unsure("'\(root.string)' belongs to another user (uid \(st.st_uid))")
        }
        guard st.st_mode & 0o022 == 0 else {
            throw Failure.unsure(
                "others can write to '\(root.string)': 'chmod 700 \(root.string)', or 'cadre doctor --fix', if nobody "
                    + "has"
            )
        }
        let version = Bus(unopened: root).version
        guard let bytes = try Files.read(version) else {
            // Whoever has emptied it may have it made anew.
            if try Files.list(root)?.isEmpty == true { return nil }
            throw Failure.unsure(
                "'\(version.string)' is missing, so that the bus can't be read: put it back, or move '\(root.string)' "
                    + "away and run 'cadre init'"
            )
        }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count >= 2, words[0] == "cadre", let format = Names.number(words[1]), format > 0, bytes.last == 10
        else {
            throw Failure.unsure("'\(version.string)' is damaged; see 'cadre doctor'")
        }
        guard format <= Bus.format else {
            throw Failure.unsure(
                "'\(root.string)' has format \(format), newer than this cadre (\(Bus.format)): upgrade cadre")
        }
        guard words.count == 3 else { throw Failure.unsure("'\(version.string)' is damaged; see 'cadre doctor'") }
        return Bus(root: root, identity: String(words[2]))
    }

    /// Names the files of a bus that is not open: it may be anything, or nothing.
    init(unopened root: FilePath) { self.init(root: root, identity: "") }

    private init(root: FilePath, identity: String) {
        self.root = root
        self.identity = identity
    }

    /// The bus is kept open by a process that lives for long.
    package func keepOpen() { opened.isForLong = true }

    /// Whether a newer cadre has changed the format since this process opened the bus: then it must not touch the bus.
    /// A verb that runs for less than a second doesn't look.
    package var isOutgrown: Bool {
        var st = stat()
        // Not through `Files`: tests count its fault points, and whether this line runs depends on the clock.
        guard opened.isForLong || Time.monotonic() - opened.time > 1,
            version.withPlatformString({ lstat($0, &st) }) == 0
        else { return false }
        let written = st.st_mtim.tv_sec * 1_000_000_000 + st.st_mtim.tv_nsec
        guard st.st_ino != opened.inode || written != opened.written else { return false }
        if (try? Bus.isNewer(version)) == true { return true }
        (opened.inode, opened.written) = (UInt64(st.st_ino), written)
        return false
    }

    /// What says so.
    package var outgrown: Failure {
        .unsure(
            "'\(root.string)' has been given a newer format than this cadre's (\(Bus.format)): upgrade cadre")
    }

    /// Throws `Failure.unsure` if it is.
    package func requireFormat() throws { if isOutgrown { throw outgrown } }

    static func isNewer(_ version: FilePath) throws -> Bool {
        guard let st = try Files.status(version), st.st_mode & S_IFMT == S_IFREG, let bytes = try Files.read(version)
        else { return false }
        let words = bytes.split(whereSeparator: { $0 == 32 || $0 == 10 }).map { String(decoding: $0, as: UTF8.self) }
        return words.count >= 2 && words[0] == "cadre" && Names.number(words[1]) ?? 0 > format
    }

    /// Opens the bus, or makes it whole beside its place and renames it in. `made` tells which.
    package static func make(_ root: FilePath) throws -> (bus: Bus, made: Bool) {
        if let bus = try open(root) { return (bus, false) }
        let above = root.removingLastComponent()
        try Files.mkdirs(above)
        let new = Bus(unopened: beside(root))
        try Files.mkdir(new.root)
        for directory in new.directories { try Files.mkdir(directory) }
        for name in ["human", dead] {
            try Files.mkdir(new.box(name))
            for part in MailPart.allCases { try Files.mkdir(new.box(name, part)) }
        }
        try Files.write(Array("1\n".utf8), to: new.ids, sync: true)
        try Files.write(Bus.freshVersion(), to: new.version, sync: true)
        try Files.sync(new.root)
        if try Files.list(root)?.isEmpty == true { try Files.rmdir(root) }
        if try !Files.renameNew(new.root, root) { try Files.removeAll(new.root) }
        try Files.sync(above)
        guard let bus = try open(root) else { throw Failure.unsure("unable to make '\(root.string)'") }
        return (bus, true)
    }

    /// What the file `version` of a bus with a new identity holds.
    static func freshVersion() -> [UInt8] { Array("cadre \(format) \(Random.hex(16))\n".utf8) }

    /// Runs `body` under the bus's lock.
    func locked<T>(_ verb: String, seconds: UInt32 = 30, _ body: (LockProof) throws -> T) throws -> T {
        try requireFormat()
        return try FileLock.with(lock, seconds: seconds, verb: verb, body)
    }

    /// Writes aside and renames in, so that a reader sees the old or the new, whole.
    package func replace(_ path: FilePath, with bytes: [UInt8], sync: Bool, flushesName: Bool = true) throws {
        try requireFormat()
        let new = aside()
        try Files.write(bytes, to: new, sync: sync)
        guard try Files.rename(new, path) else {
            throw Failure.unsure("unable to write '\(path.string)': its directory is missing; see 'cadre doctor'")
        }
        if sync && flushesName { try Files.sync(path.removingLastComponent()) }
    }
}

/// The file `settings`: a setting's values under the setting's name.
package struct KnownSettingsFields: RecordFields {
    package static func setting(_ key: String) -> Field<[String]> { Field(key) }

    package init() {}
}
package typealias KnownSettings = TypedRecord<KnownSettingsFields>

// What is known of the project as a whole: small files of one value each.
extension Bus {
    /// The branch that work lands on unless configured otherwise, as `refs/heads/…`; nil if none was checked out.
    package func target() throws -> String? { try value(targetFile) }
    package func setTarget(_ reference: String) throws {
        try replace(targetFile, with: Array((reference + "\n").utf8), sync: true)
    }

    /// A project's name, from its common git directory: the name of the directory around `.git`, `.bare` or any other
    /// hidden one.
    package static func project(_ common: FilePath) -> String {
        let isHidden = common.lastComponent?.string.hasPrefix(".") == true
        let name = (isHidden ? common.removingLastComponent() : common).lastComponent?.string ?? ""
        return name.isEmpty ? "project" : name
    }

    /// The repository's common git directory: the one the bus lies in, else the one it was made for.
    package func repository() throws -> FilePath {
        if try gitAbove.allSatisfy(Files.exists) { return root.parent }
        guard let path = try value(repositoryFile) else {
            throw Failure.unsure("'\(repositoryFile.string)' is missing: the bus does not know its repository")
        }
        return FilePath(path)
    }
    package func setRepository(_ path: FilePath) throws {
        guard root.parent != path else { return }
        try replace(repositoryFile, with: Array((path.string + "\n").utf8), sync: true)
    }

    /// The commands of `.cadre` that the person has seen last.
    package func seenCommands() throws -> [String] {
        try Files.read(seenFile).map { $0.split(separator: 10).map { String(decoding: $0, as: UTF8.self) } } ?? []
    }
    package func setSeenCommands(_ lines: [String]) throws {
        try replace(seenFile, with: Array(lines.map { $0 + "\n" }.joined().utf8), sync: true)
        // The merge queue may have stood still for it.
        try Files.ring(mergeBell)
    }

    /// The settings that bind agents, as a person knew them last; nil if none was recorded.
    package func knownSettings() throws -> KnownSettings? { try KnownSettings.read(settingsFile) }
    package func setKnownSettings(_ record: KnownSettings) throws {
        guard try knownSettings() != record else { return }
        try replace(settingsFile, with: record.bytes, sync: true)
        try Files.ring(mergeBell)
    }

    /// Keeps what git said of the settings. It need not outlive a power cut.
    package func keepConfiguration(_ bytes: [UInt8]) throws { try replace(configurationFile, with: bytes, sync: false) }

    /// Whether the supervisor of any agent lives.
    package func hasLiving() throws -> Bool { try agentNames().contains { try LivenessLock.isHeld(alive($0)) } }

    /// The commands of git's own configuration that the person lets run.
    package func approvedCommands() throws -> [String] {
        try Files.read(approvedFile).map { $0.split(separator: 10).map { String(decoding: $0, as: UTF8.self) } } ?? []
    }
    package func setApprovedCommands(_ lines: [String]) throws {
        guard try lines != approvedCommands() else { return }
        try replace(approvedFile, with: Array(lines.map { $0 + "\n" }.joined().utf8), sync: true)
        // Entries may wait for it.
        try Files.ring(mergeBell)
    }

    /// The socket of the tmux server of this project's agents; nil before the first.
    package func server() throws -> String? { try value(serverFile) }
    package func setServer(_ socket: String) throws {
        try replace(serverFile, with: Array((socket + "\n").utf8), sync: false)
    }

    /// The sockets of other tmux servers that show this project. Two simultaneous writers may lose one; it comes back
    /// when somebody attaches there.
    package func viewers() throws -> [String] {
        (try Files.read(viewersFile) ?? []).split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
    }
    package func setViewers(_ sockets: [String]) throws {
        guard try sockets != viewers() else { return }
        try replace(viewersFile, with: Array(sockets.map { $0 + "\n" }.joined().utf8), sync: false)
    }

    /// Replaces a record's file, flushed.
    package func write<Fields>(_ record: TypedRecord<Fields>, to path: FilePath) throws {
        try replace(path, with: record.bytes, sync: true)
    }

    private func value(_ path: FilePath) throws -> String? {
        guard let bytes = try Files.read(path) else { return nil }
        let text = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
