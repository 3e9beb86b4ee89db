import Storage
import SystemPackage

/// The file `agents/NAME/conversation`: the conversation that an agent's program has with its model. It outlives the
/// program: it is gone on with after a crash.
package struct ConversationFields: RecordFields {
    /// By which the program knows it.
    package let id = Field<String>("Id")
    /// The file in which the program keeps it; without that file the program can't resume it.
    package let transcript = Field<String>("Transcript")
    /// How often the program was started to resume it, until the program says that it has.
    package let resuming = Field<Int>("Resuming")
    /// How often in a row mail has put off the end of a turn.
    package let stops = Field<Int>("Stops")
    /// The task that was held last in this turn.
    package let task = Field<Int>("Task")
    /// What cadre has given the program to begin the next turn with.
    package let handed = Field<HandedOver>("Handed")
    /// How many turns in a row have ended well and left the task as it is.
    package let idle = Field<Int>("Idle")
    /// Set when a turn fails, until another goes on or ends well.
    package let failed = Field<YesNo>("Failed")
    /// The token of the session in which the agent has handed over to a new conversation.
    package let handoff = Field<String>("Handoff")
    /// Where its program tells what it costs, see `AgentProgram.Cost`.
    package let cost = Field<String>("Cost")
    /// While its sub-agents work beside a main turn that is over.
    package let beside = Field<YesNo>("Beside")

    package init() {}
}
package typealias Conversation = TypedRecord<ConversationFields>

/// What a turn of an agent's program begins with. `again`: the task, in a conversation that is gone on with.
package enum HandedOver: String, FieldValue { case mail, task, turn, again }

extension Bus {
    /// An agent's conversation with its program; nil before the first.
    package func conversation(_ name: String) throws -> Conversation? { try Conversation.read(conversationFile(name)) }

    /// Changes an agent's conversation; the change is on the disk when this returns. Throws `Failure.unsure` if a newer
    /// cadre has taken the bus over, or if another process holds the lock for 30 seconds.
    package func editConversation(_ name: String, _ change: (inout Conversation) -> Void) throws {
        try requireFormat()
        try FileLock.with(assignment(name), seconds: 30, verb: "conversation") { _ in
            let before = try conversation(name)
            var record = before ?? Conversation()
            change(&record)
            if record != before { try replace(conversationFile(name), with: record.bytes, sync: true) }
        }
    }

    /// The ask about an agent whose program is signed out, and whether it is open.
    package static func signIn(_ name: String) -> String { "signin-\(name)" }
    package func isSignedOut(_ name: String) throws -> Bool { try Files.exists(openAsks.appending(Bus.signIn(name))) }

    /// The ask about an agent whose turns fail, and whether it is open.
    package static func failing(_ name: String) -> String { "failing-\(name)" }
    package func isFailing(_ name: String) throws -> Bool { try Files.exists(openAsks.appending(Bus.failing(name))) }

    /// The ask that a person attends to the agent's pane, which stands at what only a person can answer.
    package static func heldUp(_ name: String) -> String { "waits-\(name)" }

    /// Stores notes for the agent's next session, and that its next start begins a new conversation. Both are on the
    /// disk when this returns; the notes come first, so that no session begins without them.
    package func handOff(_ name: String, _ notes: [UInt8], session: String) throws {
        try replace(handoff(name), with: notes, sync: true)
        try editConversation(name) { $0.handoff = session }
        journal("handoff", by: name, ["agent": name, "bytes": "\(notes.count)"])
    }

    /// What its program is given as settings, for this agent alone.
    package func setProgramSettings(_ name: String, _ text: String) throws {
        try replace(programSettings(name), with: Array(text.utf8), sync: false)
    }

    /// What its program reads as the words of a turn.
    package func setMessage(_ name: String, _ text: String) throws {
        try replace(message(name), with: Array(text.utf8), sync: false)
    }

