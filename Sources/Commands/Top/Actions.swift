import Bus
import Glibc
import Processes
import Screen
import Storage
import SystemPackage
import Team
import Tmux

/// The actions of keys. Each change is a verb, which runs beside the screen; the screen shows its answer.
extension Session {
    func perform(_ action: String) {
        if action.hasPrefix("view-"), let view = View(rawValue: String(action.dropFirst(5))) {
            desk.view = view
            desk.scroll = (0, 0)
            (desk.isZoomed, desk.showsHelp) = (false, false)
            return
        }
        switch action {
        case "quit": isOver = true
        case "help":
            desk.showsHelp.toggle()
            desk.scroll = (0, 0)
        case "redraw":
            forget()
            screen.redraw()
        case "down" where desk.showsHelp: desk.scroll.rows += 1
        case "up" where desk.showsHelp: desk.scroll.rows -= 1
        case "page-down" where desk.showsHelp: desk.scroll.rows += screen.rows
        case "page-up" where desk.showsHelp: desk.scroll.rows -= screen.rows
        case "down": move(1)
        case "up": move(-1)
        case "page-down": move(shownRows)
        case "page-up": move(-shownRows)
        case "first": move(-.max / 2)
        case "last": move(.max / 2)
        case "next-column": turnColumn(1)
        case "previous-column": turnColumn(-1)
        case "scroll-down": desk.scroll.rows += max(1, detailHeight / 2)
        case "scroll-up": desk.scroll.rows -= max(1, detailHeight / 2)
        case "scroll-left": desk.scroll.columns = max(0, desk.scroll.columns - 20)
        case "scroll-right": desk.scroll.columns += 20
        case "next-file": turnFile(1)
        case "previous-file": turnFile(-1)
        case "next-tab": turn(1)
        case "previous-tab": turn(-1)
        case "zoom": desk.isZoomed = !desk.view.tabs.isEmpty && desk.chosen[desk.view] != nil
        case "back":
            if desk.showsHelp {
                desk.showsHelp = false
            } else if desk.isZoomed {
                desk.isZoomed = false
            } else {
                desk.filter[desk.view] = nil
            }
        case "filter": ask(.filter, "/", desk.filter[desk.view] ?? "")
        case "sort":
            desk.order = Order.allCases[(Order.allCases.firstIndex(of: desk.order)! + 1) % Order.allCases.count]
            desk.message = "by \(desk.order.rawValue)"
        case "group" where desk.view == .tasks: desk.showsTree.toggle()
        case "group":
            desk.grouping =
                Grouping.allCases[(Grouping.allCases.firstIndex(of: desk.grouping)! + 1) % Grouping.allCases.count]
            desk.message =
                desk.grouping == .flat || desk.grouping == .tree
                ? desk.grouping.rawValue : "by \(desk.grouping.rawValue)"
        case "waiting":
            desk.view = .agents
            listing = listed()
            if !next({ board[agent: $0]?.needsPerson == true }) { desk.message = "no agent waits" }
        case "mark":
            guard let key = desk.chosen[desk.view] else { return }
            if desk.marks[desk.view, default: []].remove(key) == nil { desk.marks[desk.view]!.insert(key) }
            move(1)
        case "mark-all":
            let all = Set(shownKeys)
            desk.marks[desk.view] = desk.marks[desk.view] == all ? [] : all
        case "undo": undoLast()
        default: act(action)
        }
    }

    /// Scrolls a diff to where a file begins.
    private func turnFile(_ steps: Int) {
        guard let tab = desk.page, let key = desk.chosen[desk.view] else { return }
        let begins = page(tab, key, frame.split.detail?.columns ?? screen.columns).enumerated().filter {
            $0.element.text.hasPrefix("diff --git ")
        }.map(\.offset)
        let at = desk.scroll.rows
        if let next = steps > 0 ? begins.first(where: { $0 > at }) : begins.last(where: { $0 < at }) {
            desk.scroll.rows = next
        }
    }

