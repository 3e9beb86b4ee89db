import Bus
import Glibc
import Landing
import Tmux

extension Team {
    /// So many runners in a row may end before their work is done without anybody being asked.
    private static let runnersBeforeAsking = 10

    /// Opens a window that runs the merge queue, if there is work for it and nobody is at it. The window is tmux's
    /// child, not the caller's, and goes when the work is done.
    package func startQueue() throws {
        guard try MergeRunner.needsRunner(bus) else { return }
        let tries = try MergeRunner.tries(bus)
        if tries >= Team.runnersBeforeAsking {
            try bus.openAsk(
                named: "runner", by: "cadre",
                "the runner of the merge queue was ended \(tries) times before it had done its work, and is still "
                    + "started again: 'cadre merge run' shows what it does"
            )
        }
        let tmux = try Tmux(bus)
        var environment = [
            "CADRE_DIR": bus.root.string, "CADRE_AGENT": "", "CADRE_SESSION": "", "CADRE_STARTED": "yes",
        ]
        if let set = getenv("CADRE_TMUX") { environment["CADRE_TMUX"] = String(cString: set) }
        let program = [Installation.executable.string, "merge", "run"]
        let pane = try tmux.open(
            bus, name: "merge", in: tmux.ready(bus), place: .window, program: program, environment: environment)
        _ = try tmux.attempt(["set-option", "-p", "-t", pane, "remain-on-exit", "off"])
    }
}
