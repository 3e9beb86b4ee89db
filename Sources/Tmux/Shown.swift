import Bus
import Storage
import SystemPackage

// Publishing the team's state in tmux. The segments are hidden variables of the environment, which a format finds if no
// option has the name. Setting a variable starts and draws nothing, so after all are set cadre redraws the status lines
// alone. A pane's agent, state and task are options, because the environment knows no panes. Setting an option redraws
// every screen, so cadre sets only those that have changed.
//
// One call of tmux does everything: it reads commands from its standard input, where an error does not stop the later
// ones. It sets the values, and then prints what the next call must know: the sessions, the user's options, and whether
// the plugin is there. Without the plugin it sets nothing, see tmux/cadre.tmux.

/// An agent's pane, and what it is to be told.
package struct ShownPane: Equatable {
    package var agent: String
    /// The supervisor, if it lives: the process that tmux has started in the pane.
    package var pid: Int?
    /// Values of pane options by name.
    package var options: [String: String]
    /// What stands on its border, if borders are wanted.
    package var label: String?
    package var isWaiting: Bool

    package init(agent: String, pid: Int?, options: [String: String], label: String?, isWaiting: Bool) {
        self.agent = agent
        self.pid = pid
        self.options = options
        self.label = label
        self.isWaiting = isWaiting
    }
}

