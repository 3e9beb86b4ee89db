import Glibc
import Storage
import SystemPackage

// A permission is an ask whose answer an agent's program awaits, in its hook.
//
//   1  the hook takes the lock agents/NAME/asking/ID and opens the ask, whose digest identifies the request. While the
//      hook holds the lock, an answer reaches the program
//   2  the hook waits for the answer, for a limited time
//   3  answered: the hook passes the answer to the program. Time over: the hook marks the ask late under the lock of
//      answers, so that there is an answer or a mark, never both; the ask stays open as long as the program's dialog
//   4  whoever sees that somebody answered in the program closes the ask: the tool ran or was refused, the turn or the
//      sub-agent is over, the program has ended, or it says that it no longer waits and no dialog is up
//
// A hook that is killed loses its lock, which makes the ask late. The program's dialog is up in each case, so nothing
// hangs on the bus.
extension Bus {
    package static let inTheProgram = "answered in the program"

    /// What is asked: a tool, and what it is to be used on.
    package struct Permission {
        /// Several of the options may be the answer, divided by commas.
        package var isMany = false
        package var tool: String
        package var directory: String
        package var digest: String
        /// A line for the list, and all of it.
        package var text: String
        /// Of the program, if one asks.
        package var subagent: String?
        /// Of a question, the answers to choose from.
        package var options: [String]?
        package init(
            tool: String, directory: String, digest: String, text: String, subagent: String? = nil,
            options: [String]? = nil
        ) {
            self.subagent = subagent
            self.options = options
            self.tool = tool
            self.directory = directory
            self.digest = digest
            self.text = text
        }
    }

    /// An ask that its asker waits for, by the lock that it holds.
    package struct Waiting {
        package let id: String
        let lock: FileDescriptor
    }

    /// Asks; the lock is held from before the ask can be seen.
    package func askPermission(_ wanted: Permission, by name: String, session: String) throws -> Waiting {
        var lock: FileDescriptor?
        let id = try ask(
            Array(wanted.text.utf8), by: name, to: "human", kind: wanted.options == nil ? .permission : .question,
            options: wanted.options ?? [], severity: nil
        ) { id, record in
            record.dialog = wanted.options == nil ? nil : .yes
            record.many = wanted.isMany ? .yes : nil
            record.tool = Names.shown(wanted.tool)
            record.directory = Names.shown(wanted.directory)
            record.session = session
            record.digest = wanted.digest
            record.subagent = wanted.subagent.map { Names.shown($0) }
            record.micros = Time.micros()
            try Files.mkdirs(askingPlace(name))
            lock = try LivenessLock.take(asking(name, id))
        }
        guard let lock else { throw Failure.unsure("ask '\(id)' is waited for by another") }
        return Waiting(id: id, lock: lock)
    }

    /// Waits at most `seconds` for the answer. Nil: nobody answered in time, or the ask was closed; an answer comes too
    /// late now.
    package func waitForPermission(_ waiting: Waiting, of name: String, seconds: Int) throws -> Ask? {
        defer {
            _ = try? Files.unlink(asking(name, waiting.id))
            try? waiting.lock.close()
        }
        _ = try waitForAnswer(waiting.id, until: Time.now() + seconds)
        return try locked("late") { _ in
            guard let ask = try ask(waiting.id) else { return nil }
            if ask.answer != nil { return ask.answer == Bus.inTheProgram ? nil : ask }
            var record = ask.record
            record.late = .yes
            try replace(openAsks.appending(waiting.id), with: record.bytes, sync: false)
            return nil
        }
    }

    /// Whether an answer would still reach the program that asks.
    package func isWaited(for ask: Ask) throws -> Bool {
        try ask.record.late == nil && LivenessLock.isHeld(asking(ask.from, ask.id))
    }

    /// The open asks of the agent's program: permissions, and questions of its own.
    package func permissions(of name: String) throws -> [Ask] {
        try asks().filter { $0.isByProgram && $0.from == name }
    }

    /// Closes those of an agent's open permissions that have become moot: its program has gone on, or ended.
    @discardableResult
    package func closePermissions(
        of name: String, _ why: String = Bus.inTheProgram, where isOver: (Ask) throws -> Bool = { _ in true }
    ) throws -> Int {
        // Without the lock first: nearly always there is none.
        guard try permissions(of: name).contains(where: isOver) else { return 0 }
        return try locked("close") { _ in
            let over = try permissions(of: name).filter(isOver)
            for ask in over {
                var record = ask.record
                record.answer = why
                record.by = "cadre"
                record.answered = Time.now()
                try replace(openAsks.appending(ask.id), with: record.bytes, sync: false)
                _ = try Files.rename(openAsks.appending(ask.id), doneAsks.appending(ask.id))
                journal("closed", by: "cadre", ["ask": ask.id, "why": why])
            }
            return over.count
        }
    }

    /// Closes permissions whose agent has ended, or has begun another session. Returns how many.
    func closeEndedPermissions() throws -> Int {
        let names = Set(try asks().filter(\.isByProgram).map(\.from))
        return try names.map { name in
            let agent = try agent(named: name)
            return try closePermissions(of: name, "its program has ended") {
                agent?.alive != true || $0.record.session != agent?.token
            }
        }.reduce(0, +)
    }
}
