import ArgumentParser
import Bus
import CommandKit
import Storage

package struct HeartbeatVerb: HotVerb {
    package static let configuration = CommandConfiguration(
        verb: "heartbeat", abstract: "Report state and progress; renew my leases.")
    @OptionGroup package var common: Common
    @Option(name: .long, help: "starting, working, idle, waiting or stuck.") var state: String?
    @Option(name: .long, help: "A line on the present work.") var note: String?
    @Option(name: .long, help: "Progress: N/M.") var progress: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Report an error that may pass; print the seconds to wait before the next try.", valueName: "why"))
    var retry: String?
    package init() {}
    package static var words: [Word<Self>] {
        [
            .option(["--state"]) { $0.state = $1 }, .option(["--note"]) { $0.note = $1 },
            .option(["--progress"]) { $0.progress = $1 },
            .option(["--retry"]) { $0.retry = $1 },
        ]
    }

    package func run(_ tool: CommandContext) throws {
        let reportable: [AgentState] = [.starting, .working, .idle, .waiting, .stuck]
        let state = try self.state.map { text -> AgentState in
            guard let state = AgentState(rawValue: text), reportable.contains(state) else {
                throw Failure.usage("bad state '\(Names.shown(text))', use starting, working, idle, waiting or stuck")
            }
            return state
        }
        if let progress {
            let parts = progress.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
            guard parts.count == 2, let n = parts[0], let m = parts[1], n >= 0, m > 0, n <= m else {
                throw Failure.usage("bad progress '\(Names.shown(progress))', use N/M")
            }
        }
        let note = try self.note.map { $0.isEmpty ? "" : try tool.line($0, what: "note") }
        let bus = try tool.bus()
        let name = try tool.caller()
        let worker = try tool.worker()
        if try Files.exists(bus.card(name)) {
            try bus.report(name, state: state, source: .heartbeat, note: note, progress: progress)
            if let retry {
                let next = try bus.noteRetry(of: name, Names.shown(retry.isEmpty ? "it may pass" : retry))
                let seconds = max(1, next.next - Time.now())
                tool.print(
                    ["\(seconds)"],
                    json: ["seconds": .int(seconds), "tries": .int(next.tries), "next": .string(Time.text(next.next))])
            }
        } else if try bus.held(by: worker).isEmpty {
            throw Failure.no("'\(name)' holds no task, and there is \(bus.noAgent(name).message)")
        }
        _ = try bus.renew(worker)
    }
}