/// What one process has told a tmux server of a project, so that it tells it only what is new.
package struct Shown {
    private let bus: Bus
    private let tmux: Tmux
    /// The server's socket.
    package let server: String
    /// What the server said last; nil before the first time.
    private var sight: Sight?
    private var told: [String: [String: String]] = [:]
    private var panes: [String: Told] = [:]
    /// Whether an agent, by name, waits for the person. `forget` keeps it: the client hears that an agent begins to
    /// wait, whatever else has changed at the same time.
    private var waits: [String: Bool] = [:]

    /// What was set for a pane, and what undoes it.
    private struct Told: Equatable {
        var options: [String: String] = [:]
        var border = false
        var name: String?
    }

    struct Sight: Equatable {
        var isWanted = false
        var version = ""
        /// Identifies the server process: several may have listened on the socket, one after the other.
        var life = ""
        var options: [String: String] = [:]
        /// Id, the bus that it was made for, where it began, the bus that it shows.
        var sessions: [[String]] = []
        /// The bus that sessions without one of their own show.
        var global = ""

        init() {}

        /// What tmux prints of itself, see `call`.
        init(_ text: String) {
            for line in text.split(separator: "\n") {
                let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                if words.count == 3, words[0] == "version" { (version, life) = (words[1], words[2]) }
                if words.count == 5, words[0] == "session" { sessions.append(Array(words.dropFirst())) }
                if line.hasPrefix("cadre_dir=") { global = String(line.dropFirst("cadre_dir=".count)) }
                if line.hasPrefix("cadre_program="), !line.hasSuffix("=") { isWanted = true }
                if line.hasPrefix("@cadre_") || line.hasPrefix("status-"), let space = line.firstIndex(of: " ") {
                    // As tmux quotes it. Of what the values may be only quotes need be taken off.
                    options[String(line[..<space])] = line[line.index(after: space)...].filter {
                        !"\"'\\".contains($0)
                    }
                }
            }
        }
    }

    /// Nil if no server listens there. The server is the one of this socket; if none is given, where the agents are.
    package init?(_ bus: Bus, at socket: String? = nil) throws {
        self.bus = bus
        tmux = try socket.map { Tmux(at: $0) } ?? Tmux(bus)
        guard let server = tmux.path, Tmux.answers(server) else { return nil }
        self.server = server
    }

    /// Whether the server still listens.
    package var isThere: Bool { Tmux.answers(server) }

    /// Whether the plugin was seen there; true before the first look.
    package var isWanted: Bool { sight?.isWanted ?? true }

    /// Forgets what is known of the server, which may have been told otherwise.
    package mutating func forget() {
        sight = nil
        told = [:]
        panes = [:]
    }

    /// Publishes these numbers, and the state of these panes by id; `panes` gets whether they need labels. `belongs`:
    /// whether a session that began in a directory belongs to this project. `lives`: whether the project of a bus has a
    /// supervisor. Returns the panes whose bell the caller must ring.
    @discardableResult
    package mutating func tell(
        _ segments: Segments, panes wanted: (Bool) throws -> [String: ShownPane], belongs: (String) -> Bool,
        lives: (String) -> Bool
    ) throws -> [ShownPane] {
        var bells: [ShownPane] = []
        // Setting values may make another look necessary, and so may a user's change.
        for _ in 0..<3 {
            var script = Script()
            var next = (told: told, panes: panes)
            var shown: [String: ShownPane] = [:]
            if let sight, sight.isWanted {
                let look = Segments.Look(sight.options, hasRanges: Shown.hasRanges(sight.version))
                let variables = segments.variables(look) + [("cadre_dir", bus.root.string)]
                next.told = [:]
                for session in sight.sessions where session[1] == bus.identity || belongs(session[2]) {
                    next.told[session[0]] = [:]
                }
                let others =
                    sight.sessions.contains { !$0[1].isEmpty && $0[1] != bus.identity }
                    || Set(sight.sessions.map { $0[3] } + [sight.global]).contains {
                        !$0.isEmpty && $0 != bus.root.string && lives($0)
                    }
                if !others {
                    next.told[""] = [:]
                } else if sight.global == bus.root.string {
                    for (name, _) in variables { script.add("set-environment -ghu \(name)") }
                }
                for place in next.told.keys.sorted() {
                    for (name, text) in variables {
                        next.told[place]![name] = text
                        if told[place]?[name] != text {
                            script.add(
                                "set-environment -h \(place.isEmpty ? "-g" : "-t \(quoted(place))") \(name) "
                                    + "\(quoted(text))"
                            )
                        }
                    }
                }
                if !script.isEmpty { script.add(Shown.refresh) }
                shown = try wanted(sight.options["@cadre_border"] == "on")
                next.panes = tellPanes(shown, &script)
            }
            if sight != nil, script.isEmpty { return bells }
            let new = try call(script)
            if sight?.options["@cadre_alert"] == "bell" { bells += shown.values.filter(beginsToWait) }
            for pane in shown.values { waits[pane.agent] = pane.isWaiting }
            (told, panes) = new.isWanted ? next : ([:], [:])
            let seen = sight
            sight = new
            if let seen, seen.life != new.life { (told, panes) = ([:], [:]) }
            if new == seen || !new.isWanted { return bells }
        }
        return bells
    }

    private func beginsToWait(_ pane: ShownPane) -> Bool { pane.isWaiting && waits[pane.agent] == false }

    /// Adds what is new of the panes to a script; returns what they will have been told.
    private func tellPanes(_ wanted: [String: ShownPane], _ script: inout Script) -> [String: Told] {
        let options = sight?.options ?? [:]
        var next: [String: Told] = [:]
        for (pane, shown) in wanted.sorted(by: { $0.key < $1.key }) where Tmux.isPane(pane) {
            // Another process may have told a pane that is new to us anything.
            let before =
                panes[pane]
                ?? Told(options: ["@cadre_label": "", "@cadre_agent_color": ""], border: shown.label == nil, name: "")
            var now = Told(options: shown.options, border: shown.label != nil)
            now.options["@cadre_label"] = shown.label
            if options["@cadre_agent_colors"] == "on" { now.options["@cadre_agent_color"] = Shown.color(shown.agent) }
            if options["@cadre_window_names"] == "on" {
                now.name = "\(shown.agent) \(shown.options["@cadre_state"] ?? "")"
            }
            next[pane] = now
            var commands: [String] = []
            for name in Set(before.options.keys).union(now.options.keys).sorted()
            where before.options[name] != now.options[name] {
                commands.append(
                    "set-option -pq\(now.options[name] == nil ? "u" : "") -t '\(pane)' \(name) "
                        + "\(now.options[name].map(quoted) ?? "")"
                )
            }
            if now.border, !before.border {
                // A user who has borders has a format for them.
                commands.append(
                    "if-shell -F -t '\(pane)' '#{==:#{pane-border-status},off}' { set-option -w -t '\(pane)' "
                        + "pane-border-format \(quoted(Shown.border)) ; set-option -w -t '\(pane)' pane-border-status "
                        + "top }"
                )
            } else if before.border, !now.border {
                commands.append(
                    "if-shell -F -t '\(pane)' \(quoted("#{m:*@cadre_label*,#{pane-border-format}}")) { set-option -wu "
                        + "-t '\(pane)' pane-border-format ; set-option -wu -t '\(pane)' pane-border-status }"
                )
            }
            if now.name != before.name {
                // Only a window of the name that it was opened with, or that we gave it.
                let own =
                    "#{m/r:^\(shown.agent)( "
                    + "(\(AgentState.allCases.map(\.rawValue).joined(separator: "|"))))?$,#{window_name}}"
                commands.append(
                    "if-shell -F -t '\(pane)' \(quoted(own)) { rename-window -t '\(pane)' "
                        + "\(quoted(now.name ?? shown.agent)) }"
                )
            }
            if beginsToWait(shown), let alert = alert(shown.agent, options) {
                commands.append(alert)
            }
            guard !commands.isEmpty else { continue }
            // Ids are used again by later servers.
            let marked = "#{==:#{@cadre_agent} #{@cadre_bus_id},\(shown.agent) \(bus.identity)}"
            let own = shown.pid.map { "#{||:#{==:#{pane_pid},\($0)},\(marked)}" } ?? marked
            script.add("if-shell -F -t '\(pane)' \(quoted(own)) {\n" + commands.joined(separator: "\n") + "\n}")
        }
        return next
    }

    /// Tells each client that an agent waits.
    private func alert(_ agent: String, _ options: [String: String]) -> String? {
        guard options["@cadre_alert"] == "message" else { return nil }
        return Shown.each("display-message -c", then: " '\(agent) waits for you'")
    }

    // MARK: tmux's words

    /// A command once for each client of each session. What separates the names of a session's clients becomes the end
    /// of one command and the beginning of the next: a line's end, as a semicolon would end the modifier.
    private static func each(_ command: String, then end: String = "") -> String {
        "run-shell -C \"#{S:#{?session_attached,\(command) #{s/,/\(end)\n\(command) "
            + "/:session_attached_list}\(end)\n,}}\""
    }
    private static let refresh = each("refresh-client -S -t")

    private static let border =
        " #{?@cadre_agent_color,#[fg=#{@cadre_agent_color}],}#{?@cadre_label,#{@cadre_label},#{pane_title}}#[default] "

    /// One of the colours that show on dark and on light, the same each time.
    private static func color(_ agent: String) -> String {
        let colors = [33, 37, 64, 96, 124, 125, 130, 136, 161, 166, 61, 30]
        return "colour\(colors[agent.utf8.reduce(5381) { ($0 &* 33 &+ Int($1)) & 0xffff } % colors.count])"
    }

    /// From tmux 3.4 on, also where it calls itself `next-3.4`.
    static func hasRanges(_ version: String) -> Bool {
        let numbers = version.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
        return numbers.count >= 2 && (numbers[0], numbers[1]) >= (3, 4)
    }

    /// Commands for `source-file -`.
    private struct Script {
        var text = ""
        var isEmpty: Bool { text.isEmpty }
        mutating func add(_ line: String) { text += line + "\n" }
    }

    /// A word as it is, for tmux's parser.
    private func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    private func call(_ script: Script) throws -> Sight {
        let text = """
            \(script.isEmpty ? "" : "if-shell -F '#{cadre_program}' {\n\(script.text)}")
            display-message -p "version\t#{version}\t#{pid} #{start_time}"
            list-sessions -F "session\t#{session_id}\t#{@cadre_bus}#{@cadre_member}\t#{session_path}\t#{cadre_dir}"
            show-environment -gh
            show-options -g

            """
        let result = try tmux.attempt(["source-file", "-"], input: Array(text.utf8), seconds: 3)
        let sight = Sight(result.text)
        guard !sight.version.isEmpty else { throw Failure.unsure("tmux does not answer: \(result.complaint)") }
        return sight
    }
}
