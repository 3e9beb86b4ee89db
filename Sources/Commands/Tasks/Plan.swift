import ArgumentParser
import Bus
import CommandKit
import Storage

package struct PlanVerb: ParsableCommand {
    package static let configuration = CommandConfiguration(
        verb: "plan", abstract: "Submit, show and decide plans of tasks.",
        subcommands: [Submit.self, Show.self, Approve.self, Reject.self])
    package init() {}

    static func fields(_ planning: Planning) -> [(String, JSONValue)] {
        let plan = planning.plan
        return [
            ("id", .int(planning.id)), ("state", .string(planning.step.rawValue)), ("number", .int(plan?.number)),
            ("ask", .string(plan?.ask)), ("by", .string(plan?.by)),
            ("to", .string(plan?.to)), ("time", .string(plan.map { Time.text($0.time) })),
            ("digest", .string(plan?.digest)), ("decidedBy", .string(plan?.decidedBy)),
            ("decided", .string(plan?.decided.map(Time.text))), ("why", .string(plan?.why)),
        ]
    }

    /// The task's plan. Throws `Failure.no` if it has none.
    static func planning(_ tool: CommandContext, _ id: Int) throws -> (planning: Planning, plan: Plan) {
        let bus = try tool.bus()
        // Its ask is to be seen a moment before it is.
        try bus.finishPlans()
        guard let header = try bus.header(id) else { throw bus.noTask(id) }
        guard let planning = try bus.planning(id, header), let plan = planning.plan else {
            throw Failure.no("task \(id) has no plan" + (header.plan ? " yet" : ""))
        }
        try plan.check()
        return (planning, plan)
    }

    struct Submit: Verb {
        static let configuration = CommandConfiguration(
            commandName: "submit", abstract: "Submit the plan of a task that I hold; print the task and the ask.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "The claim's token.") var token: String?
        @Option(name: .long, help: ArgumentHelp("Wait for the decision: 0 if it is approved.", valueName: "time"))
        var wait: String?
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the plan from FILE.", valueName: "file")) var file: String?
        @Argument(help: "The task. Default: the one I hold.") var id: String?
        @Argument(help: "A file with the plan; without one, or for -, standard input.") var path: String?

        func run(_ tool: CommandContext) throws {
            let deadline = try tool.deadline(wait)
            // A word that is no number is the file.
            let isTask = id.map { $0.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } && !$0.isEmpty } ?? false
            let path = isTask || id == nil ? self.path : id
            guard isTask || id == nil || self.path == nil else {
                throw Failure.usage("bad task id '\(Names.shown(id ?? ""))', use a number")
            }
            guard path == nil || file == nil else { throw Failure.usage("give a file or -F, not both") }
            let chosen = try isTask ? id.map(Names.id) : nil
            let bus = try tool.bus()
            let text = try tool.body(nil, file: file ?? path ?? "-")
            guard text.contains(where: { ![9, 10, 13, 32].contains($0) }) else { throw Failure.usage("empty plan") }
            guard text.count <= Bus.longestPlan else {
                throw Failure.usage("plan of \(text.count) bytes, at most \(Bus.longestPlan): it is to be read")
            }
            let claim = try tool.claimed(chosen, token: token)
            let planning = try bus.submitPlan(claim, text)
            guard let plan = planning.plan else { return }
            if planning.step == .approved { tool.say("this plan is approved already") }
            tool.print(
                ["\(claim.id)", plan.ask],
                json: [
                    "id": .int(claim.id), "state": .string(planning.step.rawValue), "ask": .string(plan.ask),
                    "number": .int(plan.number), "digest": .string(plan.digest),
                ])
            guard wait != nil else { return }
            Output.flush()
            guard let answer = try bus.waitForAnswer(plan.ask, until: deadline) else {
                throw Failure.no("no answer in time")
            }
            guard answer == "approved" else {
                let why = try bus.ask(plan.ask)?.record.note
                throw Failure.no(answer == "rejected" ? "rejected" + (why.map { ": \($0)" } ?? "") : answer)
            }
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print plans and their decisions.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                let (planning, plan) = try PlanVerb.planning(tool, id)
                if tool.common.quiet { return }
                if tool.common.json {
                    return Output.json(
                        PlanVerb.fields(planning) + [("text", .string(String(decoding: plan.text, as: UTF8.self)))])
                }
                Output.line("\(id)", try bus.header(id)?.title ?? "")
                Output.line("Plan: \(planning.text)")
                Output.line("Number: \(plan.number)")
                Output.line("Digest: \(plan.digest)")
                Output.line("")
                Output.raw(plan.text.last == 10 ? plan.text : plan.text + [10])
            }
        }
    }

    struct Approve: Verb {
        static let configuration = CommandConfiguration(
            commandName: "approve", abstract: "Approve plans.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Only if the plan has this digest or prefix of it.") var digest: String?
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]
        func run(_ tool: CommandContext) throws { try PlanVerb.decide(tool, ids, "approved", digest, why: nil) }
    }

    struct Reject: Verb {
        static let configuration = CommandConfiguration(
            commandName: "reject", abstract: "Reject plans.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Why, in one line.") var why: String?
        @Option(name: .long, help: "Only if the plan has this digest or prefix of it.") var digest: String?
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]
        func run(_ tool: CommandContext) throws {
            try PlanVerb.decide(tool, ids, "rejected", digest, why: why.map { try tool.line($0, what: "reason") })
        }
    }

    private static func decide(
        _ tool: CommandContext, _ ids: [String], _ answer: String, _ digest: String?, why: String?
    ) throws {
        try tool.checkUsage(ids: ids)
        if let digest, digest.utf8.count < 8 || digest.utf8.contains(where: { !("0123456789abcdef".utf8.contains($0)) })
        {
            throw Failure.usage("bad digest '\(Names.shown(digest))': give at least 8 of its digits")
        }
        let bus = try tool.bus()
        let by = try tool.superior()
        try tool.each(tool.names(ids).map(Names.id)) { id in
            let (planning, plan) = try PlanVerb.planning(tool, id)
            let changed = Failure.no(
                "the plan of task \(id) was changed meanwhile: 'cadre plan show \(id)' prints it as it is now")
            if let digest, !plan.digest.hasPrefix(digest) { throw changed }
            guard planning.step == .submitted, let ask = try bus.ask(plan.ask) else {
                throw Failure.no("the plan of task \(id) waits for nobody: it is \(planning.text)")
            }
            guard try tool.mayDecide(by, planIn: ask) else {
                throw Failure.no(
                    by == plan.by
                        ? "'\(by)' can't decide about its own plan"
                        : "'\(by)' may not decide about the plan of task \(id): "
                            + "\(plan.to == "human" ? "a person" : "'\(plan.to)'") or a superior of '\(plan.by)' does"
                )
            }
            guard try bus.answer(plan.ask, by: by, answer, note: why) else { throw changed }
            tool.print(
                ["\(id)", answer],
                json: ["id": .int(id), "state": .string(answer), "ask": .string(plan.ask), "why": .string(why)])
        }
    }
}
