import CLinux
import Glibc
import Storage
import SystemPackage

/// One message: an RFC 5322 style file in a Maildir.
package struct Message {
    /// Its id and file name: `MICROSECONDS.RANDOM.SENDER@HOST`, so that names sort by time.
    package var id: String
    package var read: Bool
    package var headers: [(key: String, value: String)] = []
    package var body: [UInt8] = []

    /// The headers that are written and read; RFC 5322 has the rest.
    enum Header: String {
        case from = "From"
        case to = "To"
        case date = "Date"
        case id = "Message-ID"
        case subject = "Subject"
        case replyTo = "In-Reply-To"
        case urgent = "X-Cadre-Urgent"
        case length = "Content-Length"

        func line(_ value: String) -> String { "\(rawValue): \(value)\n" }
    }

    subscript(header: Header) -> String? { headers.first { $0.key == header.rawValue }?.value }
    package var from: String { self[.from] ?? "" }
    package var to: String { self[.to] ?? "" }
    package var subject: String { self[.subject] ?? "" }
    package var urgent: Bool { self[.urgent] == "yes" }
    /// The id of the message that it answers.
    package var replyTo: String? { Message.id(self[.replyTo]) }
    /// When it was sent, seconds since the epoch.
    package var time: Int { (Int(id.prefix(16)) ?? 0) / 1_000_000 }
}

// Mail. Sending writes tmp/NAME, flushes it, renames it to new/NAME, flushes new/, and only then prints the id.
// Microseconds in the name are larger than those of the sender's last message; the last is kept in a file of the
// sender's, whose lock is held until the rename, so mail of one sender arrives in order however clocks step.
// Acknowledging is new/NAME -> cur/NAME:2,S; of two who try, one finds the source. What a mail reader has moved to cur/
// and nobody has seen is unread as well, see Unread.
extension Bus {
    /// Who can get mail: the person, and every agent with a card.
    package func canReceive(_ name: String) throws -> Bool {
        if name == "human" { return true }
        return try Names.isName(name) && Files.exists(card(name))
    }

    /// Puts a message in the recipient's inbox; returns its id, which is on the disk by then.
    package func send(
        from: String, to: String, subject: String, body: [UInt8], replyTo: String? = nil, urgent: Bool = false
    ) throws -> String {
        guard try canReceive(to) else { throw noAgent(to) }
        try makeBox(to)
        try Files.mkdirs(senders)
        return try FileLock.with(senderLock(from), seconds: 30, verb: "send") { _ in
            let lastFile = lastSent(from)
            let last =
                try Files.read(lastFile).flatMap {
                    Names.number(String(decoding: $0.prefix { $0 != 10 }, as: UTF8.self), digits: 16)
                } ?? 0
            let stamp = max(Time.micros(), last + 1)
            let digits = String(stamp)
            let id =
                String(repeating: "0", count: max(0, 16 - digits.count)) + digits
                + ".\(Random.hex(8)).\(from)@\(Host.name)"
            typealias Header = Message.Header
            var text = Header.from.line(from) + Header.to.line(to)
            text += Header.date.line(Message.date(stamp / 1_000_000)) + Header.id.line("<\(id)>")
            if !subject.isEmpty { text += Header.subject.line(subject) }
            if let replyTo { text += Header.replyTo.line("<\(replyTo)>") }
            if urgent { text += Header.urgent.line("yes") }
            text += Header.length.line("\(body.count)")
            text += "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
            let aside = box(to, .tmp).appending(id)
            try Files.write(Array(text.utf8) + body, to: aside, sync: true)
            try Files.overwrite(lastFile, with: Array((digits + "\n").utf8))
            // Twice: a reader may be putting a fresh directory in the place of new/, see `shrink`.
            let place = box(to, .new).appending(id)
            guard try Files.rename(aside, place) || Files.rename(aside, place) else { throw noAgent(to) }
            try Files.sync(box(to, .new))
            // Retired meanwhile: nobody would read it.
            if try !canReceive(to) { try deadLetter(to) }
            journal("sent", by: from, ["to": to, "message": id, "subject": subject])
            return id
        }
    }