    /// Chooses the first task of the next column of the board that has any.
    private func turnColumn(_ steps: Int) {
        guard !desk.showsTree else { return }
        let (at, full) = (desk.place[.tasks] ?? 0, tasks.columns.filter { !$0.range.isEmpty })
        let now = full.firstIndex { $0.range.contains(at) } ?? 0
        if full.indices.contains(now + steps) { choose(full[now + steps].range.lowerBound) }
    }

    private func turn(_ steps: Int) {
        let count = desk.view.tabs.count
        guard count > 0 else { return }
        desk.tab[desk.view] = ((desk.tab[desk.view] ?? 0) + steps + count) % count
        desk.scroll = (0, 0)
    }

    /// The rows that an action is for: what is marked, else what is chosen.
    var rows: [String] {
        let marked = desk.marks[desk.view] ?? []
        return marked.isEmpty ? desk.chosen[desk.view].map { [$0] } ?? [] : shownKeys.filter(marked.contains)
    }

    /// The names of rows by project, since a verb is for one.
    func targets(_ rows: [String]) -> [(source: Source, names: [String])] {
        var names: [Int: [String]] = [:]
        for key in rows { if let (n, name) = Detail.parts(key) { names[n, default: []].append(name) } }
        return names.sorted { $0.key < $1.key }.map { (sources[$0.key], $0.value) }
    }

    /// Runs a verb on these rows, or on the selection, and keeps the verb that undoes it.
    func run(_ words: [String], on rows: [String]? = nil, undo back: [String]? = nil, after more: [String] = []) {
        for (source, names) in targets(rows ?? self.rows) {
            run(words + names + more, source, undo: back.map { $0 + names }, what: words[0])
        }
        desk.marks[desk.view] = []
    }

    /// Calls `then` if the verb succeeds, and `refused` with its result if it fails; if `refused` returns false, the
    /// last line shows the result.
    func run(
        _ words: [String], _ source: Source, undo back: [String]? = nil, what: String, then: @escaping () -> Void = {},
        refused: @escaping (Program.Result) -> Bool = { _ in false }
    ) {
        desk.message = words.prefix(6).joined(separator: " ") + " ..."
        // Kept at once, so that the next key can already undo this action, and no earlier one.
        number += 1
        let number = number
        if let back { undo.append((number, back, source, what)) }
        jobs.act(words, source) { [weak self] result in
            guard let self else { return }
            if result.status == 0 {
                let said = result.text.split(separator: "\n").joined(separator: ", ")
                desk.message = "\(words[0]): \(said.isEmpty ? "done" : said)"
                then()
            } else {
                if !refused(result) { desk.message = result.complaint }
                undo.removeAll { $0.number == number }
            }
            if !jobs.isBusy { priorities = [:] }
            markStale()
        }
    }

    private func undoLast() {
        guard let (_, words, source, what) = undo.popLast() else {
            desk.message = "nothing to undo"
            return
        }
        run(words, source, what: "undo \(what)")
    }

