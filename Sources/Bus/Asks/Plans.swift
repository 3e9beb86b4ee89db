import Storage
import SystemPackage

/// The file `tasks/ID/plan`. The body is the text.
package struct PlanFields: RecordFields {
    package let state = Field<Planning.Step>("State")
    package let number = Field<Int>("Number")
    package let ask = Field<String>("Ask")
    package let digest = Field<String>("Digest")
    package let by = Field<String>("By")
    package let to = Field<String>("To")
    package let time = Field<Int>("Time")
    /// Once it is decided.
    package let decidedBy = Field<String>("Decided-By")
    package let decided = Field<Int>("Decided")
    package let why = Field<String>("Why")

    package init() {}
}
package typealias PlanRecord = TypedRecord<PlanFields>

/// A plan: the holder's description of the work on a task, submitted before the work begins.
package struct Plan {
    let path: FilePath
    package var record: PlanRecord

    /// Counted from 1, for each task.
    package var number: Int { record.number ?? 0 }
    /// The ask by which it is decided.
    package var ask: String { record.ask ?? "" }
    package var digest: String { record.digest ?? "" }
    package var by: String { record.by ?? "" }
    /// Who is asked.
    package var to: String { record.to ?? "human" }
    package var time: Int { record.time ?? 0 }
    package var decidedBy: String? { record.decidedBy }
    package var decided: Int? { record.decided }
    /// What went with the decision.
    package var why: String? { record.why }
    package var text: [UInt8] { record.body }

    /// Throws `Failure.unsure` if the text is not the one that was submitted, and decided about.
    package func check() throws {
        guard Digest.of(text) == digest else {
            throw Failure.unsure(
                "'\(path.string)' is damaged: its text is not the one that was submitted; see 'cadre doctor'")
        }
    }
}

/// How far a task is with its plan.
package struct Planning {
    package enum Step: String, FieldValue {
        /// One is needed, and none is there that counts.
        case wanted
        /// Waits for an answer.
        case submitted
        case approved, rejected
        /// None is needed any more.
        case withdrawn
    }

    package var id: Int
    package var step: Step
    /// The last one; nil if there is none.
    package var plan: Plan?

    /// Whether nothing of the task can be handed in now.
    package var holds: Bool { step != .approved && step != .withdrawn }

    /// For the list: a word or two.
    package var mark: String { step == .wanted ? "planning" : "plan \(step.rawValue)" }

    /// In a line.
    package var text: String {
        guard let plan, step != .wanted else { return step == .wanted ? "wanted, none submitted" : step.rawValue }
        switch step {
        case .submitted:
            return "submitted \(Time.text(plan.time)) by '\(plan.by)', waits for '\(plan.to)', ask \(plan.ask)"
        case .withdrawn: return "withdrawn, submitted \(Time.text(plan.time)) by '\(plan.by)'"
        default:
            return "\(step.rawValue) \(plan.decided.map(Time.text) ?? "") by '\(plan.decidedBy ?? "")'"
                + (plan.why.map { ": \($0)" } ?? "")
        }
    }

    /// What the task's holder should do about the plan; nil if nothing.
    package var advice: String? {
        let how = "'cadre plan submit \(id) FILE', or - for standard input"
        switch step {
        case .wanted:
            return
                "Task \(id) is for planning: write down what you will change and how it will be checked, hand that in "
                + "with \(how), and begin when it is approved. Before that nothing of it can be handed in."
        case .submitted:
            return
                "Its plan waits for '\(plan?.to ?? "human")': you get mail when it is decided, so end your turn. "
                + "Before that nothing of the task can be handed in. Another plan replaces it: \(how)."
        case .rejected:
            return
                "Its plan was rejected by '\(plan?.decidedBy ?? "")'\(plan?.why.map { ": \($0)" } ?? ""). Hand in "
                + "another with \(how), and begin when it is approved."
        case .approved, .withdrawn: return nil
        }
    }
}

