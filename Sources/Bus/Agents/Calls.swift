import Glibc
import Storage
import SystemPackage

/// A verb that an agent in a sandbox asks its supervisor to run.
package struct Call {
    /// The verb first.
    package var arguments: [String]
    /// Where it is called, absolute.
    package var directory: FilePath
    /// The session that calls.
    package var token: String
    /// Its standard input, once it was asked for.
    package var input: [UInt8]?
    /// The task's check has passed, where the caller is.
    package var checked = false

    package init(_ arguments: [String], directory: FilePath, token: String) {
        self.arguments = arguments
        self.directory = directory
        self.token = token
    }

    /// Whether it hands work in: that is done even if nobody waits for it any more.
    package var isDone: Bool { arguments.starts(with: ["task", "done"]) }

    /// Exit codes of a verb that runs for a caller and needs something from it first: the caller's standard input, or
    /// that the caller runs the printed command, a task's check, because that starts the agent's own code.
    package static let wantsInput: Int32 = 100
    package static let wantsCheck: Int32 = 101
    /// The variable that lists what such a verb need not request any more: `input`, `check`.
    package static let variable = "CADRE_CALL"
    package var given: String {
        [input == nil ? nil : "input", checked ? "check" : nil].compactMap { $0 }.joined(separator: " ")
    }
    /// What this process was given, if it is such a verb; nil for every other. What it starts is none.
    package static let own: [Substring]? = {
        guard let value = getenv(variable).map({ String(cString: $0) }) else { return nil }
        unsetenv(variable)
        return value.split(separator: " ")
    }()
    /// The most that a call may hold.
    static let limit = 16 << 20
}

/// What a verb that was called printed, and its exit code.
package struct Answer {
    package var code: Int32
    package var output: [UInt8]
    package var error: [UInt8]

    package init(code: Int32, output: [UInt8] = [], error: [UInt8] = []) {
        self.code = code
        self.output = output
        self.error = error
    }
}

/// A file of `calls`. The body is the arguments, a NUL behind each, and the input.
private struct CallFields: RecordFields {
    let token = Field<String>("Token")
    let directory = Field<String>("Directory")
    /// How many.
    let arguments = Field<Int>("Arguments")
    let input = Field<YesNo>("Input")
    let checked = Field<YesNo>("Checked")
}

/// A file of `answers`. The body is the output and the errors.
private struct AnswerFields: RecordFields {
    let code = Field<Int>("Code")
    /// How many bytes of the body are output.
    let output = Field<Int>("Output")
}

// Calls. A sandbox that could write the bus would be none, and git can't be used in it: so it may write one directory,
// its agent's `calls`, and the supervisor outside runs what is asked for there, as the agent and for the verbs of an
// agent only.
//
//   caller       1  calls/.ID is written, locked by the caller for as long as it waits
//                2  calls/.ID -> calls/ID                    the call is made
//   supervisor   3  the verb is run
//                4  answers/ID is written                    it is over
//   caller       5  calls/ID is removed, once its answer was read
//   supervisor   6  answers/ID is removed
//
// The supervisor ends a verb when its caller stops waiting. Only handing work in runs to its end; if it fails then, the
// agent gets mail. The same holds after a crash: before a new session begins, the supervisor hands in once more every
// submission without an answer, under the token of the session that called. That does nothing twice: what the first
// attempt committed is not uncommitted any more, and a task that it submitted is not claimed any more.
//
// The supervisor doesn't trust the caller: it reads only a regular file of bounded size, and follows no link.
extension Bus {
    /// Lets the agent call, from now on.
    package func makeCalls(_ name: String) throws {
        try Files.mkdir(calls(name))
        try Files.mkdir(answers(name))
    }

    /// Whether this process must call the supervisor: it can't write the bus, or it can't see the supervisor. In a
    /// process namespace of its own the kernel can't tell whose it is, and it can signal nobody outside.
    package func mustCall(_ name: String) throws -> Bool {
        guard try Files.exists(calls(name)) else { return false }
        let probe = aside()
        do { _ = try Files.create(probe) } catch is Failure { return true }
        try Files.unlink(probe)
        guard let session = try AgentSession.read(session(name)), let pid = session.pid,
            let start = session.start
        else { return false }
        return try Host.startTime(Int32(pid)) != start && LivenessLock.isHeld(alive(name))
    }

