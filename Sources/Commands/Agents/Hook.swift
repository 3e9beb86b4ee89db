import ArgumentParser
import Bus
import CommandKit
import FoundationEssentials
import Hooks
import Processes
import Storage
import Team

package struct HookVerb: HotVerb {
    package static let configuration = CommandConfiguration(
        verb: "hook", abstract: "Handle a hook of an agent program: JSON in, JSON out.")
    @OptionGroup package var common: Common
    @Argument(help: "The program's name of the event.") var event: String
    package init() {}
    package static var words: [Word<Self>] { [.first { $0.event = $1 }] }

    /// What programs send, as far as it is used; what is not of this kind is left out.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Input: Decodable {
        var session_id: String?
        var transcript_path: String?
        var source: String?
        var tool_name: String?
        var tool_input: Value?
        var cwd: String?
        var notification_type: String?
        var message: String?
        var error: String?
        var error_details: String?
        var last_assistant_message: String?
        var agent_id: String?
    }

    /// Nil for what a program leaves that is killed while it calls us: nothing, or a beginning.
    static func call(_ event: String, _ said: [UInt8]) throws -> HookCall? {
        let first = said.first { $0 > UInt8(ascii: " ") }
        let last = said.last { $0 > UInt8(ascii: " ") }
        if first == nil || first == UInt8(ascii: "{") && last != UInt8(ascii: "}") { return nil }
        let input = try JSONDecoder().decode(Input.self, from: Data(said))
        var call = HookCall(event)
        call.conversation = input.session_id
        call.transcript = input.transcript_path
        call.source = input.source
        call.tool = input.tool_name
        call.input = input.tool_input
        call.directory = input.cwd
        call.kind = input.notification_type
        call.message = input.message
        call.error = input.error
        call.details = input.error_details ?? input.last_assistant_message
        call.subagent = input.agent_id
        return call
    }

    /// Accounts for what the program tells, and shows the user's own status line or a line of ours.
    private func showStatusLine(_ tool: CommandContext, _ bus: Bus, _ name: String) throws {
        let input = try tool.standardInput()
        let own = Result {
            try Team.statusLine(
                bus, name, session: tool.session, JSONDecoder().decode(StatusLine.self, from: Data(input)))
        }
        if let command = tool.environment("CADRE_STATUS_LINE") {
            var users = Program(["/bin/sh", "-c", command])
            users.input = input
            users.timeout = 3
            users.ownGroup = true
            // Where it fails or takes too long ours is better than none.
            if let result = try? users.run(), result.status == 0, !result.timedOut { return Output.raw(result.output) }
        }
        Output.line(try own.get())
    }

    /// A hook never fails: its trouble must not stop the agent. It goes into the agent's log.
    package func run(_ tool: CommandContext) {
        do {
            let name = try tool.caller()
            let bus = try tool.bus()
            do {
                if event == "StatusLine" { return try showStatusLine(tool, bus, name) }
                guard let call = try HookVerb.call(event, tool.standardInput()) else { return }
                try tool.team().hook(call, of: name, session: tool.session) { text in
                    Output.raw(Array(text.utf8))
                    Output.flush()
                }
            } catch {
                let reason = (error as? Failure)?.message ?? "not the JSON of a hook on standard input"
                try bus.noteHook(name, "hook \(event): \(reason)")
            }
        } catch let failure as Failure {
            CommandRunner.complain(failure.message)
        } catch {
            CommandRunner.complain("no bus here")
        }
    }
}
