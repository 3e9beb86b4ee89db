import Bus
import Processes
import Storage
import SystemPackage
import Team

/// Verbs that run beside the screen: one after the other for what changes something, one at a time for each thing that
/// is looked up.
final class Jobs {
    private struct Running {
        let job: Job
        let done: (Program.Result) -> Void
    }

    /// Bytes of a verb's output that are of use on a screen.
    private static let limit = 4_000_000

    private var running: [String: Running] = [:]
    private var waiting: [(words: [String], source: Source, done: (Program.Result) -> Void)] = []

    var descriptors: [Int32] { running.values.flatMap(\.job.descriptors) }
    /// Whether something is being changed.
    var isBusy: Bool { running["act"] != nil || !waiting.isEmpty }

    /// A verb of cadre's on a project's bus.
    static func program(_ words: [String], _ source: Source) -> Program {
        var program = Program([Installation.executable.string] + words)
        program.environment = ["CADRE_DIR": source.bus.root.string, "GIT_OPTIONAL_LOCKS": "0"]
        program.directory = (try? source.bus.repository())
        return program
    }

    /// Runs a verb that changes something, after those before it.
    func act(_ words: [String], _ source: Source, _ done: @escaping (Program.Result) -> Void) {
        waiting.append((words, source, done))
        next()
    }

    private func next() {
        guard running["act"] == nil, !waiting.isEmpty else { return }
        let (words, source, done) = waiting.removeFirst()
        start("act", Jobs.program(words, source)) { [weak self] result in
            done(result)
            self?.next()
        }
    }

    /// Looks something up. What was being looked up under this name is forgotten.
    func look(_ name: String, _ words: [String], _ source: Source, _ done: @escaping (Program.Result) -> Void) {
        cancel(name)
        start(name, Jobs.program(words, source), done)
    }

    func isLooking(_ name: String) -> Bool { running[name] != nil }

    func cancel(_ name: String) { running.removeValue(forKey: name)?.job.cancel() }

    func cancelAll() { for name in running.keys where name != "act" { cancel(name) } }

    private func start(_ name: String, _ program: Program, _ done: @escaping (Program.Result) -> Void) {
        do {
            running[name] = Running(job: try Job(program, limit: Jobs.limit), done: done)
        } catch {
            done(
                Program.Result(
                    status: 75, output: [], error: Array("\((error as? Failure)?.message ?? "\(error)")\n".utf8)))
        }
    }

    /// Takes what the jobs have printed, and hands on the results of those that have ended. True if one has.
    func read() -> Bool {
        var ended = false
        for (name, one) in running {
            guard let result = one.job.read() else { continue }
            running[name] = nil
            ended = true
            one.done(result)
        }
        return ended
    }
}