// A plan is an ask about its text, numbered like a question, so that an answer to one plan is never taken for an answer
// to the next. All of this happens under the lock.
//
// submit      1  asks/open/N is written: the task, the claim's token, the text and its digest
//             2  the plan before it is kept as tasks/ID/plan,K
//             3  an agent that is asked has mail
//             4  tasks/ID/plan is written: submitted
//             5  the ask about the plan before it, if open, is closed: replaced
//             After 1 recover does the rest, if the claim is still held; else the ask is taken away again.
//
// decide      1  the answer is written into the ask, as any
//             2  tasks/ID/plan is written: approved or rejected, if it is the one that was asked about. Text and
//                decision are one file, so an approved text is the text that was approved
//             3  an approved epic whose children have ended meanwhile ends
//             4  mail to who submitted it, and to who holds the task now
//             5  asks/open/N -> asks/done/N
//             After 1 recover does the rest.
//
// While a plan is wanted, waits or was rejected, the task is not done, not submitted, and as an epic not completed;
// whoever claims it next has the same plan. A task that ends or needs no plan any more closes its ask, and a plan that
// nobody is asked about any more is withdrawn.
extension Bus {
    static let taskEnded = "the task has ended"
    /// The most bytes of a plan: it is to be read.
    package static let longestPlan = 1 << 20

    /// The task's last plan; nil if it has none.
    package func plan(_ id: Int) throws -> Plan? {
        guard let record = try PlanRecord.read(planFile(id)) else { return nil }
        let plan = Plan(path: planFile(id), record: record)
        guard record.state != nil, plan.number > 0, !plan.ask.isEmpty,
            !plan.digest.isEmpty
        else { throw Record.damaged(planFile(id)) }
        return plan
    }

    /// How far the task is with its plan; nil if it needs none and has none.
    package func planning(_ id: Int, _ header: TaskHeader) throws -> Planning? {
        for _ in 0..<64 {
            guard let plan = try plan(id) else { return header.plan ? Planning(id: id, step: .wanted) : nil }
            var step = plan.record.state ?? .submitted
            if step == .submitted, try !Files.exists(openAsks.appending(plan.ask)) {
                // Decided since, or withdrawn.
                guard try self.plan(id)?.record == plan.record else { continue }
                step = .withdrawn
            }
            if step == .withdrawn, header.plan { step = .wanted }
            return Planning(id: id, step: step, plan: plan)
        }
        throw Failure.unsure("the plan of task \(id) changes too fast, try again")
    }

    /// Whether the task's plan waits for a decision: until then its holder has nothing to do.
    package func isPlanWaiting(_ id: Int) throws -> Bool {
        try header(id).flatMap { try planning(id, $0) }?.step == .submitted
    }

    /// Throws `Failure.no`, with what to do, while the task is for planning.
    package func requirePlan(_ id: Int, _ header: TaskHeader? = nil, _ held: LockProof? = nil) throws {
        guard let header = try header ?? self.header(id), var now = try planning(id, header) else { return }
        // The process that answered was killed before it recorded the decision.
        if now.step == .submitted, let plan = now.plan, try ask(plan.ask)?.answer != nil {
            if let held { _ = try healPlans(held) } else { try changing("plan") { _ = try healPlans($0) } }
            now = try planning(id, header) ?? now
        }
        switch now.step {
        case .wanted:
            throw Failure.no(
                "task \(id) is for planning: 'cadre plan submit \(id)' hands in its plan, and nothing else can be "
                    + "before that is approved"
            )
        case .submitted:
            throw Failure.no(
                "the plan of task \(id) waits for '\(now.plan?.to ?? "human")' (ask \(now.plan?.ask ?? "")): nothing "
                    + "can be handed in before it is approved"
            )
        case .rejected:
            throw Failure.no(
                "the plan of task \(id) was rejected\(now.plan?.why.map { ": \($0)" } ?? ""): 'cadre plan submit "
                    + "\(id)' hands in another"
            )
        case .approved: try now.plan?.check()
        case .withdrawn: break
        }
    }

