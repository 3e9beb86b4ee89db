import ArgumentParser
import Bus
import CommandKit
import Landing
import Storage

package struct TaskVerb: ParsableCommand {
    package static let configuration = CommandConfiguration(
        verb: "task", abstract: "Add, list and change the tasks of the shared list.",
        subcommands: [
            Add.self, List.self, Show.self, Edit.self, Note.self, Dep.self, Done.self, Fail.self, Cancel.self,
            Reopen.self,
            Wait.self, Graph.self, Import.self,
        ])
    package init() {}
}

/// What a task may be given, on its making and later.
struct TaskOptions: ParsableArguments {
    @Option(name: [.customShort("p", allowingJoined: true), .long], help: "0 (first) to 4 (last). Default: 2.")
    var priority: String?
    @Option(name: .long, help: "The parent task (epic).") var parent: String?
    @Option(name: .long, help: "Only for this role.") var role: String?
    @Option(name: .long, help: ArgumentHelp("Only for agents of this program.", valueName: "program")) var agent:
        String?
    @Option(name: .long, help: "Only for this agent.") var to: String?
    @Option(name: .long, help: "A command that its agent runs before it is done.") var verify: String?
    @Flag(name: .long, inversion: .prefixedNo, help: "Needs an approved plan before work begins.") var plan: Bool?
    @Flag(name: .long, inversion: .prefixedNo, help: "Whether its work is commits that land.") var merge: Bool?
    @Option(name: .long, help: "Not before this time: RFC 3339, or 30s, 5m, 2h, 3d from now.") var `defer`: String?

    func apply(_ header: inout TaskHeader, _ tool: CommandContext) throws {
        if let priority {
            guard let n = Int(priority), (0...4).contains(n), priority.utf8.count == 1 else {
                throw Failure.usage("bad priority '\(Names.shown(priority))', use 0 to 4")
            }
            header.priority = n
        }
        if let parent { header.parent = parent.isEmpty ? nil : try Names.id(parent) }
        if let role { header.role = role.isEmpty ? nil : try Names.role(role) }
        if let agent { header.program = agent.isEmpty ? nil : try TaskOptions.program(agent, tool) }
        if let to {
            header.to = to.isEmpty ? nil : try Names.caller(to)
            header.toUntil = 0
        }
        if let verify { header.verify = verify.isEmpty ? nil : try tool.line(verify, what: "command") }
        if let plan { header.plan = plan }
        if let merge { header.merge = merge }
        if let text = `defer` {
            guard let time = text.isEmpty ? 0 : Time.point(text) else {
                throw Failure.usage("bad time '\(Names.shown(text))', use RFC 3339 or 30s, 5m, 2h, 3d")
            }
            header.deferred = time
        }
    }

    /// Says so where there is no agent of the name yet, and one of nearly the same.
    func hint(_ tool: CommandContext, _ bus: Bus) throws {
        guard let to, !to.isEmpty, try !bus.canReceive(to), try Names.nearest(to, bus.agentNames()) != nil else {
            return
        }
        tool.say(bus.noAgent(to).message)
    }

    /// The name of a program that is known: of another there would never be an agent.
    static func program(_ name: String, _ tool: CommandContext) throws -> String {
        let known = try tool.programNames()
        guard known.contains(name) else {
            throw Failure.usage("no program '\(Names.shown(name))' is known: use " + known.joined(separator: ", "))
        }
        return name
    }
}

extension TaskVerb {
    struct Add: Verb {
        static let configuration = CommandConfiguration(commandName: "add", abstract: "Add a task; print its id.")
        @OptionGroup var common: Common
        @OptionGroup var options: TaskOptions
        @Option(
            name: [.customShort("d", allowingJoined: true), .long],
            help: "A task that must be done first. Repeatable.") var depends: [String] = []
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the body from FILE.", valueName: "file")) var file: String?
        @Argument(help: "One line.") var title: String
        @Argument(help: "The body; - reads it from standard input.") var body: String?

