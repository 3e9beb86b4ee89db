import Bus
import CLinux
import Glibc
import Processes
import Storage
import SystemPackage
import Team

/// Runs the verbs that an agent in a sandbox calls (see `Bus.call`), each as a child of the supervisor, so that it is
/// that agent's to the kernel as well. Nothing of what is called reaches a shell, and only verbs of an agent's work are
/// run: none that starts a program of the caller's choice.
package final class SandboxServer: EventSource {
    private let bus: Bus
    private let name: String
    private let token: String
    /// Where a call is run whose directory is gone.
    private let directory: FilePath
    private let environment: [String: String?]
    private let watcher = Watcher()
    private var again: Double?

    private struct Running {
        var id: String
        var call: Call
        var file: FileDescriptor
        /// Anonymous files that it prints to.
        var output: Int32
        var error: Int32
        var isEnded = false
    }
    private var running: [pid_t: Running] = [:]

    /// The verbs that can be called. Others do what they can where they are: read.
    package static let verbs = [
        "ask", "claim", "handoff", "heartbeat", "inbox", "merge", "peek", "plan", "prime", "send", "task",
    ]
    /// More at once wait until one has ended.
    private static let most = 16

    package var descriptor: Int32? { watcher.descriptor }
    var isIdle: Bool { running.isEmpty }
    package var remaining: Double? { again.map { max(0, $0 - Time.monotonic()) } }

    init(_ bus: Bus, _ name: String, token: String, directory: FilePath, environment: [String: String?]) {
        self.bus = bus
        self.name = name
        self.token = token
        self.directory = directory
        self.environment = environment
        watcher.watch(bus.calls(name))
    }

    /// Something changed: starts what was called, and ends what nobody waits for any more. The kernel tells of a close
    /// shortly before it drops the lock, so it is looked once more.
    func look() throws {
        watcher.drain()
        let second = again != nil
        again = nil
        for (pid, one) in running where !one.call.isDone && !one.isEnded && !bus.isWaited(for: one.file) {
            running[pid]!.isEnded = true
            kill(-pid, SIGTERM)
        }
        for id in try bus.openCalls(of: name)
        where running.count < SandboxServer.most && !running.values.contains(where: { $0.id == id }) {
            do {
                guard let (call, file) = try bus.call(id, of: name) else { continue }
                try start(id, call, file)
            } catch let failure as Failure {
                try bus.answer(
                    id, of: name, Answer(code: failure.kind.rawValue, error: Array("cadre: \(failure.message)\n".utf8)))
            }
        }
        if !second, !running.isEmpty { again = Time.monotonic() + 0.05 }
    }

    private func start(_ id: String, _ call: Call, _ file: FileDescriptor) throws {
        do {
            guard call.token == token else { throw Failure.no("this session of '\(name)' is over") }
            let program = try program(call)
            let files = [csys_memfd("output"), csys_memfd("error")]
            var input: Int32 = -1
            if let bytes = call.input { input = try Program.memory(bytes) }
            defer { if input >= 0 { close(input) } }
            let pid = try program.start(stdin: input, stdout: files[0], stderr: files[1])
            running[pid] = Running(id: id, call: call, file: file, output: files[0], error: files[1])
        } catch {
            try? file.close()
            throw error
        }
    }

    private func program(_ call: Call) throws -> Program {
        guard let verb = call.arguments.first, SandboxServer.verbs.contains(verb),
            !call.arguments.starts(with: ["merge", "run"])
        else {
            throw Failure.no("'\(Names.shown(call.arguments.first ?? ""))' is not for a sandbox")
        }
        var program = Program([Installation.executable.string] + call.arguments)
        program.environment = environment.merging(["TMUX": nil, "TMUX_PANE": nil, Call.variable: call.given]) { $1 }
        program.directory = try Files.exists(call.directory) ? call.directory : directory
        program.ownGroup = true
        return program
    }

    /// A child has ended; true if it was one of ours.
    func ended(_ pid: pid_t, _ status: Int32) -> Bool {
        guard let one = running.removeValue(forKey: pid) else { return false }
        let answer = Answer(
            code: Program.code(status), output: SandboxServer.take(one.output), error: SandboxServer.take(one.error))
        // What can't be written now is handed in again at the next start.
        try? bus.answer(one.id, of: name, answer)
        if !bus.isWaited(for: one.file) {
            if one.call.isDone { try? tell(answer) }
            try? bus.dropCall(one.id, of: name)
        }
        try? one.file.close()
        // Others may have waited for it to end.
        again = Time.monotonic()
        return true
    }

    private static func take(_ fd: Int32) -> [UInt8] {
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: min(Int(lseek(fd, 0, SEEK_END)), 4 << 20))
        let got = pread(fd, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, got)))
    }

    /// The agent does not wait for it any more: it hears of what went wrong by mail.
    private func tell(_ answer: Answer) throws {
        guard answer.code != 0 else { return }
        let why = answer.code == Call.wantsCheck ? Array("Its check is still to be run.\n".utf8) : answer.error
        _ = try bus.send(
            from: "cadre", to: name, subject: "your work was not handed in, 'cadre task done' tries again",
            body: why.isEmpty ? Array("exit status \(answer.code)\n".utf8) : why)
    }

    deinit {
        for one in running.values {
            try? one.file.close()
            close(one.output)
            close(one.error)
        }
    }

    // MARK: what a crash left

    /// Hands in the submissions that an earlier session called for and got no answer to; we have its token. Drops its
    /// other calls, which nobody waits for. Must run before a new session takes over the claims.
    func finish() throws {
        for id in try bus.openCalls(of: name) {
            guard let (call, file) = try? bus.call(id, of: name) else { continue }
            try? file.close()
            guard call.isDone, call.token == token else { continue }
            var program = try program(call)
            program.input = call.input
            program.timeout = 600
            let result = try program.run()
            let answer = Answer(code: result.status, output: result.output, error: result.error)
            // Refused under this token: it had been handed in.
            let isSubmitted = try result.status == 1 && !bus.claims().contains { $0.owner == name && $0.token == token }
            if !isSubmitted { try tell(answer) }
            try bus.answer(id, of: name, answer)
        }
        for id in try Files.list(bus.calls(name)) ?? [] { try bus.dropCall(id, of: name) }
    }
}
