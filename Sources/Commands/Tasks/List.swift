import ArgumentParser
import Bus
import CommandKit
import Storage

extension TaskVerb {
    struct List: HotVerb {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List tasks.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        @Option(name: .long, help: "Only in this state. Repeatable.") var state: [String] = []
        @Option(name: .long, help: "Only for this role.") var role: String?
        @Option(name: .long, help: "Only the children of this task.") var parent: String?
        @Flag(name: .long, help: "Only tasks that I hold.") var mine = false

        static var words: [Word<Self>] {
            [
                .preset { $0.look = .plain }, .list(["--state"]) { $0.state = $1 },
                .option(["--role"]) { $0.role = $1 },
                .option(["--parent"]) { $0.parent = $1 }, .flag(["--mine"]) { $0.mine = $1 },
            ]
        }

        func run(_ tool: CommandContext) throws {
            let states = try state.flatMap { $0.split(separator: ",") }.map { text -> State in
                guard let state = State(rawValue: String(text)) else {
                    let names = State.allCases.map(\.rawValue)
                    let meant = Names.meant(String(text), names)
                    throw Failure.usage(
                        "bad state '\(Names.shown(String(text)))'"
                            + (meant.isEmpty ? ", use \(names.joined(separator: ", "))" : meant))
                }
                return state
            }
            let role = try self.role.map(Names.role)
            let parent = try self.parent.map(Names.id)
            let bus = try tool.bus()
            let me = mine ? try tool.reader() : nil
            tool.table(look, ["ID", "STATE", "OWNER", "TITLE"], empty: "no tasks: 'cadre task add TITLE' adds one")
            let found = try bus.look(states.isEmpty ? nil : Set(states))
            for view in found.tasks {
                if let role, view.header.role != role { continue }
                if let parent, view.header.parent != parent { continue }
                if mine, view.claim?.owner != me || (view.state != .claimed && view.state != .review) { continue }
                try show(tool, bus, view, found.states)
            }
        }
    }

    static func owner(_ view: TaskView) -> String? {
        view.state == .claimed || view.state == .review ? view.claim?.owner : nil
    }

    static func show(_ tool: CommandContext, _ bus: Bus, _ view: TaskView, _ states: [Int: State]? = nil) throws {
        if tool.common.json { return try json(tool, bus, view, states) }
        let planning = view.state == .claimed ? try bus.planning(view.id, view.header) : nil
        tool.print(
            [
                "\(view.id)", try bus.explain(view, states) + (planning?.holds == true ? ", \(planning!.mark)" : ""),
                owner(view) ?? view.header.to ?? view.header.role.map { "@\($0)" } ?? "-", view.header.title,
            ], json: [:])
    }
}
