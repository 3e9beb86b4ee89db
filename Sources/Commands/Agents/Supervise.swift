import ArgumentParser
import Bus
import CommandKit
import Glibc
import Storage
import Supervision
import Team

package struct SuperviseVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "supervise", abstract: "Run and watch an agent's program, in its pane.")
    @OptionGroup package var common: Common
    @Option(
        name: .long, help: ArgumentHelp("Run the body of this task, which the caller holds.", valueName: "id"))
    var task: String?
    /// See `Supervisor.succeed`.
    @Option(name: .customLong("succeeds"), help: .hidden) var succeeds: String?
    @Argument(help: "The agent.") var name: String
    package init() {}
    /// A supervisor does so itself, at its end.
    package static let rouses = false

    package func run(_ tool: CommandContext) throws {
        if let task { return try TaskBody.run { try TaskBody(tool.team(), Names.id(task), tool.worker()) } }
        let name = try Names.agent(name)
        guard try tool.bus().agent(named: name) != nil else { throw try tool.bus().noAgent(name) }
        try Supervisor(name, tool.team(), succeeding: succeeds).run()
    }

    /// `supervise --child PID MARK PROGRAM...`: the step between a supervisor and its program. `supervise --witness
    /// PID`: see `Supervisor.witness`. Both cost as little as can be. Returns if it is neither of them.
    package static func becomeHelperIfAsked(
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, _ count: Int
    ) {
        guard count >= 4 else { return }
        let words = (1...3).map { String(cString: arguments[$0]!) }
        guard words[0] == "supervise", let pid = Int32(words[2]) else { return }
        if words[1] == "--witness" { Supervisor.witness(of: pid) }
        guard words[1] == "--child", count >= 6, let mark = UInt64(String(cString: arguments[4]!)) else { return }
        Supervisor.becomeChild(of: pid, mark: mark, (5..<count).map { arguments[$0] })
    }
}