    private func act(_ action: String) {
        let chosen = desk.chosen[desk.view].flatMap(Detail.parts)
        let needs: Set<String> = ["new", "new-task", "broadcast"]
        guard needs.contains(action) || chosen != nil else {
            desk.message = "nothing is chosen"
            return
        }
        let whom = shown(rows)
        switch (action, desk.view) {
        case ("attach", _): attach()
        case ("terminal", _): terminal()
        case ("freeze", _): run(["stop", "--freeze"], undo: ["resume"])
        case ("resume", _): run(["resume"])
        case ("stop", _): run(["stop"], undo: ["up"])
        case ("park", _): run(["pause"], undo: ["resume"])
        case ("seen", _):
            for (source, names) in targets(rows) {
                for name in names {
                    run(["diff", "--mark-seen", name], source, what: action, then: { [weak self] in self?.forget() })
                }
            }
        case ("since", _):
            desk.sinceSeen.toggle()
            desk.scroll = (0, 0)
            if let n = desk.view.tabs.firstIndex(of: .diff), desk.page != .stat { desk.tab[desk.view] = n }
        case ("push", _): run(["push"])
        case ("retire", _): retire()
        case ("cancel", .tasks): run(["task", "cancel"], undo: ["task", "reopen"])
        case ("reopen", .tasks): run(["task", "reopen"])
        case ("retry", .merge): run(["merge", "retry"])
        case ("withdraw", .merge):
            ask(.choice(["y": Choice(["merge", "cancel"]), "n": Choice()]), "remove \(whom) from the queue? y, n")
        case ("approve", .merge): run(["merge", "approve"])
        case ("reject", .merge): ask(.text(action: action), "why is \(whom) rejected?")
        case ("approve", .asks): run(["ask", "approve"])
        case ("reject", .asks): ask(.text(action: action), "why? (may be empty)")
        case ("approve", .agents), ("reject", .agents): askOfAgent(action)
        case ("approve", .tasks): run(["plan", "approve"])
        case ("reject", .tasks): ask(.text(action: action), "why is the plan of \(whom) rejected?")
        case ("answer", .asks): answer()
        case ("reply", .mail): ask(.text(action: action), "reply:")
        case ("acknowledge", .mail): run(["inbox", "ack"])
        case ("send", .agents): ask(.text(action: action), "to \(whom):")
        case ("send", _):
            guard let agent = chosenAgent else {
                desk.message = "nobody to write to"
                return
            }
            ask(.text(action: action), "to \(agent.name):", rows: [agent.key])
        case ("broadcast", _): ask(.text(action: action), "to all:")
        case ("new-task", _): ask(.text(action: action), "new task:")
        case ("new", _): askForAgent()
        case ("sooner", _), ("later", _): reorder(action == "sooner" ? -1 : 1)
        default: desk.message = "\(action) does nothing here"
        }
    }

    /// Asks for a new agent, with the programs that are installed, as soon as they are known.
    private func askForAgent() {
        func prompt(_ programs: String) -> String {
            "new agent: [NAME] [--agent \(programs)] [--role R] [--task ID] [--base B]; empty: as configured:"
        }
        ask(.text(action: "new"), prompt("PROGRAM"))
        jobs.look("programs", ["spawn", "--programs"], sources[0]) { [weak self] result in
            guard let self, result.status == 0, case .text(action: "new") = desk.input?.purpose else { return }
            let lines = result.text.split(separator: "\n").map { $0.split(separator: "\t") }
            let installed = lines.filter { $0.last == "installed" }.map { String($0[0]) }
            desk.input?.prompt = prompt(installed.joined(separator: "|"))
        }
    }

    /// Approves or rejects what the chosen agent has asked, which is not on the screen here, so it is shown with the
    /// question.
    private func askOfAgent(_ action: String) {
        guard let key = desk.chosen[.agents], let (n, name) = Detail.parts(key) else { return }
        guard let asked = board.asks.first(where: { $0.source == n && $0.ask.from == name }) else {
            desk.message = "'\(name)' has asked nothing"
            return
        }
        let text = asked.ask.text.split(separator: "\n").first ?? ""
        if action == "approve" {
            ask(
                .choice(["y": Choice(["ask", "approve"]), "n": Choice()]), "y approve, n leave it: \(text)",
                rows: [asked.key])
        } else {
            ask(.text(action: action), "why not? (may be empty) \(text):", rows: [asked.key])
        }
    }

