import Bus
import CommandKit
import Configuration
import Landing
import Team

/// The values that an argument can take, by its name and its verb: constants, or names from the bus. A file that can't
/// be read adds none.
struct Live {
    private let verb: String
    private let subcommand: String?
    private let words: ArraySlice<String>
    private let bus: Bus?
    private let caller: String?
    private let settings: Settings?

    init(_ path: [String], _ words: ArraySlice<String>, _ common: Common.Values) {
        verb = path[0]
        subcommand = path.dropFirst().first
        self.words = words
        let tool = try? CommandContext(common)
        bus = try? tool?.bus()
        caller = try? tool?.reader()
        settings = verb == "spawn" ? try? tool?.settings() : nil
    }

    private func constant(_ words: String) -> [Candidate] {
        words.split(separator: " ").map { Candidate(text: String($0)) }
    }

    func values(_ name: String, option: String?) -> [Candidate] {
        switch (verb, subcommand, name) {
        case (_, _, "file"): return [.files]
        case (_, _, "dir"): return [.directories]
        case ("completions", _, "what"): return constant("bash zsh fish")
        case ("path", _, _):
            switch words.last {
            case "inbox", "agent", "worktree": return agents()
            case "task": return tasks()
            default: return words.isEmpty ? constant("bus status journal merge inbox agent worktree task") : []
            }
        case ("agents", "set", "key"): return constant("role parent program model restart pull auto")
        case ("agents", "set", "value"):
            switch words.last {
            case "restart": return constant("never on-failure always")
            case "pull", "auto": return constant("yes no")
            case "parent": return agents()
            case "role": return roles()
            default: return []
            }
        case (_, _, "role"): return roles()
        case ("heartbeat", _, "state"): return constant("starting working idle waiting stuck")
        case (_, _, "state"): return State.allCases.map { Candidate(text: $0.rawValue) }
        case ("cost", _, "by"): return constant("agent task role day")
        case (_, _, "strategy"): return constant("squash merge rebase")
        case (_, _, "priority"): return constant("0 1 2 3 4")
        case ("spawn", _, "agent"): return programs()
        case ("spawn", _, "base"), ("spawn", _, "branch"), ("merge", "check", _):
            return branches() + (verb == "merge" ? agents() : [])
        case ("merge", "submit", "name"): return agents() + branches()
        case ("inbox", _, "message"), ("inbox", _, "messages"), (_, _, "reply-to"): return mail()
        case ("ask", _, "id"), ("ask", _, "ids"): return asks()
        case ("plan", "approve", "ids"), ("plan", "reject", "ids"): return plans()
        case ("plan", "submit", "path"): return [.files]
        case ("merge", _, "ids"): return entries()
        case (_, _, "id"), (_, _, "ids"), (_, _, "depends"), (_, _, "task"), (_, _, "add"), (_, _, "remove"):
            return tasks()
        case ("task", _, "parent"): return tasks()
        case ("send", _, "words"):
            return constant("@all @parent @children human")
                + Array(Set(everybody().compactMap(\.role))).sorted().map { Candidate(text: "@\($0)") } + agents()
        case (_, _, "as"), (_, _, "to"), (_, _, "parent"), (_, _, "agent"), (_, _, "name"), (_, _, "names"):
            return agents()
        default: return []
        }
    }

    private func programs() -> [Candidate] {
        ((try? settings.map(Team.programs)) ?? []).map {
            Candidate(text: $0.name, about: $0.isThere ? "installed" : "not found")
        }
    }

    private func roles() -> [Candidate] { constant("lead coordinator manager worker reviewer") }

    private func everybody() -> [AgentView] {
        ((try? bus?.agentNames()) ?? []).compactMap { try? bus?.agent(named: $0) }
    }

    private func agents() -> [Candidate] {
        everybody().filter { agent in
            switch verb {
            case "resume": return [.resting, .frozen, .quarantined, .dead].contains(agent.state)
            case "stop", "pause": return agent.state != .resting
            default: return true
            }
        }.map { Candidate(text: $0.name, about: $0.state.rawValue) }
    }

    /// Those that the verb can do something with.
    private func tasks() -> [Candidate] {
        let states: Set<State>?
        switch (verb, subcommand) {
        case ("claim", _): states = [.ready, .claimed]
        case ("task", "done"), ("task", "fail"), ("plan", "submit"): states = [.claimed]
        case ("task", "reopen"): states = [.done, .failed, .cancelled]
        case ("task", "cancel"), ("task", "edit"), ("task", "dep"), ("task", "wait"), ("spawn", _):
            states = [.ready, .claimed, .blocked, .deferred, .review]
        default: states = nil
        }
        return ((try? bus?.list(states)) ?? []).map {
            Candidate(text: "\($0.id)", about: "\($0.state.rawValue): \($0.header.title)")
        }
    }

    private func asks() -> [Candidate] {
        ((try? bus?.asks()) ?? []).map {
            Candidate(text: $0.id, about: "\($0.from): " + ($0.text.split(separator: "\n").first ?? ""))
        }
    }

    /// Tasks whose plan waits for an answer.
    private func plans() -> [Candidate] {
        ((try? bus?.asks()) ?? []).filter { $0.record.kind == .plan }.compactMap { ask in
            ask.record.task.map {
                Candidate(text: "\($0)", about: "\(ask.from): " + (ask.text.split(separator: "\n").first ?? ""))
            }
        }
    }

    private func entries() -> [Candidate] {
        ((try? bus?.entries()) ?? []).filter { subcommand != "approve" || $0.step == .held }.map { entry in
            let title = (try? bus?.header(entry.id)?.title) ?? ""
            return Candidate(text: "\(entry.id)", about: "\(entry.step.rawValue): \(title)")
        }
    }

    /// Branches of tasks that are held or in the queue.
    private func branches() -> [Candidate] {
        guard let bus, let claims = try? bus.claims() + bus.reviews() else { return [] }
        return claims.compactMap { claim in
            (try? bus.branch(claim.id)?.name).map { name in
                Candidate(text: name.hasPrefix("refs/heads/") ? String(name.dropFirst(11)) : name, about: claim.owner)
            }
        }
    }

    private func mail() -> [Candidate] {
        guard let bus, let caller, let all = try? bus.messages(of: caller) else { return [] }
        return all.compactMap { try? bus.message($0.0, of: caller) }.map {
            Candidate(text: $0.id, about: "\($0.from): \($0.subject)")
        }
    }
}