    /// Submits a plan under a claim, and asks about it. The same text again is the plan that it was. Throws
    /// `Failure.no` if the claim is lost, or this very text was rejected.
    package func submitPlan(_ claim: Claim, _ text: [UInt8]) throws -> Planning {
        let digest = Digest.of(text)
        return try changing("plan") { held in
            guard let header = try header(claim.id) else { throw noTask(claim.id) }
            _ = try healPlans(held)
            guard try holds(claim) else { throw try lost(claim.id, claim.owner) }
            let old = try planning(claim.id, header)
            if let old, let plan = old.plan, plan.digest == digest {
                switch old.step {
                case .submitted, .approved: return old
                case .rejected:
                    throw Failure.no(
                        "this very plan was rejected by '\(plan.decidedBy ?? "")'\(plan.why.map { ": \($0)" } ?? ""): "
                            + "hand in another"
                    )
                case .wanted, .withdrawn: break
                }
            }
            var to = "human"
            if let parent = try agent(named: claim.owner)?.parent, parent != claim.owner, try canReceive(parent) {
                to = parent
            }
            _ = try ask(
                Array("plan of task \(claim.id): \(header.title)\n\n".utf8) + text, by: claim.owner, to: to,
                kind: .plan, held
            ) { _, record in
                record.task = claim.id
                record.token = claim.token
                record.digest = digest
            }
            _ = try healPlans(held)
            guard let new = try planning(claim.id, header) else { throw missing(planFile(claim.id)) }
            return new
        }
    }

    private func holds(_ claim: Claim) throws -> Bool {
        try claims(of: claim.id).contains { $0.owner == claim.owner && $0.token == claim.token }
    }

    /// The open asks about plans, answered or not, in the order in which they were asked.
    func openPlanAsks() throws -> [Ask] {
        guard let names = try Files.list(openAsks) else { throw missing(openAsks) }
        return try names.compactMap { Names.number($0) }.sorted().compactMap { n in
            let id = "\(n)"
            guard let record = try AskRecord.read(openAsks.appending(id)), record.kind == .plan else { return nil }
            return Ask(id: id, record: record)
        }
    }

    /// Whether an open ask about a plan needs nothing more than its answer.
    func isTakenUp(_ ask: Ask) throws -> Bool {
        guard let id = ask.record.task, ask.answer == nil, try PlanRecord.read(planFile(id))?.ask == ask.id else {
            return false
        }
        switch try find(id)?.state {
        case .done, .failed, .cancelled, nil: return false
        default: return true
        }
    }

    /// Finishes what was begun with plans. Returns how many there were.
    func healPlans(_ held: LockProof) throws -> Int {
        var healed = 0
        for ask in try openPlanAsks() where try !isTakenUp(ask) {
            healed += 1
            guard ask.answer == nil else {
                try deliver(ask, held)
                continue
            }
            guard let id = ask.record.task, let header = try header(id) else {
                try Files.unlink(openAsks.appending(ask.id))
                continue
            }
            let now = try plan(id)
            if let now, now.ask == ask.id {
                try closePlan(ask, Bus.taskEnded)
            } else if let now, Names.number(now.ask) ?? 0 > Names.number(ask.id) ?? 0 {
                try closePlan(ask, "replaced")
            } else if try holds(Claim(id: id, owner: ask.from, token: ask.record.token ?? "")) {
                try takeUp(ask, id, header, after: now)
                if let now, let before = try AskRecord.read(openAsks.appending(now.ask)), before.answer == nil {
                    try closePlan(Ask(id: now.ask, record: before), "replaced")
                }
            } else {
                try Files.unlink(openAsks.appending(ask.id))
            }
        }
        return healed
    }

    /// Finishes a submission whose ask is visible already: another process is in the middle of it, or was killed there.
    package func finishPlans() throws {
        guard try openPlanAsks().contains(where: { try !isTakenUp($0) }) else { return }
        try changing("plan") { _ = try healPlans($0) }
    }