    /// Makes the Maildir of a recipient, if it is not there.
    package func makeBox(_ name: String) throws {
        for part in [MailPart.tmp, .new] { try Files.mkdirs(box(name, part)) }
        if try Files.mkdir(box(name, .cur)) { try markFresh(name) }
    }

    /// Unread ids, oldest first; with `all` the acknowledged ones as well.
    package func messages(of name: String, all: Bool = false) throws -> [(id: String, read: Bool)] {
        var found = try unread(name).map { ($0.id, false) }
        if all {
            let read = try (Files.list(box(name, .cur)) ?? []).filter {
                !$0.hasPrefix(".") && Message.isSeen($0)
            }
            found += read.map { (Message.base($0), true) }
        }
        return found.sorted { $0.0 < $1.0 }.map { (id: $0.0, read: $0.1) }
    }

    /// The message, wherever in the box it is; nil if it is not there. `id` may be any prefix that names just one.
    package func message(_ id: String, of name: String) throws -> Message? {
        guard !id.isEmpty, !id.contains("/"), !id.hasPrefix(".") else { return nil }
        for _ in 0..<3 {
            if let message = try load(box(name, .new).appending(id), id, read: false) { return message }
            if let message = try load(box(name, .cur).appending(Message.seen(id)), id, read: true) {
                return message
            }
            if let one = try unreadInCur(name).first(where: { $0.id == id }),
                let message = try load(path(one, name), id, read: false)
            {
                return message
            }
            for file in try Files.list(box(name, .cur)) ?? [] where Message.base(file) == id {
                if let message = try load(box(name, .cur).appending(file), id, read: Message.isSeen(file)) {
                    return message
                }
            }
        }
        return nil
    }

    private func load(_ path: FilePath, _ id: String, read: Bool) throws -> Message? {
        guard let bytes = try Files.read(path) else { return nil }
        guard let message = Message(id: id, read: read, bytes) else {
            throw Failure.unsure("'\(path.string)' is damaged: not a message; see 'cadre doctor'")
        }
        return message
    }

    /// Acknowledges; false if it is not unread (any more). `door` is by which way it was handed over, for the record.
    @discardableResult
    package func acknowledge(_ id: String, of name: String, door: String? = nil) throws -> Bool {
        guard !id.isEmpty, !id.contains("/"), !id.hasPrefix(".") else { return false }
        let moved = try moveToRead(id, of: name)
        if moved { journal("read", by: name, door.map { ["message": id, "door": $0] } ?? ["message": id]) }
        return moved
    }

    /// Delivers the oldest unread message, then acknowledges it: a crash in between delivers it again, and never loses
    /// it. False if there is none.
    ///
    /// A small box is read each time. For a large one all names are written once, sorted, to `order` beside the box,
    /// and an offset moves along them. `order` is a hint that may be deleted: missing messages are skipped, and newer
    /// ones come after it.
    package func next(of name: String, deliver: (Message) throws -> Void) throws -> Bool {
        // Nobody wrote to that name yet.
        guard try Files.exists(box(name)) else { return false }
        return try FileLock.with(readerLock(name), seconds: 30, verb: "next") { _ in
            let order = orderFile(name)
            let inHand = try handed(of: name)?.ids ?? []
            if try follow(order, name, inHand, deliver) { return true }
            for _ in 0..<64 {
                // A message stamped after the look began may have overtaken one of the same sender that the look
                // missed.
                let start = "\(Time.micros())"
                let all = try unread(name)
                let names = inHand.isEmpty ? all : all.filter { !inHand.contains($0.id) }
                if names.isEmpty {
                    if all.isEmpty { try shrink(name) }
                    return false
                }
                let stable = names.filter { $0.id < start || Int($0.id.prefix(16)) == nil }
                let oldest = (stable.isEmpty ? names : stable).sorted { $0.id < $1.id }
                if oldest.count > 200 {
                    let lines = oldest.map(\.file).joined(separator: "\n")
                    try replace(order, with: Array((Random.hex(8) + "\n" + lines + "\n").utf8), sync: false)
                    if try follow(order, name, inHand, deliver) { return true }
                    continue
                }
                for one in oldest where try take(one, name, deliver) {
                    if names.count == 1 { try shrink(name) }
                    return true
                }
            }
            return false
        }
    }

