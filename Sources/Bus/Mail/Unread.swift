import Glibc
import Storage
import SystemPackage

// Which messages are unread. A message is read when its name has the flag S, as in any Maildir (or R or T: whoever
// answered it or threw it away has seen it). That a mail reader has moved it to cur/ says nothing: some move all that
// they list.
//
// Listing cur/ each time would be slow with many messages. So cur/ carries a mark, the last digits of its time of
// change: `clear` says that all in it is read, `listed` that the file `old` beside it names the unread. A move by
// anybody else sets another time, and the next look lists again. Our own moves keep the mark:
//
//   1  read the time of cur/
//   2  rename the message
//   3  rewrite `old`, if its content has changed
//   4  set the time of cur/, if 1 found a mark
//
// After a crash in between there is no mark, and the next look lists.
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

    /// A message of a box that is unread: its id, and where in the box it is.
    struct Unread {
        var id: String
        var part: MailPart
        var name: String

        init(_ part: MailPart, _ name: String) {
            id = part == .new ? name : Message.base(name)
            self.part = part
            self.name = name
        }

        /// `new/…` or `cur/…`.
        var file: String { "\(part.rawValue)/\(name)" }
        init?(file: String) {
            let words = file.split(separator: "/", maxSplits: 1).map(String.init)
            guard words.count == 2, let part = MailPart(rawValue: words[0]) else { return nil }
            self.init(part, words[1])
        }
    }

    func path(_ one: Unread, _ name: String) -> FilePath { box(name, one.part).appending(one.name) }

    /// What is unread in the box, unsorted. Who never got mail has no box; who has one has all of it.
    func unread(_ name: String) throws -> [Unread] {
        guard let names = try Files.list(box(name, .new)) else {
            guard try !Files.exists(box(name)) else { throw missing(box(name, .new)) }
            return []
        }
        return try names.filter { !$0.hasPrefix(".") }.map { Unread(.new, $0) } + unreadInCur(name)
    }

    /// The unread messages that a mail reader has moved to cur/.
    func unreadInCur(_ name: String) throws -> [Unread] {
        let cur = box(name, .cur)
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
        return names.map { Unread(.cur, $0) }
    }

    /// Writes down what in cur/ is unread, and marks it. Who may not write leaves it.
    private func mark(_ name: String, _ names: [String], ifStill before: stat? = nil) throws {
        let cur = box(name, .cur)
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
    func markFresh(_ name: String) throws { try Files.setTime(box(name, .cur), digits: Mark.clear.rawValue) }

    /// Renames an unread message to what it is called once it is read; false if it is not unread (any more).
    func moveToRead(_ id: String, of name: String) throws -> Bool {
        let cur = box(name, .cur)
        let mark = try Files.status(cur).flatMap(Mark.init)
        if try Files.rename(box(name, .new).appending(id), cur.appending(Message.seen(id))) {
            if let mark { try Files.setTime(cur, digits: mark.rawValue) }
            return true
        }
        let old = try unreadInCur(name)
        guard let one = old.first(where: { $0.id == id }) else { return false }
        let after = try Files.status(cur).flatMap(Mark.init)
        guard try Files.rename(path(one, name), cur.appending(Message.read(one.name))) else { return false }
        // With very many it is as cheap to list again.
        if after != nil, old.count <= 1000 {
            try self.mark(name, old.filter { $0.id != id }.map(\.name))
        }
        return true
    }
}

extension Message {
    /// The flags in a file name: what stands behind `:2,`.
    private static func flags(_ file: String) -> Substring {
        guard let colon = file.lastIndex(of: ":"), file[colon...].hasPrefix(":2,") else { return "" }
        return file[colon...].dropFirst(3)
    }

    static func isSeen(_ file: String) -> Bool { flags(file).contains { "SRT".contains($0) } }

    /// What a message of this id is called in cur/ once it is read.
    static func seen(_ id: String) -> String { id + ":2,S" }

    /// The name with S among its flags, which stand in alphabetical order.
    static func read(_ file: String) -> String { base(file) + ":2," + String(Set(flags(file) + "S").sorted()) }
}