        func run(_ tool: CommandContext) throws {
            var header = TaskHeader(title: try tool.line(title))
            try options.apply(&header, tool)
            header.depends = try depends.map(Names.id)
            header.body = try tool.body(body, file: file)
            let by = try tool.caller()
            let bus = try tool.busOrNew()
            let id = try bus.add(header, by: by)
            tool.print(["\(id)"], json: ["id": .int(id)])
            try options.hint(tool, bus)
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List tasks.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        @Option(name: .long, help: "Only in this state. Repeatable.") var state: [String] = []
        @Option(name: .long, help: "Only for this role.") var role: String?
        @Option(name: .long, help: "Only the children of this task.") var parent: String?
        @Flag(name: .long, help: "Only tasks that I hold.") var mine = false

        func run(_ tool: CommandContext) throws {
            let states = try state.flatMap { $0.split(separator: ",") }.map { text -> State in
                guard let state = State(rawValue: String(text)) else {
                    throw Failure.usage(
                        "bad state '\(Names.shown(String(text)))', use "
                            + State.allCases.map(\.rawValue).joined(separator: ", "))
                }
                return state
            }
            let role = try self.role.map(Names.role)
            let parent = try self.parent.map(Names.id)
            let bus = try tool.bus()
            let me = mine ? try tool.reader() : nil
            tool.table(look, ["ID", "STATE", "OWNER", "TITLE"], empty: "no tasks: 'cadre task add TITLE' adds one")
            for view in try bus.list(states.isEmpty ? nil : Set(states)) {
                if let role, view.header.role != role { continue }
                if let parent, view.header.parent != parent { continue }
                if mine, view.claim?.owner != me || (view.state != .claimed && view.state != .review) { continue }
                try show(tool, bus, view)
            }
        }
    }

    static func owner(_ view: TaskView) -> String? {
        view.state == .claimed || view.state == .review ? view.claim?.owner : nil
    }

    static func show(_ tool: CommandContext, _ bus: Bus, _ view: TaskView) throws {
        if tool.common.json { return try json(tool, bus, view) }
        let planning = view.state == .claimed ? try bus.planning(view.id, view.header) : nil
        tool.print(
            [
                "\(view.id)", try bus.explain(view) + (planning?.holds == true ? ", \(planning!.mark)" : ""),
                owner(view) ?? view.header.to ?? view.header.role.map { "@\($0)" } ?? "-", view.header.title,
            ], json: [:])
    }

