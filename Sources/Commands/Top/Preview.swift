import Bus
import Processes
import Screen
import Storage
import Tmux

/// The screen of the agent that is chosen, looked at ten times a second while it changes, and less often while it does
/// not.
final class Preview {
    private var client: ControlClient?
    private var server = ""
    private var look: (pane: String, rows: [Row], isDead: Bool)?
    /// As tmux printed them.
    private var lines: [String] = []
    private var next = 0.0
    private var lastChange = 0.0
    private var askedAt = 0.0

    /// Seconds between two looks at a pane that has changed within so many, or earlier.
    private static let pauses = [(within: 2.0, pause: 0.1), (within: 10, pause: 0.5), (within: .infinity, pause: 1)]

    /// To be polled; `read` is to be called when it can be read.
    var descriptor: Int32 { client?.descriptor ?? -1 }
    /// Seconds until `see` is to be called again.
    func pause(_ now: Double) -> Double { max(0, next - now) }

    /// Seconds that a server has for an answer.
    private static let patience = 5.0

    /// Another one is chosen: it is looked at at once.
    func hurry() {
        next = 0
        lastChange = Time.monotonic()
    }

    func end() { client = nil }

    /// Looks at a pane, if it is time to.
    func see(_ pane: String, on server: String, of source: Source) {
        let now = Time.monotonic()
        if let client, client.hasEnded || self.server != server { self.client = nil }
        guard now >= next else { return }
        next = now + Preview.pauses.first { now - lastChange < $0.within }!.pause
        if let client, client.isBusy {
            guard now > askedAt + Preview.patience else { return }
            self.client = nil
            lines = []
            look = (pane, [Row("its tmux server does not answer", .dim)], false)
        }
        if client == nil {
            guard Tmux.answers(server), let tmux = try? Tmux(source.bus) else {
                look = (pane, [Row("its tmux server is gone: resume starts it again", .dim)], true)
                return
            }
            client = try? ControlClient(tmux, pane: pane)
            self.server = server
        }
        client?.ask(pane)
        askedAt = now
    }

    func read() {
        guard let found = client?.read() else { return }
        if let look, look.pane == found.pane, look.isDead == found.isDead, lines == found.lines { return }
        lines = found.lines
        var text = Ansi()
        var rows = found.lines.map { text.row($0) }
        while rows.last?.width == 0 { rows.removeLast() }
        look = (found.pane, rows, found.isDead)
        lastChange = Time.monotonic()
    }

    /// What the pane showed last; nothing before it was seen.
    func rows(of pane: String) -> [Row] {
        guard let look, look.pane == pane else { return [] }
        return look.rows + (look.isDead ? [Row("its pane is gone or dead", .dim)] : [])
    }
}
