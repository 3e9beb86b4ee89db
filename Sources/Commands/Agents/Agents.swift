import ArgumentParser
import Bus
import CommandKit
import Storage
import SystemPackage

package struct AgentsVerb: ParsableCommand {
    package static let configuration = CommandConfiguration(
        verb: "agents", abstract: "List the agents and what they do.", subcommands: [List.self, Set.self],
        defaultSubcommand: List.self)
    package init() {}

    /// What can be asked for with -o.
    static let fields: [(name: String, value: @Sendable (AgentView, Bus) throws -> String?)] = [
        ("name", { agent, _ in agent.name }),
        ("state", { agent, _ in agent.state.rawValue }),
        ("task", { agent, bus in try held(agent, bus).map { "\($0.id)" }.joined(separator: " ") }),
        ("role", { agent, _ in agent.role }),
        ("program", { agent, _ in agent.card.program }),
        ("since", { agent, _ in agent.report?.since.map(Time.text) }),
        ("source", { agent, _ in agent.report?.source?.rawValue }),
        ("note", { agent, _ in note(agent) }),
        ("progress", { agent, _ in agent.report?.progress }),
        ("mail", { agent, bus in "\(try bus.messages(of: agent.name).count)" }),
        ("conflict", { agent, bus in try conflicts(agent, bus) }),
        ("context", { agent, bus in try bus.fill(agent.name)?.context.map { "\($0)%" } }),
        ("cost", { agent, bus in try cost(agent, bus) }),
        ("parent", { agent, _ in agent.parent }),
        ("depth", { agent, _ in agent.card.depth.map { "\($0)" } }),
        ("model", { agent, bus in try bus.fill(agent.name)?.model ?? agent.card.model }),
        ("worktree", { agent, _ in agent.worktree?.string }),
        ("branch", { agent, bus in try held(agent, bus).first.flatMap { try bus.branch($0.id)?.name } }),
        ("pane", { agent, _ in agent.session?.pane }),
        ("pid", { agent, _ in agent.alive ? agent.session?.pid.map { "\($0)" } : nil }),
        ("session", { agent, _ in agent.session?.number.map { "\($0)" } }),
        ("port", { agent, _ in agent.card.port.map { "\($0)" } }),
        ("restart", { agent, _ in agent.card.restart?.rawValue }),
        ("pull", { agent, _ in (agent.card.pull ?? .yes).rawValue }),
        ("want", { agent, _ in agent.want.rawValue }),
        ("created", { agent, _ in agent.card.created.map(Time.text) }),
    ]

    /// What is being done, and what went wrong and is tried again.
    private static func note(_ agent: AgentView) -> String? {
        let note = agent.report?.note
        guard let retry = agent.retry else { return note }
        return ((note ?? "").isEmpty || note == retry.why ? "" : note! + "; ") + retry.text
    }

    private static func held(_ agent: AgentView, _ bus: Bus) throws -> [Claim] {
        try bus.claims().filter { $0.owner == agent.name }.sorted { $0.id < $1.id }
    }

    /// The money that the agent has used since it was made; `+` where a part of it is unknown.
    private static func cost(_ agent: AgentView, _ bus: Bus) throws -> String? {
        var sum = Sum()
        for part in try bus.spent(by: agent) { sum.add(part.used.money) }
        return sum.known.map { Money.text($0) + (sum.isPartial ? "+" : "") }
    }

    /// With whom the agent's work conflicts, and where: `eve: file, other; main: file`.
    private static func conflicts(_ agent: AgentView, _ bus: Bus) throws -> String {
        let owners = try Dictionary((bus.claims() + bus.reviews()).map { ($0.id, $0.owner) }) { first, _ in first }
        guard owners.values.contains(agent.name) else { return "" }
        return try Bus.told(of: agent.name, bus.conflicts(), owners).joined(separator: "; ")
    }

    /// Fields that are numbers in JSON; of several tasks the first is `task`, and all are `tasks`.
    private static let numbers: Swift.Set = ["task", "mail", "depth", "pid", "session", "port"]

    fileprivate static func json(_ name: String, _ value: String?) -> [(String, JSONValue)] {
        guard numbers.contains(name) else { return [(name, .string(value))] }
        let all = (value ?? "").split(separator: " ").compactMap { Int($0) }
        return [(name, .int(all.first))] + (name == "task" ? [("tasks", .list(all.map { .int($0) }))] : [])
    }

    struct List: HotVerb {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the agents.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        @Flag(name: .long, help: "Indent children below their parents.") var tree = false
        @Option(
            name: [.customShort("o", allowingJoined: true), .long],
            help: ArgumentHelp("Fields to print, separated by commas; 'help' lists them.", valueName: "fields"))
        var output: String?

        static var words: [Word<Self>] {
            [
                .preset { $0.look = .plain }, .flag(["--tree"]) { $0.tree = $1 },
                .option(["-o", "--output"]) { $0.output = $1 },
            ]
        }

        func run(_ tool: CommandContext) throws {
            if output == "help" {
                for field in AgentsVerb.fields { tool.print([field.name], json: ["field": .string(field.name)]) }
                return
            }
            let chosen = try (output ?? "name,state,task,role,program,context,cost,note,conflict").split(separator: ",")
                .map { word in
                    guard let field = AgentsVerb.fields.first(where: { $0.name == word }) else {
                        throw Failure.usage(
                            "no field '\(Names.shown(String(word)))': use "
                                + AgentsVerb.fields.map(\.name).joined(separator: ", "))
                    }
                    return field
                }
            let bus = try tool.bus()
            tool.table(look, chosen.map { $0.name.uppercased() }, empty: "no agents: 'cadre spawn' starts one")
            let all = try bus.agentNames().compactMap { try bus.agent(named: $0) }
            for (agent, depth) in tree ? sorted(all) : all.map({ ($0, 0) }) {
                let wanted = tool.common.json && output == nil ? AgentsVerb.fields : chosen
                let values = try wanted.map { ($0.name, try $0.value(agent, bus)) }
                if tool.common.quiet { continue }
                if tool.common.json {
                    Output.json(values.flatMap { AgentsVerb.json($0.0, $0.1) })
                    continue
                }
                var words = values.map { $0.1.flatMap { $0.isEmpty ? nil : $0 } ?? "-" }
                words[0] = String(repeating: "  ", count: depth) + words[0]
                tool.print(words, json: [:])
            }
        }

        /// Each below its parent, with how deep.
        private func sorted(_ all: [AgentView]) -> [(AgentView, Int)] {
            let names = Swift.Set(all.map(\.name))
            var out: [(AgentView, Int)] = []
            func add(_ parent: String?, _ depth: Int) {
                for agent in all where (agent.parent.flatMap { names.contains($0) ? $0 : nil }) == parent && depth < 100
                {
                    out.append((agent, depth))
                    add(agent.name, depth + 1)
                }
            }
            add(nil, 0)
            return out
        }
    }

    struct Set: Verb {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Change an agent's card.")
        @OptionGroup var common: Common
        @Argument(help: "The agent; - reads names from standard input.") var name: String
        @Argument(help: "role, parent, program, model, restart, pull or auto.") var key: String
        @Argument(help: "The value; an empty one removes the key.") var value: String

        func run(_ tool: CommandContext) throws {
            let value = value.isEmpty ? nil : try tool.line(value, what: "value")
            let change: (inout AgentCard) -> Void
            switch key {
            case "role":
                _ = try value.map(Names.role)
                change = { $0.role = value }
            case "model": change = { $0.model = value }
            case "program":
                guard let value else {
                    throw Failure.usage("which program? 'cadre spawn --programs' lists those that are known")
                }
                change = { $0.program = value }
            case "parent":
                _ = try value.map(Names.agent)
                change = { $0.parent = value }
            case "restart":
                try check(value, RestartPolicy.names)
                change = { $0.restart = value.flatMap { RestartPolicy(rawValue: $0) } }
            case "pull":
                let choice = try choice(value)
                change = { $0.pull = choice }
            case "auto":
                let choice = try choice(value)
                change = { $0.auto = choice }
            default:
                throw Failure.usage(
                    "no key '\(Names.shown(key))': use role, parent, program, model, restart, pull or auto")
            }
            try tool.checkUsage(agents: [name])
            let bus = try tool.bus()
            if key == "parent", let parent = value, try bus.agent(named: parent) == nil { throw bus.noAgent(parent) }
            try tool.each(tool.names([name])) { name in
                try tool.requireSuperior(of: Names.agent(name))
                let caller = try tool.superior()
                if caller != "human" { try refuseEscape(key, value, own: name == caller) }
                if key == "parent", let value, try name == value || bus.isAbove(name, value) {
                    throw Failure.usage("'\(value)' is below '\(name)'")
                }
                if key == "program", let value {
                    try tool.team().setProgram(of: name, to: value)
                } else {
                    try bus.editCard(name, change)
                }
                tool.print([name], json: ["name": .string(name)])
            }
        }

        private func choice(_ value: String?) throws -> YesNo? {
            try check(value, YesNo.allCases.map(\.rawValue))
            return value.flatMap { YesNo(rawValue: $0) }
        }

        private func check(_ value: String?, _ choices: [String]) throws {
            guard value.map(choices.contains) ?? true else {
                throw Failure.usage("bad value '\(Names.shown(value ?? ""))', use \(choices.joined(separator: ", "))")
            }
        }

        /// An agent can't get round what binds it: who is above it, how many are below it, what its role lets it do,
        /// and who answers its program's questions.
        private func refuseEscape(_ key: String, _ value: String?, own: Bool) throws {
            switch key {
            case "parent": throw Failure.no("only a person moves agents")
            case "role" where own: throw Failure.no("only a person or a superior changes an agent's role")
            case "auto" where value == "yes":
                throw Failure.no("only a person lets a program's questions be approved unseen")
            default: break
            }
        }
    }
}
