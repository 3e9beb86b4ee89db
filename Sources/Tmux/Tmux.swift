import Bus
import Glibc
import Processes
import Storage
import SystemPackage

/// A tmux server, as tmux(1) is called on it. Targets are ids (`$1`, `@1`, `%1`), never names, which match by prefix.
/// Text that others wrote never stands where tmux would expand a format: see `escaped`.
package struct Tmux {
    /// `-S PATH` or `-L NAME`; none is tmux's own default.
    private let server: [String]
    private let program: String

    /// The oldest tmux that has all that is used here.
    static let oldest = (3, 3)

    /// `$CADRE_TMUX` (a socket's path, or its name as for `tmux -L`), else the server this project's agents run in,
    /// else the one the caller is in (`$TMUX`), else the user's default.
    package init(_ bus: Bus) throws {
        if let set = Tmux.variable("CADRE_TMUX") {
            self.init(server: [set.contains("/") ? "-S" : "-L", set])
        } else if let socket = try bus.server(), Tmux.answers(socket) {
            self.init(server: ["-S", socket])
        } else if let socket = Tmux.variable("TMUX")?.split(separator: ",").first {
            self.init(server: ["-S", String(socket)])
        } else {
            self.init(server: [])
        }
    }

    /// The server the caller is in, or the default one.
    package static func here() -> Tmux {
        if let set = variable("CADRE_TMUX") { return Tmux(server: [set.contains("/") ? "-S" : "-L", set]) }
        return Tmux(server: variable("TMUX")?.split(separator: ",").first.map { ["-S", String($0)] } ?? [])
    }

    /// Whether the terminal at descriptor 0 is a pane of the server the caller is in, rather than a popup.
    package static func isInPane() -> Bool {
        guard let tty = ttyname(0).map({ String(cString: $0) }),
            let panes = try? here().attempt(["list-panes", "-a", "-F", "#{pane_tty}"])
        else { return false }
        return panes.text.split(separator: "\n").contains { $0 == tty }
    }

    /// The client at which a person looks at the caller: one with a terminal, which a client in control mode lacks; if
    /// possible one in the caller's session; of those the one used last. tmux itself would take any. Nil if there is
    /// none.
    package func ownClient() throws -> String? {
        let session = Tmux.variable("TMUX")?.split(separator: ",").last.map { "$\($0)" }
        let clients = try run([
            "list-clients", "-F", "#{client_control_mode} #{session_id} #{client_activity} #{client_tty}",
        ]).split(separator: "\n").map { $0.split(separator: " ") }
        let seen = clients.filter { $0.count == 4 && $0[0] == "0" }
        return seen.max { a, b in
            let (x, y) = (a[1] == session ?? "", b[1] == session ?? "")
            return x == y ? (Int(a[2]) ?? 0) < (Int(b[2]) ?? 0) : y
        }.map { String($0[3]) }
    }

    /// The server of a socket.
    init(at socket: String) { self.init(server: ["-S", socket]) }

    private init(server: [String]) {
        self.server = server
        program = Tmux.sibling(server) ?? "tmux"
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The path of the server's socket, without asking it.
    package var path: String? {
        if server.first == "-S" { return server.last }
        let directory = (Tmux.variable("TMUX_TMPDIR") ?? "/tmp") + "/tmux-\(geteuid())/"
        return directory + (server.last ?? "default")
    }

    /// Whether somebody listens on the socket. The C function is `connect`.
    package static func answers(_ socket: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard socket.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socket.utf8) }
        let fd = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } == 0
    }

    /// A client of another version than its server's is turned away, so inside tmux the server's own program is used.
    private static func sibling(_ server: [String]) -> String? {
        guard let parts = variable("TMUX")?.split(separator: ","), parts.count >= 2, server.last == String(parts[0])
        else { return nil }
        var buffer = [CChar](repeating: 0, count: 4096)
        guard readlink("/proc/\(parts[1])/exe", &buffer, 4095) > 0, access(buffer, X_OK) == 0 else { return nil }
        let path = String(terminated: buffer)
        return path.split(separator: "/").last?.hasPrefix("tmux") == true ? path : nil
    }

    /// The command line of a call, for those who become it.
    package func command(_ arguments: [String]) -> [String] { [program] + server + arguments }

    package func attempt(_ arguments: [String], input: [UInt8]? = nil, seconds: Double = 20) throws -> Program.Result {
        // A semicolon at an argument's end would end the command.
        var call = Program(command(arguments.map { $0 != ";" && $0.hasSuffix(";") ? $0.dropLast() + "\\;" : $0 }))
        call.environment = Environment.server
        call.input = input
        call.timeout = seconds
        return try call.run()
    }

    @discardableResult
    package func run(_ arguments: [String], input: [UInt8]? = nil) throws -> String {
        let result = try attempt(arguments, input: input)
        guard result.status == 0 else { throw Failure.unsure("tmux \(arguments[0]) failed: \(result.complaint)") }
        return result.text
    }

    /// Text for an argument that tmux expands: formats in it stay text.
    package static func escaped(_ text: String) -> String {
        text.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "##")
    }

    /// The session of this bus, see `session`. Throws `Failure.unsure` if none could be made: tmux is missing or too
    /// old.
    package func ready(_ bus: Bus) throws -> String? {
        let found = try? session(of: bus)
        if found == nil { try check() }
        return found
    }

    private func check() throws {
        let result: Program.Result
        do { result = try Program([program, "-V"]).run() } catch {
            throw Failure.unsure("no tmux here: install tmux 3.3 or later")
        }
        let numbers = result.text.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
        if numbers.count >= 2, (numbers[0], numbers[1]) < Tmux.oldest {
            throw Failure.unsure("\(Names.shown(result.text)) is too old: cadre needs tmux 3.3 or later")
        }
    }

    /// The path of the server's socket.
    package func socket() throws -> String { try run(["display-message", "-p", "#{socket_path}"]) }

    // MARK: a project's windows

    /// The session that was made for this bus; nil if there is none, or no server.
    package func session(of bus: Bus) throws -> String? {
        let result = try attempt(["list-sessions", "-F", "#{session_id} #{@cadre_bus}"])
        guard result.status == 0 else { return nil }
        for line in result.text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[1] == bus.identity { return String(words[0]) }
        }
        return nil
    }

    /// Where a pane is to be opened.
    package enum Place: String { case window, pane, session }

    /// Opens a pane that runs a program, in the bus's session, which this makes if it is nil. `name` is the window's
    /// name and must be an agent's. Returns the pane's id.
    ///
    /// A session ends with its last window, and a server with its last session. So the session that the caller found
    /// may be gone by now; then nothing opens, and this looks for the session again.
    package func open(
        _ bus: Bus, name: String, in session: String?, place: Place, program: [String], environment: [String: String]
    ) throws -> String {
        let variables = environment.sorted { $0.key < $1.key }.flatMap { ["-e", "\($0.key)=\($0.value)"] }
        var session = session
        var looks = 1
        while true {
            let opened = try attemptOpen(
                bus, name: name, in: session, place: place, program: program, variables: variables)
            if opened.status == 0 {
                let pane = try record(opened.text, bus)
                if place == .pane { try run(["set-option", "-w", "-t", pane, "@cadre_tiles", "on"]) }
                return pane
            }
            let now = try self.session(of: bus)
            guard looks < 3, !opened.timedOut, now == nil || now != session else {
                throw Failure.unsure("tmux opened no window: \(opened.complaint)")
            }
            session = now
            looks += 1
        }
    }

    private func attemptOpen(
        _ bus: Bus, name: String, in session: String?, place: Place, program: [String], variables: [String]
    ) throws -> Program.Result {
        let format = "#{session_id} #{pane_id} #{socket_path}"
        let title = place == .pane ? Tmux.tiles : name
        if let session, place != .session {
            if place == .pane, let window = try tiled(session) {
                let result = try attempt(
                    ["split-window", "-d", "-P", "-F", format] + variables + ["-t", "\(window).{bottom-right}", "--"]
                        + program
                        + [";", "select-layout", "-t", window, "tiled"])
                // A screen may be too small for as many: then a new window begins.
                if result.status == 0 { return result }
            }
            return try attempt(
                ["new-window", "-d", "-P", "-F", format] + variables + ["-n", title, "-t", "\(session):", "--"]
                    + program)
        }
        let stem = Tmux.sessionName(bus) + (place == .session ? "-\(name)" : "")
        var free = stem
        var next = 2
        while try attempt(["has-session", "-t", "=\(free)"]).status == 0 {
            free = "\(stem)-\(next)"
            next += 1
        }
        // Marked in the same call: one without the mark would not be found again. The session of one agent is not the
        // one that others are opened in, but shows the project as well.
        return try attempt(
            ["new-session", "-d", "-P", "-F", format] + variables + [
                "-s", free, "-n", title, "-x", "200", "-y", "50", "--",
            ]
                + program
                + [
                    ";", "set-option", "-t", "=\(free):", place == .session ? "@cadre_member" : "@cadre_bus",
                    bus.identity,
                ]
                // Nobody is attached to it, and where that ends a session it would not live to the next call.
                + [";", "set-option", "-t", "=\(free):", "destroy-unattached", "off"])
    }

    /// The name of windows with the panes of several agents, how many they hold at most, since more are hard to read,
    /// and the columns and lines that each is to have.
    private static let tiles = "team"
    private static let most = 9
    private static let least = (columns: 30, lines: 6)

    /// The window of a session that has room for another agent's pane; nil if there is none.
    private func tiled(_ session: String) throws -> String? {
        let result = try attempt([
            "list-windows", "-t", session, "-F",
            "#{window_id} #{window_panes} #{window_width} #{window_height} #{@cadre_tiles}",
        ])
        guard result.status == 0 else { return nil }
        for line in result.text.split(separator: "\n").reversed() {
            let words = line.split(separator: " ")
            guard words.count == 5, let panes = Int(words[1]), let width = Int(words[2]), let height = Int(words[3]),
                panes < Tmux.most
            else { continue }
            // As tmux lays tiles: a row more, a column more, until there are enough.
            var (rows, columns) = (1, 1)
            while rows * columns < panes + 1 {
                rows += 1
                if rows * columns < panes + 1 { columns += 1 }
            }
            if width / columns >= Tmux.least.columns, height / rows >= Tmux.least.lines { return String(words[0]) }
        }
        return nil
    }

    /// Marks a pane as an agent's, keeps it open when its program ends, and has tmux run `up` when a supervisor dies.
    /// The hook is one entry of the global array at an index of our own, so the user's own hooks stay; it does nothing
    /// for panes that are not ours. Only ids and our own path are in it. With `witness` tmux runs a witness of that
    /// process's death, see `Supervisor.witness`.
    package func adopt(_ pane: String, _ bus: Bus, agent: String, executable: String, witness: pid_t?) throws {
        guard Tmux.isPane(pane) else { return }
        let word =
            "'" + executable.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        // Once for the shell, once for the format, once for tmux's double quotes. It always succeeds: tmux would put
        // the news of a failure over the pane that the user looks at.
        let program = Tmux.escaped(word).map { "\"\\$".contains($0) ? "\\\($0)" : "\($0)" }.joined()
        let hook =
            "if-shell -F '#{@cadre_agent}' { run-shell -b \"\(program) up --dead --pane #{pane_id} >/dev/null 2>&1 || "
            + ":\" }"
        try run(
            [
                "set-option", "-p", "-t", pane, "remain-on-exit", "on", ";", "set-option", "-p", "-t", pane,
                "@cadre_agent", agent, ";",
                "set-option", "-p", "-t", pane, "@cadre_bus_id", bus.identity, ";", "set-option", "-p", "-t", pane,
                "@cadre_dir", bus.root.string, ";",
                "set-hook", "-g", "pane-died[1042]", hook,
            ]
                + (witness.map { [";", "run-shell", "-b", "exec \(Tmux.escaped(word)) supervise --witness \($0)"] }
                    ?? []))
    }

    /// Closes a pane of ours; with the last of a server goes the hook.
    package func closePane(_ pane: String) throws {
        guard Tmux.isPane(pane) else { return }
        _ = try attempt(["kill-pane", "-t", pane])
        // One command, so that no pane becomes ours in between. Without a server there is no hook.
        _ = try attempt(["if-shell", "-F", "#{S:#{W:#{P:#{@cadre_agent}}}}", "", "set-hook -gu 'pane-died[1042]'"])
    }

    /// The bus that a pane was opened for; nil if it is none of ours.
    package func bus(of pane: String) throws -> FilePath? {
        guard Tmux.isPane(pane) else { return nil }
        let text = try run(["display-message", "-p", "-t", pane, "#{@cadre_dir}"])
        return text.hasPrefix("/") ? FilePath(text) : nil
    }

    /// Buses that something on this server was opened for or shows, and the directories where its sessions began.
    package func places() throws -> (buses: Set<FilePath>, directories: Set<FilePath>) {
        var found = (buses: Set<FilePath>(), directories: Set<FilePath>())
        let result = try attempt(["list-panes", "-a", "-F", "#{@cadre_dir}\t#{cadre_dir}\t#{session_path}"])
        // Without a server nothing is shown.
        guard result.status == 0 else { return found }
        for line in result.text.split(separator: "\n") {
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 3 else { continue }
            for root in words[..<2] where root.hasPrefix("/") { found.buses.insert(FilePath(root)) }
            if words[2].hasPrefix("/") { found.directories.insert(FilePath(words[2])) }
        }
        return found
    }

    private func record(_ line: String, _ bus: Bus) throws -> String {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count == 3 else { throw Failure.unsure("tmux did not tell the pane it opened") }
        if try bus.server() != String(words[2]) { try bus.setServer(String(words[2])) }
        return String(words[1])
    }

    /// The repository's name, of characters that no version of tmux changes.
    private static func sessionName(_ bus: Bus) -> String {
        let name = String(
            Bus.project(bus.root.removingLastComponent()).unicodeScalars.prefix(40).map { scalar -> Character in
                let plain =
                    (48...57).contains(scalar.value) || (65...90).contains(scalar.value)
                    || (97...122).contains(scalar.value)
                return plain ? Character(scalar) : "-"
            })
        return "cadre-" + name
    }

    /// The process that a pane was opened for; nil if there is no such pane, or it is dead.
    package func process(of pane: String) throws -> pid_t? {
        guard Tmux.isPane(pane) else { return nil }
        let result = try attempt([
            "list-panes", "-a", "-f", "#{==:#{pane_id},\(pane)}", "-F", "#{?pane_dead,,#{pane_pid}}",
        ])
        return result.status == 0 ? pid_t(result.text) : nil
    }

    /// The panes that there are on the server of a socket; nil if it does not tell.
    package static func panes(at socket: String) throws -> Set<String>? {
        let result = try Tmux(at: socket).attempt(["list-panes", "-a", "-F", "#{pane_id}"], seconds: 5)
        return result.status == 0 ? Set(result.text.split(separator: "\n").map(String.init)) : nil
    }

    /// Whether the pane is there and was opened for this agent of this bus: ids are used again by later servers. That
    /// of a bus of which this one is a copy is not ours; of one that was moved it is.
    package func owns(_ pane: String, _ bus: Bus, agent: String) throws -> Bool {
        guard Tmux.isPane(pane) else { return false }
        let result = try attempt([
            "list-panes", "-a", "-F", "#{pane_id} #{@cadre_agent} #{@cadre_bus_id} #{@cadre_dir}",
        ])
        guard result.status == 0 else { return false }
        let mark = "\(pane) \(agent) \(bus.identity) "
        guard let line = result.text.split(separator: "\n").first(where: { $0.hasPrefix(mark) }) else { return false }
        let root = String(line.dropFirst(mark.count))
        return try root == bus.root.string || !Files.exists(FilePath(root))
    }

    static func isPane(_ text: String) -> Bool { text.first == "%" && Int(text.dropFirst()) != nil }
}
