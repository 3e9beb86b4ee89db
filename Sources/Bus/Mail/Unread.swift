import Glibc
import Storage
import SystemPackage

// What is unread. A message is read when its name has the flag S, as in any Maildir (or R or T: who answered it or
// threw it away has seen it), not when a mail reader has moved it to cur/, which some do with all that was listed.
//
// So cur/ would have to be listed each time, which with many messages is slow. It is not where the time of its last
// change is one that we have set: `clear` says that all in it is read, `listed` that the file `old` beside it names
// what is not. Whoever else moves something there leaves another time, and then it is listed again. Our own moves keep
// the mark:
//
//   1  the time of cur/ is looked at
//   2  the message is renamed
//   3  old, if what it names has changed
//   4  the time of cur/ is set, if 1 has found a mark
//
// Killed in between, there is none, and the next one lists.
extension Bus {
    private enum Mark: Int {
        case clear = 424_242
        case listed = 424_243

        /// The last six digits of a time are the mark.
        init?(_ st: stat) {
            guard let mark = Mark(rawValue: st.st_mtim.tv_nsec % 1_000_000) else { return nil }
            self = mark
        }
    }

    /// A message of a box that is unread: its id, and the file in the box.
    struct Unread {
        var id: String
        /// `new/…` or `cur/…`.
        var file: String
    }

    /// What is unread in the box, unsorted. Who never got mail has no box; who has one has all of it.
    func unread(_ name: String) throws -> [Unread] {
        guard let names = try Files.list(box(name).appending("new")) else {
            guard try !Files.exists(box(name)) else { throw missing("mail/\(name)/new") }
            return []
        }
        return try names.filter { !$0.hasPrefix(".") }.map { Unread(id: $0, file: "new/\($0)") } + unreadInCur(name)
    }

    /// The unread messages that a mail reader has moved to cur/.
    func unreadInCur(_ name: String) throws -> [Unread] {
        let cur = box(name).appending("cur")
        guard let st = try Files.status(cur) else { return [] }
        let names: [String]
        switch Mark(st) {
        case .clear?: return []
        case .listed?:
            names = try (Files.read(oldFile(name)) ?? []).split(separator: 10).map {
                String(decoding: $0, as: UTF8.self)
            }
        case nil:
            names = try (Files.list(cur) ?? []).filter { !$0.hasPrefix(".") && !Message.isSeen($0) }
            // One that comes within the same tick of the clock would not show: then it is listed the next time, too.
            if Time.micros() - st.st_mtim.tv_sec * 1_000_000 - st.st_mtim.tv_nsec / 1000 > 20_000 {
                try mark(name, names, ifStill: st)
            }
        }
        return names.map { Unread(id: Message.base($0), file: "cur/\($0)") }
    }

    /// Writes down what in cur/ is unread, and marks it. Who may not write leaves it.
    private func mark(_ name: String, _ names: [String], ifStill before: stat? = nil) throws {
        let cur = box(name).appending("cur")
        do {
            if !names.isEmpty {
                try replace(oldFile(name), with: Array((names.joined(separator: "\n") + "\n").utf8), sync: false)
            }
            if let before, let now = try Files.status(cur),
                now.st_mtim.tv_sec != before.st_mtim.tv_sec || now.st_mtim.tv_nsec != before.st_mtim.tv_nsec
            {
                return
            }
            try Files.setTime(cur, digits: names.isEmpty ? Mark.clear.rawValue : Mark.listed.rawValue)
        } catch let failure as Failure where failure.kind == .unsure { return }
    }

    /// A fresh cur/ has nothing that is unread.
    func markFresh(_ name: String) throws { try Files.setTime(box(name).appending("cur"), digits: Mark.clear.rawValue) }

    /// Renames an unread message to what it is called once it is read; false if it is not unread (any more).
    func moveToRead(_ id: String, of name: String) throws -> Bool {
        let cur = box(name).appending("cur")
        let mark = try Files.status(cur).flatMap(Mark.init)
        if try Files.rename(box(name).appending("new").appending(id), cur.appending(id + ":2,S")) {
            if let mark { try Files.setTime(cur, digits: mark.rawValue) }
            return true
        }
        let old = try unreadInCur(name)
        guard let one = old.first(where: { $0.id == id }) else { return false }
        let after = try Files.status(cur).flatMap(Mark.init)
        let file = String(one.file.dropFirst(4))
        guard try Files.rename(cur.appending(file), cur.appending(Message.read(file))) else { return false }
        // With very many it is as cheap to list again.
        if after != nil, old.count <= 1000 {
            try self.mark(name, old.filter { $0.id != id }.map { String($0.file.dropFirst(4)) })
        }
        return true
    }

    private func oldFile(_ name: String) -> FilePath { box(name).appending("old") }
}

extension Message {
    /// The flags in a file name: what stands behind `:2,`.
    private static func flags(_ file: String) -> Substring {
        guard let colon = file.lastIndex(of: ":"), file[colon...].hasPrefix(":2,") else { return "" }
        return file[colon...].dropFirst(3)
    }

    static func isSeen(_ file: String) -> Bool { flags(file).contains { "SRT".contains($0) } }

    /// The name with S among its flags, which stand in alphabetical order.
    static func read(_ file: String) -> String { base(file) + ":2," + String(Set(flags(file) + "S").sorted()) }
}
