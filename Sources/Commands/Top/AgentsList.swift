import Bus
import Screen

/// The agents as rows: in an order, in groups or below their parents.
struct AgentsList {
    static let table = Table(columns: [
        .init("agent", 8...32, 100), .init("state", 8...11, 95), .init("for", 4...4, 70, right: true),
        .init("task", 6...60, 80), .init("done", 5...7, 40, right: true),
        .init("mail", 4...4, 60, right: true), .init("asks", 4...4, 65, right: true),
        .init("changed", 10...12, 50, right: true), .init("context", 7...7, 35, right: true),
        .init("cost", 8...8, 34, right: true),
        .init("conflict", 8...24, 55), .init("program", 7...12, 20), .init("model", 8...16, 10),
        .init("role", 6...12, 25), .init("branch", 10...30, 15), .init("note", 8...60, 12),
    ])

    let board: Board
    let desk: Desk
    let sources: [Source]
    /// Added and removed lines by agent.
    let changes: [String: (added: Int, removed: Int)]
    /// Money by agent.
    let money: [String: Sum]
    let now: Int

    func items() -> [Item] {
        var agents = board.agents
        if let filter = desk.filter[.agents], !filter.isEmpty { agents = agents.filter { matches($0, filter) } }
        agents = agents.enumerated().sorted { comes($0.element, before: $1.element) ?? ($0.offset < $1.offset) }.map(
            \.element)
        switch desk.grouping {
        case .flat: return agents.map { item($0, 0) }
        case .tree: return tree(agents)
        case .state: return groups(agents) { $0.view.state.rawValue }
        case .role: return groups(agents) { $0.view.role ?? "no role" }
        case .project: return groups(agents) { sources[$0.source].name }
        }
    }

    private func matches(_ agent: Board.Agent, _ filter: String) -> Bool {
        let text =
            ([
                agent.name, agent.view.state.rawValue, agent.view.role, agent.view.card.program,
                agent.view.report?.note, agent.branch,
            ] + agent.tasks.map { "\($0.id) \($0.title)" })
            .compactMap { $0 }.joined(separator: " ").lowercased()
        return filter.lowercased().split(separator: " ").allSatisfy { text.contains($0) }
    }

    private static let urgency: [AgentState] = [
        .waiting, .quarantined, .dead, .stuck, .idle, .frozen, .starting, .working, .resting,
    ]

    private func comes(_ a: Board.Agent, before b: Board.Agent) -> Bool? {
        func less<T: Comparable>(_ x: T, _ y: T) -> Bool? { x == y ? nil : x < y }
        switch desk.order {
        case .name: return less(a.source, b.source) ?? less(a.name, b.name)
        case .state:
            return less(
                AgentsList.urgency.firstIndex(of: a.view.state)!, AgentsList.urgency.firstIndex(of: b.view.state)!)
        case .since: return less(b.view.report?.since ?? 0, a.view.report?.since ?? 0)
        case .task: return less(a.tasks.first?.id ?? .max, b.tasks.first?.id ?? .max)
        case .mail: return less(b.unread, a.unread)
        case .changed: return less(changed(b), changed(a))
        case .context: return less(b.fill?.context ?? -1, a.fill?.context ?? -1)
        case .cost: return less(money[b.key]?.known ?? -1, money[a.key]?.known ?? -1)
        }
    }

    private func changed(_ agent: Board.Agent) -> Int { changes[agent.key].map { $0.added + $0.removed } ?? 0 }

    private func tree(_ agents: [Board.Agent]) -> [Item] {
        let shown = Set(agents.map(\.key))
        var below: [String: [Board.Agent]] = [:]
        for agent in agents {
            let parent = agent.view.parent.map { "\(agent.source)/\($0)" }
            below[parent.flatMap { shown.contains($0) ? $0 : nil } ?? "", default: []].append(agent)
        }
        var items: [Item] = []
        var seen = Set<String>()
        func add(_ key: String, _ depth: Int) {
            for agent in below[key] ?? [] where seen.insert(agent.key).inserted {
                items.append(item(agent, depth))
                add(agent.key, depth + 1)
            }
        }
        add("", 0)
        // Those of a circle, which nothing of the tree leads to.
        for agent in agents where !seen.contains(agent.key) {
            seen.insert(agent.key)
            items.append(item(agent, 0))
            add(agent.key, 1)
        }
        return items
    }

    private func groups(_ agents: [Board.Agent], _ group: (Board.Agent) -> String) -> [Item] {
        var names: [String] = []
        var members: [String: [Board.Agent]] = [:]
        for agent in agents {
            let name = group(agent)
            if members[name] == nil { names.append(name) }
            members[name, default: []].append(agent)
        }
        return names.sorted().flatMap { name in
            [.heading("\(name) (\(members[name]!.count))")] + members[name]!.map { item($0, 0) }
        }
    }

    private func item(_ agent: Board.Agent, _ depth: Int) -> Item {
        let view = agent.view
        var cells: [String: Row] = [:]
        cells["agent"] = Row(
            sources.count > 1 && desk.grouping != .project ? "\(sources[agent.source].name)/\(agent.name)" : agent.name,
            .bold)
        cells["state"] = Row(view.state.rawValue, AgentsList.style(view.state))
        cells["for"] = Row(view.report?.since.map { AgentsList.span(now - $0) } ?? "", .dim)
        cells["task"] = Row(agent.tasks.map { "\($0.id) \($0.title)" }.joined(separator: ", "))
        cells["done"] = Row(view.report?.progress ?? "")
        cells["mail"] = Row(agent.unread > 0 ? "\(agent.unread)" : "")
        if agent.asks > 0 {
            cells["asks"] = Row(
                "\(agent.asks)",
                Style {
                    $0.foreground = .index(3)
                    $0.isBold = true
                })
        }
        if let (added, removed) = changes[agent.key], added + removed > 0 {
            cells["changed"] = Row("+\(added)", .color(2))
            cells["changed"]!.add(" −\(removed)", .color(1))
        }
        if !agent.conflicts.isEmpty {
            cells["conflict"] = Row("≠ " + agent.conflicts.joined(separator: "; "), .color(1))
        }
        cells["program"] = Row(view.card.program ?? "", .dim)
        cells["model"] = Row(agent.fill?.model ?? view.card.model ?? "", .dim)
        if let context = agent.fill?.context {
            cells["context"] = Row("\(context)%", context >= 80 ? Style { $0.foreground = .index(3) } : .plain)
        }
        if let money = money[agent.key], money.known != nil { cells["cost"] = Row(Spending.money(money)) }
        cells["role"] = Row(view.role ?? "", .dim)
        cells["branch"] = Row(agent.branch ?? "", .dim)
        cells["note"] = Row(view.report?.note ?? "")
        return Item(agent.key, cells, indent: depth)
    }

    static func style(_ state: AgentState) -> Style {
        switch state {
        case .waiting:
            return Style {
                $0.foreground = .index(3)
                $0.isBold = true
            }
        case .dead, .quarantined, .stuck:
            return Style {
                $0.foreground = .index(1)
                $0.isBold = true
            }
        case .working, .starting: return .color(2)
        case .frozen: return .color(6)
        case .idle, .resting: return .dim
        }
    }

    /// A length of time in two or three characters: `7s`, `12m`, `3h`, `2d`.
    static func span(_ seconds: Int) -> String {
        switch max(0, seconds) {
        case 0..<60: return "\(max(0, seconds))s"
        case 60..<3600: return "\(seconds / 60)m"
        case 3600..<86400: return "\(seconds / 3600)h"
        default: return "\(seconds / 86400)d"
        }
    }
}