    /// Adds a line to the log of an agent's hooks. If the agent is gone, throws `Failure.no` with the line, so that
    /// the caller prints it.
    package func noteHook(_ name: String, _ line: String) throws {
        guard try Files.exists(card(name)) else { throw Failure.no(line) }
        try Files.append(Array("\(Time.text(Time.now())) \(Names.shown(line))\n".utf8), to: log(name))
    }

    // MARK: mail that becomes part of it

    // Handing mail over:
    //
    //   1  the program gets the text
    //   2  agents/NAME/handed lists the messages in it. They are in hand now: unread, and nobody else gets them
    //   3  the turn stood: each message is acknowledged, and the file removed. Or it failed: the file is removed, which
    //      makes the messages unread
    //
    // After a crash between 1 and 2 the program gets them again. After one before 3 the next start looks for them in
    // the conversation.

    /// Between what waits and why, in the note of an agent that can't be reached.
    package static let waits = " waits: "

    /// Mail that a program got in a turn whose outcome is not known yet.
    package struct Handed {
        /// The messages' ids, in the order in which the program got them.
        package var ids: [String]
        /// The way they were handed over, as the journal names it: `hook UserPromptSubmit`, `prompt`.
        package var door: String
        /// Whether another prompt came before the turn was known to stand: from then on only the transcript tells.
        package var isDoubted: Bool
        /// When, in nanoseconds since the epoch.
        package var time: Int
    }

    /// The file `agents/NAME/handed`.
    private struct HandedFields: RecordFields {
        /// Message ids, divided by blanks.
        let mail = Field<String>("Mail")
        let door = Field<String>("Door")
        let doubted = Field<YesNo>("Doubted")
        let time = Field<Int>("Time")
    }
    private typealias HandedRecord = TypedRecord<HandedFields>

    package func handed(of name: String) throws -> Handed? {
        guard let record = try HandedRecord.read(handedFile(name)) else { return nil }
        return Handed(
            ids: (record.mail ?? "").split(separator: " ").map(String.init), door: record.door ?? "",
            isDoubted: record.doubted != nil, time: record.time ?? 0)
    }

    /// Notes that a later hook call no longer proves the mail in hand read; see `isDoubted`.
    package func doubtHanded(of name: String) throws {
        guard try Files.exists(handedFile(name)) else { return }
        try FileLock.with(readerLock(name), seconds: 30, verb: "hand over") { _ in
            guard var record = try HandedRecord.read(handedFile(name)) else { return }
            record.doubted = .yes
            try replace(handedFile(name), with: record.bytes, sync: false)
        }
    }

    /// Acknowledges the mail in hand whose turn stood; the rest becomes unread, or with `waits` stays in hand.
    package func settleHanded(of name: String, waits: Bool = false, stood: (String) -> Bool) throws {
        // Nearly always there is none.
        guard try Files.exists(handedFile(name)) else { return }
        try FileLock.with(readerLock(name), seconds: 30, verb: "hand over") { _ in
            guard let handed = try handed(of: name) else { return }
            let left = handed.ids.filter { !stood($0) }
            if waits, !left.isEmpty {
                for id in handed.ids where !left.contains(id) { try acknowledge(id, of: name, door: handed.door) }
                guard left != handed.ids, var record = try HandedRecord.read(handedFile(name)) else { return }
                record.mail = left.joined(separator: " ")
                return try replace(handedFile(name), with: record.bytes, sync: false)
            }
            for id in handed.ids {
                if !left.contains(id) {
                    try acknowledge(id, of: name, door: handed.door)
                } else {
                    journal("not read", by: name, ["message": id, "why": "its turn did not stand"])
                }
            }
            try Files.unlink(handedFile(name))
        }
    }

    /// Unread mail that is not in hand, oldest first.
    package func waitingMail(of name: String) throws -> [String] {
        let unread = try messages(of: name).map(\.id)
        guard !unread.isEmpty, let handed = try handed(of: name) else { return unread }
        return unread.filter { !handed.ids.contains($0) }
    }