    /// A directory that was large stays so when it is emptied, and takes as long to read. A fresh one takes its place
    /// in one rename, which does nothing if mail came meanwhile.
    private func shrink(_ name: String) throws {
        let new = box(name, .new)
        guard let st = try Files.status(new), st.st_size > 1 << 16 else { return }
        let fresh = aside()
        try Files.mkdir(fresh)
        if try Files.renameNew(fresh, new) { try Files.sync(box(name)) } else { try Files.rmdir(fresh) }
    }

    private func take(_ one: Unread, _ name: String, _ deliver: (Message) throws -> Void) throws -> Bool {
        guard let message = try load(path(one, name), one.id, read: false) else { return false }
        try deliver(message)
        _ = try acknowledge(one.id, of: name)
        return true
    }

    /// `order` is a random tag and the files, a line each; `order.at` is the tag and the offset of the next name.
    private func follow(_ order: FilePath, _ name: String, _ inHand: [String], _ deliver: (Message) throws -> Void)
        throws -> Bool
    {
        guard let fd = try Files.opened(order) else { return false }
        defer { close(fd) }
        func line(_ at: Int) -> String? {
            var buffer = [UInt8](repeating: 0, count: 512)
            let got = pread(fd, &buffer, buffer.count, off_t(at))
            guard got > 0, let end = buffer[..<got].firstIndex(of: 10) else { return nil }
            return String(decoding: buffer[..<end], as: UTF8.self)
        }
        guard let tag = line(0) else { return false }
        var at = tag.utf8.count + 1
        if let bytes = try Files.read(orderOffset(name)) {
            let parts = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
            if parts.count == 2, parts[0] == tag, let n = Int(parts[1]) { at = n }
        }
        while let file = line(at) {
            at += file.utf8.count + 1
            guard let one = Unread(file: file), !inHand.contains(where: file.contains) else { continue }
            if try take(one, name, deliver) {
                let digits = String(at)
                let line = "\(tag) \(String(repeating: "0", count: max(0, 12 - digits.count)))\(digits)\n"
                try Files.overwrite(orderOffset(name), with: Array(line.utf8))
                return true
            }
        }
        try Files.unlink(order)
        return false
    }

    /// Moves what a retired agent did not read to the dead letters.
    package func deadLetter(_ name: String) throws {
        for one in try (Files.exists(box(name, .new)) ? unread(name) : []) {
            _ = try Files.rename(path(one, name), box(Bus.dead, .new).appending(one.id))
        }
    }
}

extension Message {
    init?(id: String, read: Bool, _ bytes: [UInt8]) {
        self.id = id
        self.read = read
        var at = 0
        while true {
            guard let end = bytes[at...].firstIndex(of: 10) else { return nil }
            if end == at {
                at += 1
                break
            }
            let line = String(decoding: bytes[at..<end], as: UTF8.self)
            at = end + 1
            if line.first == " " || line.first == "\t" { continue }
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers.append((String(line[..<colon]), line[line.index(after: colon)...].drop { $0 == " " }.description))
        }
        guard self[.from] != nil else { return nil }
        body = Array(bytes[at...])
        // Mail of other programs may do without; ours tells a body that was cut short.
        if let length = self[.length], Int(length) != body.count { return nil }
    }

    /// The id in a file name: what stands before Maildir's flags.
    static func base(_ file: String) -> String {
        file.split(separator: ":", maxSplits: 1).first.map(String.init) ?? file
    }

    /// The id in a header: without the angle brackets.
    package static func id(_ header: String?) -> String? {
        header.map { String($0.drop { $0 == "<" }.prefix { $0 != ">" }) }
    }

    /// RFC 5322 date in UTC.
    static func date(_ seconds: Int) -> String {
        var t = time_t(seconds)
        var parts = tm()
        gmtime_r(&t, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(days[Int(parts.tm_wday)]), \(parts.tm_mday) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) +0000"
    }
}
