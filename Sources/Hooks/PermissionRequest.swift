import AgentPrograms
import Bus
import FoundationEssentials
import Storage
import SystemPackage
import Team

/// What a program asks permission for. Its digest is of the tool, all that it is to be used on, and where.
struct Request {
    let tool: String
    let input: Value
    /// Nil if it can't be told.
    let directory: String?
    var digest: String {
        Digest.of(
            Array(
                Value.object(["tool": .string(tool), "input": input, "directory": .string(directory ?? "")]).canonical
                    .utf8))
    }

    /// Nil if the call names no tool.
    init?(_ call: HookCall, _ known: AgentProgram?) {
        guard let tool = call.tool else { return nil }
        self.tool = tool
        input = call.input ?? .null
        directory =
            known?.hidesDirectory == true && tool == "Bash"
            ? Request.directory(of: input["command"]?.string, call) : call.directory
    }

    /// The command or the path, or all of it, in a line.
    var subject: String {
        Names.shown(
            (input["command"] ?? input["file_path"] ?? input["notebook_path"] ?? input["url"])?.string
                ?? input.canonical)
    }

    var title: String { "\(Names.shown(tool)): \(subject)" }

    /// A line for the list, then every field whole.
    var text: String {
        var text = "\(title)\nin \(directory.map(Names.shown) ?? "a directory that is not known")\n"
        for key in input.keys {
            let value = Names.plain((input[key]?.string ?? input[key]?.canonical ?? "").utf8)
            text += value.contains("\n") ? "\n\(Names.shown(key)):\n\(value)\n" : "\n\(Names.shown(key)): \(value)\n"
        }
        return text
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Line: Decodable {
        struct Payload: Decodable {
            var type: String?
            var call_id: String?
            var arguments: String?
        }
        var payload: Payload?
    }

    /// Where Codex is to run the command: the directory that the calls in its transcript name which have no result yet,
    /// if they agree.
    private static func directory(of command: String?, _ call: HookCall) -> String? {
        guard let command, let base = call.directory, let transcript = call.transcript,
            let end = try? Files.readEnd(FilePath(transcript), 1 << 20)
        else { return nil }
        var open: [String: String] = [:]
        for line in end.split(separator: 10) {
            guard let payload = (try? JSONDecoder().decode(Line.self, from: Data(line)))?.payload,
                let id = payload.call_id
            else { continue }
            if payload.type == "function_call_output" { open[id] = nil }
            guard payload.type == "function_call", let text = payload.arguments,
                let arguments = try? JSONDecoder().decode(Value.self, from: Data(text.utf8)),
                (arguments["cmd"] ?? arguments["command"])?.string == command
            else { continue }
            let place = arguments["workdir"]?.string ?? ""
            open[id] = FilePath(base).pushing(FilePath(place)).lexicallyNormalized().string
        }
        return Set(open.values).count == 1 ? open.values.first : nil
    }
}

/// A question with options that a program asks.
private struct Question {
    var text: String
    /// As the program has them, which knows its answer by them.
    var labels: [String]
    var details: [String]
    var isMany: Bool

    /// Nil if the input is of another kind.
    static func all(_ input: Value) -> [Question]? {
        guard case .list(let entries)? = input["questions"], !entries.isEmpty else { return nil }
        let questions = entries.compactMap { entry -> Question? in
            guard let text = entry["question"]?.string, case .list(let options)? = entry["options"] else { return nil }
            let labels = options.compactMap { $0["label"]?.string }
            guard labels.count == options.count else { return nil }
            let details = options.map { $0["description"]?.string ?? "" }
            return Question(
                text: text, labels: labels, details: details, isMany: entry["multiSelect"]?.canonical == "true")
        }
        return questions.count == entries.count ? questions : nil
    }

    /// The labels as an ask can offer them: plain, and without the comma that divides options.
    var options: [String] { labels.map { Names.shown($0).replacing(",", with: ";") } }

    /// An answer in the program's own words.
    func labels(of answer: [String]) -> String {
        answer.map { part in zip(options, labels).first { $0.0 == part }?.1 ?? part }.joined(separator: ", ")
    }

    /// The question, and what its options mean.
    var shown: String {
        let lines = zip(options, details).map { "  \($0)\($1.isEmpty ? "" : ": " + Names.shown($1))" }
        return Names.plain(text.utf8) + "\n" + (isMany ? "Several may be named, divided by commas:\n" : "")
            + lines.joined(separator: "\n") + "\n"
    }
}

extension Team {
    /// The tool by which the agent's program asks for its plan to be approved, if it has a plan mode.
    package func planTool(of agent: AgentView) throws -> String? { try known(agent.card.program ?? "")?.planTool }

