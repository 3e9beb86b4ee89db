import AgentPrograms
import Bus
import Storage
import Team

// What a permission that a program asks for becomes:
//
//   questions with options        asks with those options; see `answerQuestions`
//   its own dialog                the person's business: the agent waits
//   its plan of the held task     that task's plan; see `decidePlan`
//   of an agent of `--auto`, or   given at once
//   allowed by a rule
//   else                          an ask, whose answer is the decision
//
// Without an answer in time nothing is decided, and the program's own dialog stands.
extension Team {
    func permission(_ call: HookCall, _ agent: AgentView, _ print: @escaping (String) -> Void) throws {
        let known = try known(agent.card.program ?? "")
        guard let request = Request(call, known) else { return }
        try PermissionHandler(team: self, known: known, call: call, agent: agent, request: request, print: print)
            .handle()
    }

    /// It works again, unless it waits for another permission.
    func goOn(_ name: String, turn: Bool? = nil) throws {
        if try waitsStill(name, turn: turn) { return }
        let now = try bus.agent(named: name)?.report
        // A sub-agent goes on beside a main turn that is over: that it works is told by the state file.
        let source = turn == nil && now?.turn == nil ? ReportSource.stateFile : .hook
        try bus.report(name, state: .working, source: source, note: Team.isStale(now) ? "" : nil, turn: turn)
    }

    /// Whether a permission or a question of its program is open: then that is what it waits for, also beside a main
    /// turn that goes on or is over.
    func waitsStill(_ name: String, turn: Bool?) throws -> Bool {
        guard let ask = try bus.permissions(of: name).first else { return false }
        let whose = ask.record.subagent == nil ? "" : "of a sub-agent, "
        try bus.report(
            name, state: .waiting, source: .hook,
            note: "\((ask.record.kind ?? .permission).rawValue): \(whose)\(ask.title)", turn: turn)
        return true
    }
}

/// A program's call for a permission, and its answer.
private struct PermissionHandler {
    let team: Team
    let known: AgentProgram?
    let call: HookCall
    let agent: AgentView
    let request: Request
    let print: (String) -> Void
    private var bus: Bus { team.bus }

    func handle() throws {
        if known?.questionTool == request.tool, let questions = Question.all(request.input) {
            return try answerQuestions(questions)
        }
        if known?.dialogTools.contains(request.tool) == true || known?.questionTool == request.tool {
            return try reportWaiting("its own dialog, \(request.title)")
        }
        if let (claim, plan) = try planOfTask() { return try decidePlan(claim, plan) }
        if agent.card.auto == .yes { return allow("--auto") }
        if let rule = allowingRule() { return allow(rule) }
        try askPerson()
    }

    // MARK: ways to a decision

    /// The plan that it asks to be approved, if it is of a task that is for planning, and that task's claim.
    private func planOfTask() throws -> (Claim, [UInt8])? {
        guard let tool = known?.planTool, tool == request.tool, let text = request.input["plan"]?.string,
            text.contains(where: { !$0.isWhitespace }), text.utf8.count <= Bus.longestPlan,
            let claim = try bus.claims().first(where: { $0.owner == agent.name && $0.token == agent.token }),
            let header = try bus.header(claim.id),
            try bus.planning(claim.id, header)?.holds == true
        else { return nil }
        return (claim, Array(text.utf8))
    }

    /// If nobody decides in time, the plan still waits, beside the program's dialog.
    private func decidePlan(_ claim: Claim, _ text: [UInt8]) throws {
        let plan: Plan
        do {
            let planning = try bus.submitPlan(claim, text)
            guard planning.step == .submitted, let submitted = planning.plan else { return allow("its plan") }
            plan = submitted
        } catch let failure as Failure where failure.kind == .no { return deny(failure.message) }
        try reportWaiting("its plan of task \(claim.id), ask \(plan.ask)")
        let seconds = try patience()
        guard seconds > 0, try bus.waitForAnswer(plan.ask, until: Time.now() + seconds) != nil,
            let ask = try bus.ask(plan.ask), ask.record.by != "cadre"
        else { return }
        try obey(ask)
    }