    /// Hands over unread mail as one text, oldest first: as many whole messages as fit into `bound` bytes. A message
    /// that is longer by itself is cut, with a pointer to the rest. False if there is none. `stands`: delivery alone
    /// makes it read.
    package func handOver(
        of name: String, urgent: Bool, bound: Int, door: String, stands: Bool = false, deliver: (String) throws -> Void
    ) throws -> Bool {
        guard try !messages(of: name).isEmpty else { return false }
        return try FileLock.with(readerLock(name), seconds: 30, verb: "hand over") { _ in
            var text = ""
            var handed: [String] = []
            var senders = Set<String>()
            var left = 0
            for id in try waitingMail(of: name) {
                guard let message = try message(id, of: name), !message.read, !urgent || message.urgent else {
                    continue
                }
                let part = Bus.quote(message, bound: bound)
                if !handed.isEmpty, text.utf8.count + part.utf8.count > bound {
                    left += 1
                    continue
                }
                if left > 0 {
                    left += 1
                    continue
                }
                text += part
                handed.append(id)
                senders.insert(message.from)
            }
            guard !handed.isEmpty else { return false }
            var head =
                "Mail for you, '\(name)'. \(Bus.standing(senders)) 'cadre send NAME --reply-to ID TEXT' answers.\n"
            if left > 0 { head += "\(left) more unread: 'cadre inbox next' prints one.\n" }
            try deliver(head + text)
            if stands {
                for id in handed { try acknowledge(id, of: name, door: door) }
                return true
            }
            var record = try HandedRecord.read(handedFile(name)) ?? HandedRecord()
            let before = try self.handed(of: name)?.ids ?? []
            record.mail = (before + handed).joined(separator: " ")
            record.door = door
            record.time = Time.micros() * 1000
            try replace(handedFile(name), with: record.bytes, sync: false)
            return true
        }
    }

    /// Whose word the mail of these senders is.
    static func standing(_ senders: Set<String>) -> String {
        let others = senders.subtracting(["human"])
        if others.isEmpty { return "It is from 'human', your user: your user's word." }
        return
            (senders.contains("human") ? "What is from 'human' is your user's word; " : "It is not your user's word: ")
            + "what is from others in your team \(senders.contains("human") ? "is not." : "is theirs.")"
    }

    /// A message as it is handed over. What it says is set in, so that no line of it looks like one of ours.
    private static func quote(_ message: Message, bound: Int) -> String {
        let room = bound - 500
        var body = ""
        var isCut = false
        for line in Names.plain(message.body).split(separator: "\n", omittingEmptySubsequences: false) {
            guard body.utf8.count + line.utf8.count + 3 <= room else {
                let left = room - body.utf8.count - 3
                if left > 0 { body += "  " + Names.plain(line.utf8.prefix(left)) + "\n" }
                isCut = true
                break
            }
            body += "  \(line)\n"
        }
        if isCut { body += "… (\(message.body.count) bytes in all: cadre inbox show \(message.id))\n" }
        return
            "\n--- \(message.id) from \(message.from)\(message.urgent ? ", urgent" : ""): "
            + "\(Names.shown(message.subject))\n\(body)"
    }
}

extension Names {
    /// Text of others as lines to be read: no control characters but newline and tab, none of a character that was cut,
    /// no empty lines at its end.
    package static func plain(_ bytes: some Sequence<UInt8>) -> String {
        let scalars = String(decoding: Array(bytes), as: UTF8.self).unicodeScalars
        var end = scalars.endIndex
        while end > scalars.startIndex {
            let last = scalars.index(before: end)
            guard ["\u{fffd}", "\n", "\r"].contains(scalars[last]) else { break }
            end = last
        }
        var text = String.UnicodeScalarView()
        for scalar in scalars[..<end] {
            text.append(scalar == "\n" || scalar == "\t" || !isControl(scalar) ? scalar : "?")
        }
        return String(text)
    }
}
