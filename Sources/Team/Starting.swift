import AgentPrograms
import Bus
import Glibc
import Processes
import SystemPackage
import Tmux

// How a known program is started. Its conversation outlives it, so of three ways one is taken:
//
//   there is a conversation, and the program has kept it      go on with it, and say what happened
//   none, or it could not be gone on with last time           begin anew, with the task as the first words
//   the program has no conversations, or none is known of it  begin anew
//
// That no two processes have one conversation is seen to before: nothing of an earlier session is left by then.
extension Supervisor {
    /// The program's call. What is given to it by files is in the agent's own directory, and goes with that.
    func launch(_ agent: AgentView, _ known: AgentProgram?) throws -> Program {
        guard let known else { return call(agent.card["Command"] ?? "exit 127", []) }
        var conversation = try bus.conversation(name)
        if conversation?["Resuming"] == nil, known.resume != nil, let kept = conversation?["Transcript"], try Files.exists(FilePath(kept)) {
            try bus.editConversation(name) { $0["Resuming"] = "yes" }
        } else {
            // Chosen anew: a program may refuse one that it has begun and not kept.
            let id = known.conversation == .chosen ? Random.uuid() : nil
            if id != nil || conversation != nil {
                try bus.editConversation(name) { record in
                    record = Record()
                    record["Id"] = id
                }
            }
        }
        conversation = try bus.conversation(name)
        let resumes = conversation?["Resuming"] != nil
        let holds = try Team.firstPrompt(bus, name)
        let prompt = resumes ? holds.map { "You were ended and are started again; go on with task \($0.dropFirst(5).prefix { $0 != "\n" })" } : holds
        var line = agent.isHeadless ? known.headless ?? known.command : known.command
        if resumes, let resume = known.resume { line = resume }
        var program = call(line, known.arguments(model: agent.card["Model"], auto: agent.card["Auto"] == "yes", prompt: prompt, calls: bus.calls(name).string))
        for entry in known.environment {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            program.environment[parts[0]] = parts.count == 2 ? parts[1] : ""
        }
        // Who can reach the socket of tmux can type into every pane.
        if known.sandbox != nil { for variable in ["TMUX", "TMUX_PANE"] { program.environment[variable] = .some(nil) } }
        program.environment["CADRE_CONVERSATION"] = conversation?["Id"]
        if known.hooks == .settings {
            try bus.setProgramSettings(name, known.settings(executable: Share.executable.string))
            program.environment["CADRE_SETTINGS"] = bus.programSettings(name).string
        }
        return program
    }

    private func call(_ line: String, _ arguments: [String]) -> Program {
        Program([Share.executable.string, "supervise", "--child", "\(getpid())", "/bin/sh", "-c", line, name] + arguments)
    }

    /// A program that ended by itself before it went on with its conversation can't: the next start begins anew.
    func noteEnd(_ code: Int32) throws {
        guard code != 0, code < 128, try bus.conversation(name)?["Resuming"] != nil else { return }
        try bus.editConversation(name) { $0 = Record() }
    }

    /// Seconds until a program that is not heard of and shows nothing counts as started all the same.
    private static let patience = 20.0

    /// Whether the program has started: it has if it told so, or if its screen, as far as that is known, is as when it is
    /// idle or in a dialog, which then is what it waits for. One of which nothing is known has, if it runs.
    func hasBegun(_ known: AgentProgram?) throws -> Bool {
        guard let known, known.hooks != nil || !known.idle.isEmpty else { return true }
        if try bus.agent(named: name)?.report?["State"] != AgentState.starting.rawValue { return true }
        guard let pane = getenv("TMUX_PANE").map({ String(cString: $0) }), let tmux = try? Tmux(bus), let seen = try? tmux.input(of: pane) else { return true }
        switch known.sight(seen.lines.joined(separator: "\n"), title: seen.title) {
        case .dialog(let what):
            try bus.report(name, state: .waiting, source: "screen", note: "the dialog '\(what)'")
            return true
        // What has got its first words will tell of itself soon.
        case .idle where try known.hooks == nil || Team.firstPrompt(bus, name) == nil: return true
        default: return Time.monotonic() - started > Supervisor.patience
        }
    }
}
