import Bus
import Storage

/// Groups of agents that mail is for: `@all`, `@role`, `@parent`, `@children`, `@epic:ID`.
extension CommandContext {
    /// The names that recipients stand for, each once, the sender of a group left out.
    package func recipients(_ words: [String], from: String) throws -> [String] {
        let bus = try bus()
        var all: [String] = []
        func add(_ names: [String]) { for name in names where !all.contains(name) { all.append(name) } }
        func agents(_ fits: (AgentView) -> Bool) throws -> [String] {
            try bus.agentNames().filter { name in
                guard name != from, let agent = try bus.agent(named: name) else { return false }
                return fits(agent)
            }
        }
        for word in words {
            switch word {
            case "@all": add(try agents { _ in true })
            case "@parent", "parent": add([try bus.agent(named: from)?.parent ?? "human"])
            case "@children", "children": add(try agents { $0.parent == from || ($0.parent == nil && from == "human") })
            case _ where word.hasPrefix("@epic:"):
                let id = try Names.id(String(word.dropFirst(6)))
                guard try Files.exists(bus.task(id)) else { throw bus.noTask(id) }
                var below = [id]
                var seen = Set<Int>()
                while let next = below.popLast() {
                    guard seen.insert(next).inserted else { continue }
                    below += try bus.children(next)
                    let view = try bus.view(next)
                    if let owner = view.claim?.owner, owner != from, view.state == .claimed || view.state == .review,
                        try bus.canReceive(owner)
                    {
                        add([owner])
                    }
                }
            case _ where word.hasPrefix("@"):
                let role = try Names.role(String(word.dropFirst()))
                add(try agents { $0.role == role })
            default:
                let name = try Names.caller(word)
                guard try bus.canReceive(name) else { throw bus.noAgent(name) }
                add([name])
            }
        }
        return all
    }
}
