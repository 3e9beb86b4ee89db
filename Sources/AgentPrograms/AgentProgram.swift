import Bus
import Glibc
import Processes
import Storage
import SystemPackage

/// The description of an agent program: how cadre starts, follows and reaches it. All of it is data in git-config
/// syntax: cadre ships a file for each program, and the user's `cadre.program.NAME` values take precedence; see
/// cadre-programs(5). Properties of which nothing is known are nil or empty.
package struct AgentProgram {
    package let name: String
    /// Command lines for /bin/sh, to be given what varies as arguments (`"$@"`).
    package let command: String
    /// Goes on with the conversation `$CADRE_CONVERSATION`.
    package let resume: String?
    /// Without a terminal.
    package let headless: String?
    /// Goes on with a conversation without a terminal.
    package let headlessResume: String?
    /// How cadre passes the words of a turn to a headless program that ends after one turn; nil for one that keeps
    /// running.
    package enum Prompt: String { case argument, file }
    package let headlessPrompt: Prompt?
    /// Whether it can call cadre's verbs.
    package let callsVerbs: Bool
    /// Variables to set, as `NAME=value`.
    package let environment: [String]

    /// Who makes the id of a conversation: cadre, or the program, which tells it to its SessionStart hook.
    package enum Conversation: String { case chosen, told }
    package let conversation: Conversation?
    /// Whether it takes its first prompt as its last argument, and the option that goes before it, if one does.
    package let takesPrompt: Bool
    private let promptOption: String?
    /// Whether cadre can give it instructions in words.
    package var isTold: Bool { takesPrompt || headlessPrompt != nil || !doors.isEmpty }
    /// The option that names a model.
    package let model: String?

    /// Options to add for an agent of `--auto`: with them the program asks its hook for each permission, and the hook
    /// allows it.
    package let auto: [String]

    /// The option that lets its sandbox write one more directory, or `command` if its command lines say so themselves.
    package let sandbox: String?

    private static let byCommand = "command"

    /// How hooks are given to it: as a file of settings, or as values of its configuration on the command line.
    package enum Hooks: String { case settings, config }
    package let hooks: Hooks?
    /// The events, each with the digest by which the program knows that the hook is trusted, if it asks for that.
    package let events: [(name: String, digest: String?)]
    /// How its hook at the end of a turn has it go on: with words in its context, or by refusing the end with a reason.
    package enum Stop: String { case context, block }
    package let stop: Stop?
    /// Tools whose question no yes or no answers: cadre leaves them to the program's own dialog.
    package let dialogTools: [String]
    /// The tool that asks questions with options: its input has `questions`, each with `question`, `options` that have
    /// a `label`, and `multiSelect`; it takes the answers as `answers`, by question.
    package let questionTool: String?
    /// The tool that asks for its plan, the field `plan` of what it is used on, to be approved.
    package let planTool: String?
    /// Whether its hook is not told where a tool is to be used, which its transcript tells.
    package let hidesDirectory: Bool
    /// By which ways mail reaches it, best first.
    package enum Door: String { case hook, paste }
    package let doors: [Door]

    /// Where cadre reads its usage: the status line and the transcript; the transcript alone, which has tokens and no
    /// money; a history file; the output of a headless run. `none`: the program costs nothing.
    package enum Cost: String { case statusLine, rollout, history, result, none }
    package let cost: Cost?
    package let headlessCost: Cost?
    /// Whether its money can be told.
    package var tellsMoney: Bool { cost.map { $0 != .rollout } ?? false }
    /// Paths of the project's and the user's own settings. cadre shows the first status line that they configure, not
    /// its own.
    package let userSettings: [String]

    /// Where it keeps what it does; `~/` is the home, `%p` its process id.
    package let stateFile: String?
    /// Where it keeps a conversation; `*` is any one directory, `%c` its id.
    package let transcript: String?
    /// They match the cursor's line while the program takes input, and that line or one below it while the program
    /// works.
    package let idle: [Pattern]
    let working: [Pattern]
    /// They match the line right above the input line in which the program says why a turn stalls or has failed.
    let trouble: [Pattern]
    let signedOut: [Pattern]
    let lasting: [Pattern]
    /// They match the frame that the program draws above its input line, and above a dialog in that line's place.
    let frame: [Pattern]
    /// Whether it lets the cursor be seen at its input line only.
    let cursorShown: Bool
    /// They match the terminal's title while the program works, and while it waits for a person.
    let titleWorking: [Pattern]
    let titleWaiting: [Pattern]
    /// Of the line that the cursor is in while nothing is typed.
    package let empty: [Pattern]
    let dialogs: [(name: String, pattern: Pattern)]
    /// Keys that answer a dialog in one version, for users that want that.
    package let answers: [(dialog: String, version: String, keys: [String])]
    /// The command that prints its version.
    package let version: String?
    /// The versions that all this was seen with; none: it was never run.
    package let tried: [String]

    /// Nil if nothing is known under this name. `file` is what comes with cadre; `set` gives the user's values of a key
    /// (`program.NAME.KEY`, all lower case), which take the place of the file's. `options`: words for the shell that
    /// each of its command lines has before what varies.
    package init?(_ name: String, options: String = "", file: FilePath?, set: @escaping (String) -> [String]) throws {
        guard Names.isName(name) else { return nil }
        let values = try ProgramValues(name, file: file, set: set)
        func line(_ key: String) -> String? {
            values.last(key).map { options.isEmpty ? $0 : $0.replacing("\"$@\"", with: "\(options) \"$@\"") }
        }
        guard let command = line("command"), options.isEmpty || command.contains("\"$@\"") else { return nil }
        self.name = name
        self.command = command
        resume = line("resume")
        headless = line("headless")
        headlessResume = line("headlessResume")
        headlessPrompt = try values.choice("headlessPrompt", "argument or file")
        enum Choice: String { case yes, no, transcript }
        enum Place: String { case input }
        callsVerbs = try values.choice("verbs", "yes or no") != Choice.no
        environment = values.list("environment")
        conversation = try values.choice("conversation", "chosen or told")
        let prompt = try values.option("prompt", or: "argument", "argument or an option")
        takesPrompt = prompt != nil
        promptOption = prompt == "argument" ? nil : prompt
        model = values.last("model")
        auto = values.list("auto")
        sandbox = try values.option("sandbox", or: AgentProgram.byCommand, "an option or \(AgentProgram.byCommand)")
        hooks = try values.choice("hooks", "settings or config")
        events = values.list("hook").compactMap { value in
            let words = value.split(separator: " ").map(String.init)
            return words.first.map { ($0, words.dropFirst().first) }
        }
        stop = try values.choice("stop", "context or block")
        dialogTools = values.list("dialogTool")
        questionTool = values.last("questionTool")
        planTool = values.last("planTool")
        hidesDirectory = try values.choice("directory", "transcript") == Choice.transcript
        doors = try values.choices("door", "hook or paste")
        cost = try values.choice("cost", "statusLine, rollout, history, result or none")
        headlessCost = try values.choice("headlessCost", "statusLine, rollout, history, result or none") ?? cost
        userSettings = values.list("userSettings")
        stateFile = values.last("stateFile")
        transcript = values.last("transcript")
        idle = try values.patterns("screenIdle")
        working = try values.patterns("screenWorking")
        frame = try values.patterns("frame")
        trouble = try values.patterns("trouble")
        signedOut = try values.patterns("signedOut")
        lasting = try values.patterns("lasting")
        cursorShown = try values.choice("cursor", "input") == Place.input
        titleWorking = try values.patterns("titleWorking")
        titleWaiting = try values.patterns("titleWaiting")
        empty = try values.patterns("empty")
        dialogs = try values.dialogs()
        answers = try values.answers()
        version = values.last("version")
        tried = values.list("tried")
    }

    // MARK: its files

    package func stateFile(of process: pid_t) -> FilePath? {
        stateFile.map { AgentProgram.place($0.replacing("%p", with: "\(process)")) }
    }

    /// The file of a conversation; nil if there is none.
    package func transcript(of id: String) throws -> FilePath? {
        guard let transcript, !id.isEmpty, !id.contains("/") else { return nil }
        let parts = AgentProgram.place(transcript.replacing("%c", with: id)).string.split(
            separator: "*", maxSplits: 1, omittingEmptySubsequences: false
        ).map(String.init)
        guard parts.count == 2 else { return try Files.exists(FilePath(parts[0])) ? FilePath(parts[0]) : nil }
        return try (Files.list(FilePath(parts[0])) ?? []).map { FilePath(parts[0] + $0 + parts[1]) }.first {
            try Files.exists($0)
        }
    }

    private static func place(_ path: String) -> FilePath {
        FilePath(path.hasPrefix("~/") ? (getenv("HOME").map { String(cString: $0) } ?? "/") + path.dropFirst() : path)
    }

    // MARK: starting it

    /// The settings that a program with `hooks = settings` is given in a file: its hooks, and its status
    /// line if that tells what it costs. In this form no shell is between the program and its hook.
    package func settings(executable: String) -> String {
        let hooks = events.map { event in
            "\(JSON.string(event.name)):[{\"matcher\":\"*\","
                + "\"hooks\":[{\"type\":\"command\",\"command\":\(JSON.string(executable)),"
                + "\"args\":[\"hook\",\(JSON.string(event.name))],\"timeout\":\(AgentProgram.patience(event.name))}]}]"
        }
        let command = "exec '" + executable.replacing("'", with: "'\\''") + "' hook StatusLine"
        let line =
            cost == .statusLine
            ? "\"statusLine\":{\"type\":\"command\",\"command\":\(JSON.string(command)),\"padding\":0}," : ""
        return "{\(line)\"hooks\":{\(hooks.joined(separator: ","))}}\n"
    }

    /// Seconds after which the program gives up on a hook. A hook takes about 0.01 s, unless it waits for a person.
    private static func patience(_ event: String) -> Int { event == "PermissionRequest" ? 3600 : 30 }
    /// The longest that a person may be waited for, well before the program gives the hook up.
    package static let longestWait = 3000

    /// The variable arguments, which follow the command line's own. `calls`: the directory that the sandbox must let it
    /// write.
    package func arguments(
        model wanted: String?, auto isAuto: Bool, prompt: String?, calls: String, byTurns: Bool = false
    ) -> [String] {
        var all = isAuto ? auto : []
        if let wanted, let model { all += [model, wanted] }
        // A turn's command line says so itself: the option is not for all of them.
        if let sandbox, sandbox != AgentProgram.byCommand, !byTurns { all += [sandbox, calls] }
        if hooks == .config {
            var trusted: [String] = []
            for event in events {
                // The digest is of this very text, and names it by its place.
                all += [
                    "-c",
                    "hooks.\(event.name)=[{hooks=[{type=\"command\",command=\"cadre hook "
                        + "\(event.name)\",timeout=\(AgentProgram.patience(event.name))}]}]",
                ]
                guard let digest = event.digest else { continue }
                let place = event.name.unicodeScalars.reduce(into: "") { text, scalar in
                    if ("A"..."Z").contains(scalar), !text.isEmpty { text += "_" }
                    text += String(scalar).lowercased()
                }
                trusted.append("\"/<session-flags>/config.toml:\(place):0:0\"={trusted_hash=\(JSON.string(digest))}")
            }
            if !trusted.isEmpty { all += ["-c", "hooks.state={\(trusted.joined(separator: ","))}"] }
        }
        if let prompt {
            if byTurns {
                if headlessPrompt == .argument { all.append(prompt) }
            } else if takesPrompt {
                all += [promptOption, prompt].compactMap { $0 }
            }
        }
        return all
    }

    /// The version of what its command starts now: the first word of what it prints that has digits; nil if it does not
    /// tell.
    package func runningVersion() throws -> String? {
        guard let version else { return nil }
        var call = Program(["/bin/sh", "-c", version])
        call.timeout = 1.9
        call.grace = 0.1
        call.ownGroup = true
        let result = try call.run()
        return result.text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init).first {
            $0.first?.isNumber == true
        }
    }
}