    private func allowingRule() -> String? {
        guard let worktree = agent.worktree, let directory = request.directory,
            let rules = Rules(directory: directory, worktree: worktree, bus: bus)
        else { return nil }
        return rules.allowing(team.settings.list("allow"), tool: request.tool, request.input)
    }

    private func askPerson() throws {
        try reportWaiting("permission: \(call.subagent == nil ? "" : "of a sub-agent, ")\(request.title)")
        let seconds = try patience()
        guard seconds > 0, let ask = try answered(wanted(request.text), seconds: seconds),
            ask.record.digest == request.digest
        else { return }
        try obey(ask)
    }

    /// Questions with options become asks with those options, one after the other, as the program's dialog shows them.
    /// An answer of another text is that; `rejected` refuses them all.
    private func answerQuestions(_ questions: [Question]) throws {
        let until = Time.now() + (try patience())
        var answers: [String: Value] = [:]
        for question in questions {
            try reportWaiting("question: \(Names.shown(question.text))")
            guard until > Time.now() else { return }
            var wanted = wanted(question.shown, options: question.options)
            wanted.isMany = question.isMany
            guard let ask = try answered(wanted, seconds: until - Time.now()), let answer = ask.answer else { return }
            guard answer != "rejected" else {
                try team.goOn(agent.name)
                let why = ask.record.note.map { ": " + $0 } ?? ""
                return deny("'\(ask.record.by ?? "human")' does not answer that\(why)")
            }
            // A yes alone takes the first, which is the one that it recommends.
            answers[question.text] = .string(
                answer == "approved" ? question.labels.first ?? "yes" : question.labels(of: ask.parts(of: answer)))
        }
        var input: [String: Value] = [:]
        for key in request.input.keys { input[key] = request.input[key] }
        input["answers"] = .object(answers)
        try team.goOn(agent.name)
        allow("answers", input: .object(input))
    }

    // MARK: asking

    /// Seconds that the program waits for an answer.
    private func patience() throws -> Int {
        min(try team.settings.number(.permissionWait), AgentProgram.longestWait)
    }

    private func reportWaiting(_ note: String) throws {
        try bus.report(agent.name, state: .waiting, source: .hook, note: note)
    }

    private func wanted(_ text: String, options: [String]? = nil) -> Bus.Permission {
        Bus.Permission(
            tool: request.tool, directory: request.directory ?? "", digest: request.digest, text: text,
            subagent: call.subagent, options: options)
    }

    /// The ask with somebody's answer; nil if there is none in time.
    private func answered(_ wanted: Bus.Permission, seconds: Int) throws -> Ask? {
        let waiting = try bus.askPermission(wanted, by: agent.name, session: agent.token ?? "")
        guard let ask = try bus.waitForPermission(waiting, of: agent.name, seconds: seconds),
            ask.record.by != "cadre"
        else { return nil }
        return ask
    }

    // MARK: deciding

    private func obey(_ ask: Ask) throws {
        try team.goOn(agent.name)
        if ask.answer == "approved" { return allow("ask \(ask.id)") }
        let why = [ask.answer == "rejected" ? nil : ask.answer, ask.record.note].compactMap { $0 }.joined(
            separator: ": ")
        deny("'\(ask.record.by ?? "human")' said no\(why.isEmpty ? "" : ": \(why)")")
    }

    private func allow(_ by: String, input: Value? = nil) {
        bus.journal(
            "permission", by: agent.name,
            ["agent": agent.name, "allowed": by, "tool": Names.shown(request.tool), "digest": request.digest])
        // Behind a dialog for the person a bare yes is not enough: the program also wants the approved input.
        let input = input ?? (known?.planTool == request.tool ? request.input : nil)
        decide("\"behavior\":\"allow\"" + (input.map { ",\"updatedInput\":\($0.canonical)" } ?? ""))
    }

    private func deny(_ message: String) { decide("\"behavior\":\"deny\",\"message\":\(JSON.string(message))") }

    private func decide(_ decision: String) {
        print("{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\",\"decision\":{\(decision)}}}\n")
    }
}