    // MARK: the caller

    /// Makes a call and waits for its answer. Throws `Failure.unsure` if there will be none.
    package func call(_ call: Call, of name: String) throws -> Answer {
        let id = "\(Time.now())-\(Random.hex(16))"
        var record = TypedRecord<CallFields>()
        record.token = call.token
        record.directory = call.directory.string
        record.arguments = call.arguments.count
        record.input = call.input == nil ? nil : .yes
        record.checked = call.checked ? .yes : nil
        record.body = call.arguments.flatMap { Array($0.utf8) + [0] } + (call.input ?? [])
        guard record.bytes.count <= Call.limit else {
            throw Failure.no("too much for a call: \(record.bytes.count) bytes")
        }

        let new = callFile("." + id, of: name)
        guard let lock = try LivenessLock.take(new) else { throw Failure.bug("'\(new.string)' is locked") }
        defer { try? lock.close() }
        try Files.write(record.bytes, to: new, sync: true)
        let watcher = Watcher()
        watcher.watch(answers(name))
        watcher.watch(alive(name))
        guard try Files.rename(new, callFile(id, of: name)) else { throw Failure.unsure("'\(new.string)' was removed") }
        try Files.sync(calls(name))
        while true {
            if let record = try TypedRecord<AnswerFields>.read(answerFile(id, to: name)) {
                let (code, length) = (record.code ?? 75, record.output ?? 0)
                try Files.unlink(callFile(id, of: name))
                return Answer(
                    code: Int32(code), output: Array(record.body.prefix(length)),
                    error: Array(record.body.dropFirst(length)))
            }
            guard try LivenessLock.isHeld(alive(name)) else {
                throw Failure.unsure("the supervisor of '\(name)' is gone: try again")
            }
            watcher.wait(seconds: 60)
        }
    }

    // MARK: the supervisor

    /// The calls that have no answer, oldest first. Answers whose call is gone are removed.
    package func openCalls(of name: String) throws -> [String] {
        let there = Set(try Files.list(calls(name)) ?? [])
        var answered = Set<String>()
        for id in try Files.list(answers(name)) ?? [] {
            if there.contains(id) { answered.insert(id) } else { try Files.unlink(answerFile(id, to: name)) }
        }
        return there.filter { !$0.hasPrefix(".") && !answered.contains($0) }.sorted()
    }

    /// A call, and the file by which it can be told whether its caller waits; nil if it is gone. Throws if it is none.
    package func call(_ id: String, of name: String) throws -> (call: Call, file: FileDescriptor)? {
        let path = callFile(id, of: name)
        guard let (bytes, file) = try Files.readStrange(path, limit: Call.limit) else { return nil }
        do {
            let record = try TypedRecord<CallFields>(bytes, of: path)
            guard let count = record.arguments, (1...1000).contains(count), let token = record.token,
                let directory = record.directory, directory.hasPrefix("/")
            else { throw Record.damaged(path) }
            var rest = record.body[...]
            var arguments: [String] = []
            for _ in 0..<count {
                guard let end = rest.firstIndex(of: 0) else { throw Record.damaged(path) }
                arguments.append(String(decoding: rest[..<end], as: UTF8.self))
                rest = rest[(end + 1)...]
            }
            var call = Call(arguments, directory: FilePath(directory), token: token)
            call.input = record.input == nil ? nil : Array(rest)
            call.checked = record.checked != nil
            return (call, file)
        } catch {
            try? file.close()
            throw error
        }
    }

    package func isWaited(for file: FileDescriptor) -> Bool { LivenessLock.isHeld(file) }

    package func answer(_ id: String, of name: String, _ given: Answer) throws {
        var record = TypedRecord<AnswerFields>()
        record.code = Int(given.code)
        record.output = given.output.count
        record.body = given.output + given.error
        try replace(answerFile(id, to: name), with: record.bytes, sync: true)
    }

    /// Removes a call that nobody waits for, and its answer.
    package func dropCall(_ id: String, of name: String) throws {
        try Files.removeAll(callFile(id, of: name))
        try Files.unlink(answerFile(id, to: name))
    }
}
