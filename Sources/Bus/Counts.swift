import SystemPackage

extension Bus {
    /// Keeps the line that was shown last. Where the bus can't be written it is not kept: it was shown all the same.
    public func keepStatus(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        guard (try? Files.read(statusFile)) != bytes else { return }
        try? replace(statusFile, with: bytes, sync: false)
    }

    /// The team in numbers, by reading directories only.
    public func counts() throws -> [(name: String, count: Int)] {
        var agents: [AgentState: Int] = [:]
        for name in try agentNames() { if let agent = try agent(named: name) { agents[agent.state, default: 0] += 1 } }
        var ready = 0
        for (queue, priorities) in try readyPlaces() {
            for priority in priorities {
                let top = self.queue(queue).appending("\(priority)")
                for bucket in try Files.list(top) ?? [] { ready += (try Files.list(top.appending(bucket)) ?? []).count }
            }
        }
        func entries(_ path: FilePath) throws -> Int { try (Files.list(path) ?? []).filter { !$0.hasPrefix(".") }.count }
        return [
            ("agents", agents.values.reduce(0, +)), ("working", (agents[.working] ?? 0) + (agents[.starting] ?? 0)), ("idle", agents[.idle] ?? 0),
            ("waiting", agents[.waiting] ?? 0), ("stuck", agents[.stuck] ?? 0), ("dead", (agents[.dead] ?? 0) + (agents[.quarantined] ?? 0)),
            ("ready", ready), ("blocked", try entries(state("blocked"))), ("claimed", try claims().count), ("review", try reviews().count),
            ("asks", try entries(openAsks)), ("mail", try entries(box("human").appending("new"))), ("queue", try entries(mergeQueue)),
        ]
    }
}