    private func takeUp(_ ask: Ask, _ id: Int, _ header: TaskHeader, after before: Plan?) throws {
        if let before { try replace(planFile(id, before.number), with: before.record.bytes, sync: true) }
        let to = ask.record.to ?? "human"
        if to != "human", try canReceive(to) {
            let text =
                "Ask \(ask.id): '\(ask.from)' has a plan for task \(id), \(header.title), and waits. 'cadre plan show "
                + "\(id)' prints it; 'cadre plan approve \(id)' or 'cadre plan reject \(id) --why TEXT' decides.\n"
            _ = try send(
                from: "cadre", to: to, subject: Names.shown("plan of task \(id): \(header.title)"),
                body: Array(text.utf8))
        }
        var record = PlanRecord()
        record.state = .submitted
        record.number = (before?.number ?? 0) + 1
        record.ask = ask.id
        record.digest = ask.record.digest
        record.by = ask.from
        record.to = to
        record.time = ask.record.time
        // Behind the first line and an empty one.
        record.body = Array(
            ask.record.body.split(separator: 10, maxSplits: 2, omittingEmptySubsequences: false).last ?? [])
        try replace(planFile(id), with: record.bytes, sync: true)
        journal("plan", by: ask.from, ["task": "\(id)", "ask": ask.id])
    }

    /// Records the decision in the plan, and mails it to the plan's author and the task's holder.
    func decide(_ ask: Ask, _ held: LockProof) throws {
        guard ask.record.by != "cadre", let id = ask.record.task, var record = try PlanRecord.read(planFile(id)),
            record.ask == ask.id, let header = try header(id)
        else { return }
        let isApproved = ask.answer == "approved"
        let why = [isApproved || ask.answer == "rejected" ? nil : ask.answer, ask.record.note].compactMap { $0 }
            .joined(separator: ": ")
        if record.state == .submitted {
            record.state = isApproved ? .approved : .rejected
            record.decidedBy = ask.record.by
            record.decided = ask.record.answered
            record.why = why
            try replace(planFile(id), with: record.bytes, sync: true)
            journal(
                isApproved ? "plan-approved" : "plan-rejected", by: ask.record.by ?? "human",
                ["task": "\(id)", "ask": ask.id])
        }
        if isApproved { try completeEpic(id, by: ask.from, held) }
        let colon = why.isEmpty ? "" : ": \(why)"
        let text =
            isApproved
            ? "The plan of task \(id) (\(header.title)) is approved\(colon)\nGo on with it; 'cadre plan show \(id)' "
                + "prints it.\n"
            : "The plan of task \(id) (\(header.title)) is rejected\(colon)\nThe task is still for planning: 'cadre "
                + "plan submit \(id)' hands in another plan.\n"
        for name in Set([ask.from] + (try claims(of: id).map(\.owner))).sorted()
        where try canReceive(name) && name != ask.record.by {
            _ = try send(
                from: ask.record.by ?? "human", to: name,
                subject: "answer to ask \(ask.id): the plan of task \(id) is \(isApproved ? "approved" : "rejected")",
                body: Array(text.utf8))
        }
    }

    /// Closes an ask about a plan that nobody is to answer any more.
    private func closePlan(_ ask: Ask, _ why: String) throws {
        var record = ask.record
        record.answer = why
        record.by = "cadre"
        record.answered = Time.now()
        try replace(openAsks.appending(ask.id), with: record.bytes, sync: false)
        _ = try Files.rename(openAsks.appending(ask.id), doneAsks.appending(ask.id))
        journal("closed", by: "cadre", ["ask": ask.id, "why": why])
    }

    /// Closes the ask about the task's plan, if one is open.
    func withdrawPlan(_ id: Int, _ why: String) throws {
        guard let record = try PlanRecord.read(planFile(id)), record.state == .submitted, let name = record.ask,
            let ask = try AskRecord.read(openAsks.appending(name)), ask.answer == nil
        else { return }
        try closePlan(Ask(id: name, record: ask), why)
    }

    /// The task needs no plan any more: one that is not approved is withdrawn.
    func dropPlan(_ id: Int, by: String, _ held: LockProof) throws {
        if var record = try PlanRecord.read(planFile(id)), record.state != .approved {
            try withdrawPlan(id, "no plan is needed")
            record.state = .withdrawn
            try replace(planFile(id), with: record.bytes, sync: true)
        }
        try completeEpic(id, by: by, held)
    }
}
