import Bus
import Glibc
import Processes
import Storage
import SystemPackage

// An agent runs in the environment of the person who spawned it, whatever environment its tmux server has. The spawn
// records it in a file: 20 kB of variables fit into no call of tmux, and are nobody else's to see. The agent's
// supervisor adopts it. An agent that another agent spawned gets that one's environment, and so the one of the nearest
// person above. The file is the user's alone (0600) and goes with the agent.
extension Team {
    private var left: [String] { settings.list("environment") }

    /// Records the environment for an agent that is being spawned.
    func recordEnvironment(of name: String, by: String) throws {
        if try bus.agent(named: by) != nil, let record = try RecordedEnvironment.read(bus.environmentFile(by)) {
            return try bus.write(record, to: bus.environmentFile(name))
        }
        let record = Environment.recorded(leaving: left)
        try bus.write(record, to: bus.environmentFile(name))
        try bus.write(record, to: bus.environmentFile)
    }

    /// A person at a terminal starts agents again: those that do not run get the environment that the person has now,
    /// the others what has changed with the login, for when they are started again.
    package func renewEnvironment(of names: [String]) throws {
        let record = Environment.recorded(leaving: left)
        try bus.write(record, to: bus.environmentFile)
        for name in names {
            guard let agent = try bus.agent(named: name) else { continue }
            if agent.alive {
                try refreshEnvironment(of: name)
            } else {
                try bus.write(record, to: bus.environmentFile(name))
            }
        }
    }

    /// A person at a terminal looks at an agent: what leads to the login is theirs.
    package func refreshEnvironment(of name: String) throws {
        guard let record = try RecordedEnvironment.read(bus.environmentFile(name)) else { return }
        let now = Environment.refreshed(record, leaving: left)
        if now != record { try bus.write(now, to: bus.environmentFile(name)) }
    }

    /// Takes the environment that was recorded for an agent, or without a name for the project, where one was.
    package static func adoptEnvironment(_ bus: Bus, of name: String? = nil) throws {
        if let record = try RecordedEnvironment.read(name.map(bus.environmentFile) ?? bus.environmentFile) {
            Environment.adopt(record)
        }
    }
}
