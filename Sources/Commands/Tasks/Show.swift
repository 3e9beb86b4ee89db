import ArgumentParser
import Bus
import CommandKit
import Landing
import Storage

extension TaskVerb {
    struct Show: HotVerb {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Print tasks in full.")
        @OptionGroup var common: Common
        @Flag(name: .long, help: "Print the body only.") var body = false
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        static var words: [Word<Self>] { [.flag(["--body"]) { $0.body = $1 }, .rest(least: 1) { $0.ids = $1 }] }

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                let view = try bus.view(id)
                if tool.common.quiet { return }
                if body { return Output.raw(view.header.body) }
                if tool.common.json { return try TaskVerb.json(tool, bus, view) }
                let h = view.header
                Output.line("\(id)", h.title)
                func field(_ name: String, _ value: String?) {
                    if let value, !value.isEmpty { Output.line("\(name): \(value)") }
                }
                field("State", try bus.explain(view))
                field("Owner", TaskVerb.owner(view))
                field("Priority", "\(h.priority)")
                field("Role", h.role)
                field("Program", h.program)
                field("To", h.to)
                field("Depends", h.depends.map { "\($0)" }.joined(separator: " "))
                field("Parent", h.parent.map { "\($0)" })
                if h.isEpic { field("Children", try bus.children(id).map { "\($0)" }.joined(separator: " ")) }
                field("Verify", h.verify)
                field("Plan", try bus.planning(id, h)?.text)
                if !h.merge { field("Merge", "no") }
                let branch = try TaskBranch.read(bus.branchFile(id))
                field("Branch", branch?.reference)
                field("Base", branch?.base)
                field("By", h.by)
                field("Created", Time.text(h.created))
                let attempts = try bus.attempts(id)
                if attempts > 0 { field("Attempts", "\(attempts)") }
                let end = try bus.end(id)
                field("Ended", end?.time.map(Time.text))
                field("Why", end?.why)
                section("", h.body)
                if let notes = try Files.read(bus.notesFile(id)) { section("Notes:", notes) }
                if let returned = try bus.returned(id) {
                    section(
                        "Returned: \(returned.why ?? "")",
                        Array((returned.paths ?? []).map { Names.shown($0) + "\n" }.joined().utf8), always: true)
                    section("", returned.body)
                }
                if let end { section("Result:", end.body) }
                for other in h.depends {
                    if let end = try bus.end(other), !end.body.isEmpty { section("Result of \(other):", end.body) }
                }
            }
        }

        private func section(_ title: String, _ text: [UInt8], always: Bool = false) {
            guard always || !text.isEmpty else { return }
            Output.line("")
            if !title.isEmpty { Output.line(title) }
            Output.raw(text.isEmpty || text.last == 10 ? text : text + [10])
        }
    }

    static func json(_ tool: CommandContext, _ bus: Bus, _ view: TaskView, _ states: [Int: State]? = nil) throws {
        let h = view.header
        let end = try bus.end(view.id)
        let branch = try TaskBranch.read(bus.branchFile(view.id))
        let returned = try bus.returned(view.id)
        let planning = try bus.planning(view.id, h)
        let plan = planning?.plan
        tool.print(
            [],
            json: [
                "id": .int(view.id), "title": .string(h.title), "state": .string(view.state.rawValue),
                "why": .string(try bus.explain(view, states)), "priority": .int(h.priority), "role": .string(h.role),
                "program": .string(h.program), "to": .string(h.to),
                "toUntil": .string(h.toUntil == 0 ? nil : Time.text(h.toUntil)),
                "owner": .string(owner(view)),
                "token": .string(owner(view).map { $0 == (try? tool.caller()) } == true ? view.claim?.token : nil),
                "depends": .list(h.depends.map { .int($0) }), "parent": .int(h.parent),
                "children": .list(h.isEpic ? try bus.children(view.id).map { .int($0) } : []),
                "verify": .string(h.verify),
                "plan": .bool(h.plan), "planState": .string(planning?.step.rawValue), "planBy": .string(plan?.by),
                "planTime": .string(plan.map { Time.text($0.time) }),
                "planTo": .string(plan?.to), "planAsk": .string(plan?.ask), "planDecidedBy": .string(plan?.decidedBy),
                "planWhy": .string(plan?.why), "merge": .bool(h.merge),
                "defer": .string(h.deferred == 0 ? nil : Time.text(h.deferred)),
                "by": .string(h.by), "created": .string(Time.text(h.created)),
                "attempts": .int(try bus.attempts(view.id)),
                "branch": .string(branch?.reference), "base": .string(branch?.base),
                "returned": .string(returned.map { String(decoding: $0.body, as: UTF8.self) }),
                "returnedWhy": .string(returned?.why), "returnedTip": .string(returned?.tip),
                "conflicts": .list(returned?.paths?.map { .string($0) } ?? []),
                "ended": .string(end?.time.map(Time.text)),
                "result": .string(end.map { String(decoding: $0.body, as: UTF8.self) }),
                "error": .string(end?.why), "body": .string(String(decoding: h.body, as: UTF8.self)),
                "notes": .string(try Files.read(bus.notesFile(view.id)).map { String(decoding: $0, as: UTF8.self) }),
            ])
    }
}