    static func json(_ tool: CommandContext, _ bus: Bus, _ view: TaskView) throws {
        let h = view.header
        let end = try bus.end(view.id)
        let branch = try Record.read(bus.branchFile(view.id)).flatMap { TaskBranch($0) }
        let returned = try bus.returned(view.id)
        let planning = try bus.planning(view.id, h)
        let plan = planning?.plan
        tool.print(
            [],
            json: [
                "id": .int(view.id), "title": .string(h.title), "state": .string(view.state.rawValue),
                "why": .string(try bus.explain(view)), "priority": .int(h.priority), "role": .string(h.role),
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

    struct Show: Verb {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Print tasks in full.")
        @OptionGroup var common: Common
        @Flag(name: .long, help: "Print the body only.") var body = false
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

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
                let branch = try Record.read(bus.branchFile(id)).flatMap { TaskBranch($0) }
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

    struct Edit: Verb {
        static let configuration = CommandConfiguration(commandName: "edit", abstract: "Change tasks.")
        @OptionGroup var common: Common
        @OptionGroup var options: TaskOptions
        @Option(name: .long, help: "The new title.") var title: String?
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the new body from FILE; - is standard input.", valueName: "file")) var file:
            String?
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let title = try self.title.map { try tool.line($0) }
            var nothing = TaskHeader(title: "")
            try options.apply(&nothing, tool)
            let bus = try tool.bus()
            let body = try file.map { try tool.body(nil, file: $0) }
            try tool.each(tool.names(ids).map(Names.id)) { id in
                if options.plan == false { try tool.requireFreeOfPlan(id) }
                try bus.edit(id, by: tool.caller(), dropsPlan: options.plan == false) { header in
                    try options.apply(&header, tool)
                    if let title { header.title = title }
                    if let body { header.body = body }
                }
                tool.print(["\(id)"], json: ["id": .int(id)])
            }
            try options.hint(tool, bus)
        }
    }

    struct Note: Verb {
        static let configuration = CommandConfiguration(commandName: "note", abstract: "Add to a task's notes.")
        @OptionGroup var common: Common
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the text from FILE.", valueName: "file")) var file: String?
        @Argument(help: "The task.") var id: String
        @Argument(help: "The note; without one, or for -, standard input.") var text: String?

        func run(_ tool: CommandContext) throws {
            let id = try Names.id(id)
            guard text != "" else { throw Failure.usage("empty note") }
            let bus = try tool.bus()
            let text = try tool.body(self.text, file: file, otherwise: tool.standardInput)
            guard !text.isEmpty else { throw Failure.usage("empty note") }
            try bus.note(id, by: tool.caller(), text)
            tool.print(["\(id)"], json: ["id": .int(id)])
        }
    }

    struct Dep: Verb {
        static let configuration = CommandConfiguration(
            commandName: "dep", abstract: "Change a task's dependencies; print them.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "A task that must be done first. Repeatable.") var add: [String] = []
        @Option(name: .long, help: "A dependency to remove. May be given again.") var remove: [String] = []
        @Argument(help: "The task.") var id: String

        func run(_ tool: CommandContext) throws {
            let id = try Names.id(id)
            let add = try self.add.map(Names.id)
            let remove = try self.remove.map(Names.id)
            let bus = try tool.bus()
            if !add.isEmpty || !remove.isEmpty {
                try bus.edit(id, by: tool.caller()) { header in
                    for other in remove where !header.depends.contains(other) {
                        throw Failure.no("task \(id) does not depend on \(other)")
                    }
                    header.depends.removeAll { remove.contains($0) }
                    for other in add where !header.depends.contains(other) { header.depends.append(other) }
                }
            }
            for other in try bus.view(id).header.depends {
                let view = try bus.view(other)
                tool.print(
                    ["\(other)", view.state.rawValue, view.header.title],
                    json: [
                        "id": .int(other), "state": .string(view.state.rawValue), "title": .string(view.header.title),
                    ])
            }
        }
    }

    struct Fail: Verb {
        static let configuration = CommandConfiguration(commandName: "fail", abstract: "Mark a task as failed.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Why, in one line.") var why: String
        @Flag(name: .long, help: "Commit my worktree's changes as unfinished work.") var commit =
            false
        @Option(name: .long, help: "The claim's token.") var token: String?
        @Argument(help: "The task. Default: the one I hold.") var id: String?

        func run(_ tool: CommandContext) throws {
            let why = try tool.line(self.why, what: "reason")
            try tool.checkUsage(ids: id.map { [$0] } ?? [])
            let bus = try tool.bus()
            let claim = try tool.claimed(id.map(Names.id), token: token)
            try tool.keepWork(of: claim.owner)
            try bus.fail(claim, by: tool.caller(), why: why, personKnows: tool.isByHand(claim.owner))
            TaskVerb.forgetTries(bus, claim)
            // It has failed all the same; where this can't be done now, the next claim does it.
            if commit { do { try tool.putByLeftover(tool.worker()) } catch { CommandRunner.complain("\(error)") } }
            tool.print(["\(claim.id)"], json: ["id": .int(claim.id), "state": "failed"])
        }
    }

    /// The task is its agent's no more: what was kept to try again is over. It stands all the same where that can't be
    /// written now.
    static func forgetTries(_ bus: Bus, _ claim: Claim) {
        do {
            try bus.endRun(claim.id)
            try bus.endRetry(of: claim.owner)
        } catch { CommandRunner.complain("\(error)") }
    }

    struct Cancel: Verb {
        static let configuration = CommandConfiguration(commandName: "cancel", abstract: "Cancel tasks.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                try bus.cancel(id, by: tool.caller())
                tool.print(["\(id)"], json: ["id": .int(id), "state": "cancelled"])
            }
        }
    }

    struct Reopen: Verb {
        static let configuration = CommandConfiguration(commandName: "reopen", abstract: "Open ended tasks again.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                try bus.reopen(id, by: tool.caller())
                tool.print(["\(id)"], json: ["id": .int(id)])
            }
        }
    }

    struct Wait: Verb {
        static let configuration = CommandConfiguration(
            commandName: "wait",
            abstract: "Wait for tasks: 0 when done; 1 if one failed, was cancelled, or on timeout.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Wait at most this long (30s, 5m, 2h).") var timeout: String?
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            let deadline = try tool.deadline(timeout)
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            let ids = try tool.names(ids).map(Names.id)
            guard try bus.waitForEnd(ids, until: deadline) else {
                let rest = try ids.map { try bus.view($0) }.filter { $0.state != .done }.map {
                    "\($0.id) is \($0.state.rawValue)"
                }
                throw Failure.no("not all done: " + rest.joined(separator: ", "))
            }
        }
    }
}
