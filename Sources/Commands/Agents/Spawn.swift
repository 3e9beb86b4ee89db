import ArgumentParser
import Bus
import CommandKit
import Storage
import Team
import Tmux

package struct SpawnVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "spawn", abstract: "Create and start agents; print their names.")
    @OptionGroup package var common: Common
    @Option(name: .long, help: "A known program or a command for /bin/sh. Default: the only known one installed.")
    var agent: String?
    @Option(name: .long, help: "The model, for programs that have a choice.") var model: String?
    @Option(name: .long, help: "worker, manager, lead, reviewer or a role of your own.") var role: String?
    @Option(name: .long, help: "Its first task.") var task: String?
    @Option(name: .long, help: "The agent that it reports to. Default: the caller.") var parent: String?
    @Option(name: .long, help: "The number of agents.") var count: String?
    @Flag(name: .long, help: "Run in a window of the project's session (default).") var window = false
    @Flag(name: .long, help: "Run in a pane beside others, nine to a window.") var pane = false
    @Flag(name: .long, help: "Run in a tmux session of its own.") var session = false
    @Flag(name: .long, help: "Run without a terminal.") var headless = false
    @Option(name: .long, help: "The commit to start from. Default: the target.") var base: String?
    @Option(name: .long, help: "The branch for its task's work.") var branch: String?
    @Flag(name: .long, help: "Work in the repository's own directory.") var noWorktree = false
    @Flag(name: .long, help: "Do not hand it tasks when it is idle.") var noPull = false
    @Flag(name: .long, help: "Approve its program's permission requests.") var auto = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Adopt the program in this pane. Default of --agent: claude.", valueName: "pane"))
    var adopt: String?
    @Flag(name: .long, help: "Print what would be done, and do nothing.") var dryRun = false
    @Flag(name: .long, help: "List the known programs, and do nothing.") var programs = false
    @Argument(help: "[NAME] [PROMPT]; a single valid name is a name. - reads the prompt from standard input.")
    var words: [String] = []
    package init() {}

    package func run(_ tool: CommandContext) throws {
        if programs { return try listPrograms(tool) }
        let options = SpawnVerb.options(after: words)
        var request = try request(tool, Array(words.dropLast(options.count)))
        let count = try count(of: request)
        if agent == nil {
            request.program =
                try adopt == nil
                ? Team.program(tool.settingsBefore(), forPrompt: request.prompt != nil) { tool.say($0) } : "claude"
        }

        _ = try tool.busOrNew()
        let by = try tool.superior()
        if !dryRun { try tool.becomeKnown() }
        request.parent = try parent.map(Names.agent) ?? (by == "human" ? nil : by)
        let team = try tool.team()
        if !options.isEmpty {
            request.program = try team.program(
                request.program, options: options.map { try tool.line($0, what: "option") })
        }
        if let adopt {
            guard options.isEmpty, count == 1, isPlain(request) else {
                throw Failure.usage(
                    "--adopt takes a program as it is: only a name, --agent, --role and --parent go with it")
            }
            guard by == "human" else { throw Failure.no("only a person has a program adopted") }
            request.adopted = try team.adoptable(adopt, program: request.program)
            request.worktree = false
            request.pull = false
        } else if !dryRun {
            try team.requireProgram(request)
            if let why = try team.unrecognized(request.program) { tool.say(why) }
        }
        if by == "human", !dryRun { try team.letRun { tool.say($0) } }
        try spawn(request, count, by: by, team, tool)
    }

    private func listPrograms(_ tool: CommandContext) throws {
        guard words.isEmpty else { throw Failure.usage("--programs lists all, and takes no name or prompt") }
        for (name, isThere) in try Team.programs(tool.settingsBefore()) {
            tool.print(
                [name, isThere ? "installed" : "not found"],
                json: ["name": .string(name), "installed": .bool(isThere)])
        }
    }

    // MARK: what is asked for

    /// What the options and words ask for; its program where --agent names one.
    private func request(_ tool: CommandContext, _ words: [String]) throws -> SpawnRequest {
        var request = SpawnRequest()
        if let agent { request.program = try tool.line(agent, what: "program") }
        request.model = try model.map { try tool.line($0, what: "model") }
        request.role = try role.map(Names.role)
        request.task = try task.map(Names.id)
        request.base = base
        request.branch = branch
        request.worktree = !noWorktree
        request.pull = !noPull
        request.auto = auto
        guard places.count <= 1 else {
            throw Failure.usage("only one of --window, --pane, --session and --headless")
        }
        guard !noWorktree || base == nil && branch == nil else {
            throw Failure.usage("--base and --branch are of a worktree: not with --no-worktree")
        }
        request.headless = headless
        request.place = pane ? .pane : session ? .session : .window
        (request.name, request.prompt) = try named(tool, words)
        guard request.prompt == nil || request.task == nil else {
            throw Failure.usage("a prompt makes a task of its own: give a prompt or --task")
        }
        guard branch == nil || request.prompt != nil || request.task != nil else {
            throw Failure.usage("--branch needs a task or a prompt")
        }
        return request
    }

    private var places: [Bool] { [window, pane, session, headless].filter { $0 } }

    /// How many agents; more than one where that can be.
    private func count(of request: SpawnRequest) throws -> Int {
        let count = try number()
        guard count == 1 || request.task == nil else {
            throw Failure.usage("one task, one agent: --task and --count don't go together")
        }
        guard count == 1 || branch == nil else {
            throw Failure.usage("one branch, one agent: --branch and --count don't go together")
        }
        // The last is the longest.
        if let name = request.name, count > 1 { _ = try Names.agent("\(name)\(count)") }
        return count
    }

    /// Nothing is asked for but who the agent is.
    private func isPlain(_ request: SpawnRequest) -> Bool {
        request.prompt == nil && task == nil && !auto && base == nil && model == nil && places.isEmpty
    }

    /// The words behind `--` that are options of the program: the first begins with a dash and is one word. Otherwise
    /// that is a prompt which begins with one.
    private static func options(after words: [String]) -> [String] {
        guard let end = CommandLine.arguments.firstIndex(of: "--") else { return [] }
        let rest = Array(CommandLine.arguments[(end + 1)...])
        guard let first = rest.first, first.hasPrefix("-"), first != "-", !first.contains(where: \.isWhitespace),
            words.suffix(rest.count) == rest[...]
        else { return [] }
        return rest
    }

    /// What the words are: a name, a prompt, or both.
    private func named(_ tool: CommandContext, _ words: [String]) throws -> (String?, [UInt8]?) {
        func prompt(_ text: String) throws -> [UInt8] {
            let bytes = try tool.body(text, file: nil)
            guard bytes.contains(where: { $0 > 32 }) else { throw Failure.usage("empty prompt") }
            return bytes
        }
        switch words.count {
        case 0: return (nil, nil)
        case 1 where words[0] != "-" && !words[0].contains(where: \.isWhitespace):
            return (try Names.agent(words[0]), nil)
        case 1: return (nil, try prompt(words[0]))
        case 2: return (try Names.agent(words[0]), try prompt(words[1]))
        default: throw Failure.usage("too many words: quote the prompt")
        }
    }

    private func number() throws -> Int {
        guard let count else { return 1 }
        guard let n = Int(count), (1...1000).contains(n) else {
            throw Failure.usage("bad count '\(Names.shown(count))', use 1 to 1000")
        }
        return n
    }

    // MARK: making them

    private func spawn(_ request: SpawnRequest, _ count: Int, by: String, _ team: Team, _ tool: CommandContext) throws {
        var names: [String] = []
        defer {
            if let first = names.first, (try? tool.advises()) == true {
                tool.say("\(first): cadre attach \(first) · cadre top")
            }
        }
        try tool.each(Array(1...count)) { index in
            var one = request
            one.name = try request.name.map { try Names.agent(count == 1 ? $0 : "\($0)\(index)") }
            if dryRun {
                let lines = try team.plan(one, by: by)
                tool.print(
                    [lines[0], lines.dropFirst().joined(separator: "; ")],
                    json: ["name": .string(lines[0]), "plan": .list(lines.dropFirst().map { .string($0) })])
            } else {
                let made = try team.spawn(one, by: by) { tool.say($0) }
                tool.print([made], json: ["name": .string(made)])
                Output.flush()
                names.append(made)
            }
        }
    }
}
