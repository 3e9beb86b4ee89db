import Bus
import Configuration
import Storage

extension Team {
    /// Approves the commands of git's own configuration because the person starts work, unless an agent lives, which
    /// may have written them. `say` gets each new one.
    package func letRun(_ say: (String) -> Void) throws {
        let before = try bus.approvedCommands()
        let configured = try Configured(git, bus, target: settings.target)
        guard configured.approvable != before else { return }
        if try bus.hasLiving() {
            let unseen = configured.unseen
            if !unseen.isEmpty {
                say("git's configuration brings commands that you have not let run: see 'cadre init'")
            }
            return
        }
        for line in configured.commands where !before.contains(line) {
            say("git's configuration of this repository has this run from now on: \(Names.shown(line))")
        }
        try bus.setApprovedCommands(configured.approvable)
        try bus.closeAsk(named: "git", by: "human", "seen")
    }
}