    private func answer() {
        guard let asked = board.asks.first(where: { $0.key == desk.chosen[.asks] }) else { return }
        let options = asked.ask.options
        if options.isEmpty || options.count > 9 { return ask(.text(action: "answer"), "answer:", rows: [asked.key]) }
        let numbered = options.enumerated().map { ("\($0.offset + 1)", $0.element) }
        let choices = Dictionary(
            uniqueKeysWithValues: numbered.map { ($0.0, Choice(["ask", "answer"], after: ["--", $0.1])) })
        ask(.choice(choices), numbered.map { "\($0.0) \($0.1)" }.joined(separator: "  "), rows: [asked.key])
    }

    /// Asks only where it is refused, as where something would be lost.
    private func retire() {
        for key in rows {
            guard let (n, name) = Detail.parts(key) else { continue }
            run(
                ["retire", name], sources[n], what: "retire",
                refused: { [weak self] result in
                    // Refused, and why (cadre-retire(1)); y can be refused as well, and is told so.
                    guard let self, result.status == 1, board[agent: key] != nil else { return false }
                    var lost = [key]
                    if let open = desk.input {
                        guard open.isRetiring else { return false }
                        lost = open.rows + lost
                    }
                    let choices: [String: Choice] = [
                        "y": Choice(["retire", "--discard"]), "p": Choice(["pause"], undo: ["resume"]), "n": Choice(),
                    ]
                    ask(
                        .choice(choices),
                        "y discard, p park, n leave \(shown(lost)): \(result.complaint)",
                        rows: lost)
                    desk.input?.isRetiring = true
                    return true
                })
        }
        desk.marks[desk.view] = []
    }

    private func shown(_ rows: [String]) -> String {
        rows.count == 1 ? Detail.parts(rows[0])?.name ?? "" : "\(rows.count) of them"
    }

    private func reorder(_ steps: Int) {
        for (source, names) in targets(rows) {
            for name in names {
                guard let id = Int(name), let header = try? source.bus.header(id) else { continue }
                // The next key may come before the last one's verb has changed the task.
                let key = "\(source.bus.root.string) \(id)"
                let before = priorities[key] ?? header.priority
                priorities[key] = min(4, max(0, before + steps))
                run(
                    ["task", "edit", name, "-p", "\(priorities[key]!)"], source,
                    undo: ["task", "edit", name, "-p", "\(before)"], what: "priority")
            }
        }
    }

    // MARK: other programs on the terminal

    private func attach() {
        guard let agent = chosenAgent else {
            desk.message = "no agent here"
            return
        }
        guard agent.view.session?.pane != nil else {
            desk.message = "'\(agent.name)' has no pane"
            return
        }
        let program = Jobs.program(["attach", agent.name], sources[agent.source])
        // Within its tmux server the client goes there, and comes back here by tmux's own keys.
        if let server = agent.view.session?.server,
            getenv("TMUX").map({ String(cString: $0).hasPrefix("\(server),") }) == true
        {
            return run(
                ["attach", agent.name], sources[agent.source], what: "attach",
                then: { [weak self] in
                    // A popup lies above where it went to.
                    if !Tmux.isInPane() { self?.isOver = true }
                })
        }
        desk.message = lend(program) ?? ""
    }

    private func terminal() {
        guard let agent = chosenAgent, let path = agent.view.worktree else {
            desk.message = "no worktree here"
            return
        }
        guard (try? Files.exists(path)) == true else {
            desk.message = "'\(agent.name)' has no worktree now"
            return
        }
        var program = Program([getenv("SHELL").map { String(cString: $0) } ?? "/bin/sh"])
        program.directory = path
        desk.message = lend(program) ?? ""
    }

    /// Runs a program on the terminal meanwhile. What went wrong, or nil.
    func lend(_ program: Program) -> String? {
        screen.lend {
            do {
                let pid = try program.start(stdin: 0, stdout: 1, stderr: 2)
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                // What a shell ends with that does not find its program, or may not run it.
                return [126, 127].contains(status >> 8 & 0xff) ? "can't be run" : nil
            } catch { return (error as? Failure)?.message ?? "\(error)" }
        }
    }
}
