import AgentPrograms
import Bus
import Storage
import SystemPackage

// Budgets. Programs report usage afterwards, so a budget is not exact to the cent: once it is used up, cadre begins no
// new turn of a program that costs money. cadre ends no turn for it, and a person can still type to the agent. The
// process that finds the budget used up opens one ask; the answer raises the budget, and is valid while it is the last
// answered ask.
extension Team {
    package enum Scope: String, CaseIterable { case day, agent, task }

    /// A budget that is used up.
    package struct Reached {
        /// What of: the name of its ask.
        let ask: String
        let scope: Scope
        package let text: String
        let limit: Int
    }

    /// The budgets as configured, in millionths of a dollar: `20`, `20/day`, `5/agent`, `3/task`.
    package func budgets() throws -> [Scope: Int] {
        var all: [Scope: Int] = [:]
        for text in settings.list("budget") {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard parts.count <= 2, let amount = Money.amount(parts[0]),
                let scope = parts.count == 2 ? Scope(rawValue: parts[1]) : .day
            else {
                throw Failure.usage(
                    "cadre.budget is '\(Names.shown(text))', use dollars and /day, /agent or /task, such as 20/day")
            }
            all[scope] = amount
        }
        return all
    }

    /// The budget that keeps the agent from a new turn, if one does; the person is asked then.
    package func reached(_ agent: AgentView) throws -> Reached? {
        let budgets = try budgets()
        guard !budgets.isEmpty, try known(agent.card.program ?? "")?.cost != AgentProgram.Cost.none else {
            return nil
        }
        for scope in Scope.allCases {
            guard let budget = budgets[scope], let reached = try reached(scope, budget, agent) else { continue }
            let raise = Money.text(reached.limit + budget, places: 2)
            try bus.openAsk(
                named: reached.ask, by: "cadre", digest: "\(reached.limit)", unlessAnswered: true,
                "\(reached.text): no turn begins that would use more. 'cadre ask approve \(reached.ask)' makes it "
                    + "\(raise), 'cadre ask answer \(reached.ask) DOLLARS' what you say, 'cadre ask reject "
                    + "\(reached.ask)' lets it be"
            )
            return reached
        }
        return nil
    }

    private func reached(_ scope: Scope, _ budget: Int, _ agent: AgentView) throws -> Reached? {
        let of: String
        let ask: String
        let spent: [Bus.Spent]
        switch scope {
        case .day:
            ask = "budget-day-\(Bus.day())"
            of = "today's budget"
            spent = try bus.spent(on: Bus.day())
        case .agent:
            ask = "budget-agent-\(agent.name)"
            of = "the budget of '\(agent.name)'"
            spent = try bus.spent(by: agent)
        case .task:
            guard let task = try bus.claims().filter({ $0.owner == agent.name }).map(\.id).min(),
                let header = try bus.header(task)
            else { return nil }
            ask = "budget-task-\(task)"
            of = "the budget of task \(task)"
            spent = try bus.spent(since: Bus.day(header.created)).filter { $0.task == task }
        }
        let sum = spent.compactMap(\.used.money).reduce(0, +)
        var limit = budget
        if let answered = try bus.answeredAsk(ask), let before = answered.record.digest.flatMap({ Int($0) }),
            let answer = answered.answer
        {
            limit = max(limit, answer == "approved" ? before + budget : Money.amount(answer) ?? before)
        }
        guard sum >= limit else { return nil }
        return Reached(
            ask: ask, scope: scope,
            text:
                "\(of) is used up: \(Money.text(sum, places: 2)) of \(Money.text(limit, places: 2)) dollars "
                + "(cadre.budget)",
            limit: limit)
    }

    /// Shows that the agent begins nothing because of this, or no longer.
    package func showReached(_ name: String, _ reached: Reached?) throws {
        let report = try bus.agent(named: name)?.report
        guard report?.state == .idle,
            reached?.text != (report?.source == .budget ? report?.note : nil)
        else { return }
        try bus.report(name, state: .idle, source: reached == nil ? .supervisor : .budget, note: reached?.text ?? "")
    }

    /// Sends the agent its first words as mail, for later.
    package func putBy(_ name: String, _ words: String) throws {
        let subject = "what to go on with"
        guard try !bus.messages(of: name).contains(where: { try bus.message($0.id, of: name)?.subject == subject })
        else { return }
        _ = try bus.send(from: "cadre", to: name, subject: subject, body: Array((words + "\n").utf8))
    }

    /// A warning that cadre can't enforce a budget for a program, because the program doesn't report its cost; nil if
    /// there is no budget, or it can.
    package func unheld(_ program: String) throws -> String? {
        guard try !budgets().isEmpty, try known(program)?.tellsMoney != true else { return nil }
        return "what '\(Names.shown(program))' costs is unknown, so cadre.budget can't be enforced for it"
    }
}