    /// A permission is given to an agent of `--auto`, or by a rule. Else it becomes an ask, and its answer the
    /// decision. Without one in time nothing is decided, and the program's own dialog stands.
    func permission(_ call: HookCall, _ agent: AgentView, _ print: (String) -> Void) throws {
        let known = try known(agent.card.program ?? "")
        guard let request = Request(call, known) else { return }
        let what = request.title
        /// Of a task that is for planning, it is that plan. Where its time is over it still waits, beside the program's
        /// dialog.
        func decidePlan(_ claim: Claim, _ text: [UInt8]) throws {
            let plan: Plan
            do {
                let planning = try bus.submitPlan(claim, text)
                guard planning.step == .submitted, let submitted = planning.plan else { return allow("its plan") }
                plan = submitted
            } catch let failure as Failure where failure.kind == .no { return deny(failure.message) }
            try bus.report(
                agent.name, state: .waiting, source: .hook, note: "its plan of task \(claim.id), ask \(plan.ask)")
            let seconds = min(try settings.number(.permissionWait), AgentProgram.longestWait)
            guard seconds > 0, try bus.waitForAnswer(plan.ask, until: Time.now() + seconds) != nil,
                let ask = try bus.ask(plan.ask), ask.record.by != "cadre"
            else { return }
            try goOn(agent.name)
            if ask.answer == "approved" { allow("ask \(ask.id)") } else { deny(saidNo(ask)) }
        }
        func saidNo(_ ask: Ask) -> String {
            let why = [ask.answer == "rejected" ? nil : ask.answer, ask.record.note].compactMap { $0 }.joined(
                separator: ": ")
            return "'\(ask.record.by ?? "human")' said no\(why.isEmpty ? "" : ": \(why)")"
        }
        func deny(_ message: String) { decide("\"behavior\":\"deny\",\"message\":\(JSON.string(message))") }
        func decide(_ decision: String) {
            print("{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\",\"decision\":{\(decision)}}}\n")
        }
        func allow(_ by: String) {
            bus.journal(
                "permission", by: agent.name,
                ["agent": agent.name, "allowed": by, "tool": Names.shown(request.tool), "digest": request.digest])
            // Where a dialog is meant for the person, a yes alone does not do: what is allowed must be said as well.
            decide(
                "\"behavior\":\"allow\""
                    + (known?.planTool == request.tool ? ",\"updatedInput\":\(request.input.canonical)" : ""))
        }
        if known?.questionTool == request.tool, let questions = Question.all(request.input) {
            return try answerQuestions(questions, call, agent, request, decide)
        }
        if known?.dialogTools.contains(request.tool) == true || known?.questionTool == request.tool {
            return try bus.report(agent.name, state: .waiting, source: .hook, note: "its own dialog, \(what)")
        }
        if try planTool(of: agent) == request.tool, let text = request.input["plan"]?.string,
            text.contains(where: { !$0.isWhitespace }), text.utf8.count <= Bus.longestPlan,
            let claim = try bus.claims().first(where: { $0.owner == agent.name && $0.token == agent.token }),
            let header = try bus.header(claim.id),
            try bus.planning(claim.id, header)?.holds == true
        {
            return try decidePlan(claim, Array(text.utf8))
        }
        if agent.card.auto == .yes { return allow("--auto") }
        if let worktree = agent.worktree, let directory = request.directory,
            let rules = Rules(directory: directory, worktree: worktree, bus: bus),
            let rule = rules.allowing(settings.list("allow"), tool: request.tool, request.input)
        {
            return allow(rule)
        }
        try bus.report(
            agent.name, state: .waiting, source: .hook,
            note: "permission: \(call.subagent == nil ? "" : "of a sub-agent, ")\(what)")
        let seconds = min(try settings.number(.permissionWait), AgentProgram.longestWait)
        guard seconds > 0 else { return }
        let wanted = Bus.Permission(
            tool: request.tool, directory: request.directory ?? "", digest: request.digest, text: request.text,
            subagent: call.subagent)
        let waiting = try bus.askPermission(wanted, by: agent.name, session: agent.token ?? "")
        guard let ask = try bus.waitForPermission(waiting, of: agent.name, seconds: seconds),
            ask.record.by != "cadre", ask.record.digest == request.digest
        else {
            return
        }
        try goOn(agent.name)
        guard ask.answer != "approved" else { return allow("ask \(ask.id)") }
        deny(saidNo(ask))
    }

    /// Questions with options become asks with those options, one after the other, as the program's dialog shows them.
    /// An answer of another text is that; `rejected` refuses them all.
    private func answerQuestions(
        _ questions: [Question], _ call: HookCall, _ agent: AgentView, _ request: Request, _ decide: (String) -> Void
    ) throws {
        let until = Time.now() + min(try settings.number(.permissionWait), AgentProgram.longestWait)
        var answers: [String: Value] = [:]
        for question in questions {
            try bus.report(agent.name, state: .waiting, source: .hook, note: "question: \(Names.shown(question.text))")
            guard until > Time.now() else { return }
            var wanted = Bus.Permission(
                tool: request.tool, directory: request.directory ?? "", digest: request.digest, text: question.shown,
                subagent: call.subagent, options: question.options)
            wanted.isMany = question.isMany
            let waiting = try bus.askPermission(wanted, by: agent.name, session: agent.token ?? "")
            guard let ask = try bus.waitForPermission(waiting, of: agent.name, seconds: until - Time.now()),
                ask.record.by != "cadre", let answer = ask.answer
            else { return }
            guard answer != "rejected" else {
                try goOn(agent.name)
                let why = ask.record.note.map { ": " + $0 } ?? ""
                let refusal = "'\(ask.record.by ?? "human")' does not answer that\(why)"
                return decide("\"behavior\":\"deny\",\"message\":\(JSON.string(refusal))")
            }
            // A yes alone takes the first, which is the one that it recommends.
            answers[question.text] = .string(
                answer == "approved" ? question.labels.first ?? "yes" : question.labels(of: ask.parts(of: answer)))
        }
        var input: [String: Value] = [:]
        for key in request.input.keys { input[key] = request.input[key] }
        input["answers"] = .object(answers)
        try goOn(agent.name)
        bus.journal(
            "permission", by: agent.name,
            ["agent": agent.name, "allowed": "answers", "tool": Names.shown(request.tool), "digest": request.digest])
        decide("\"behavior\":\"allow\",\"updatedInput\":\(Value.object(input).canonical)")
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
