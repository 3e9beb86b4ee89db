import Bus
import Glibc
import Processes
import Screen
import SystemPackage
import Team

/// What keys do. What changes something is done by the verb of that name, beside the screen, and what it says is shown.
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
        case "down": desk.showsHelp ? (desk.scroll.rows += 1) : move(1)
        case "up": desk.showsHelp ? (desk.scroll.rows -= 1) : move(-1)
        case "page-down": desk.showsHelp ? (desk.scroll.rows += screen.rows) : move(shownRows)
        case "page-up": desk.showsHelp ? (desk.scroll.rows -= screen.rows) : move(-shownRows)
        case "first": move(-.max / 2)
        case "last": move(.max / 2)
        case "scroll-down": desk.scroll.rows += max(1, detailHeight / 2)
        case "scroll-up": desk.scroll.rows -= max(1, detailHeight / 2)
        case "scroll-left": desk.scroll.columns = max(0, desk.scroll.columns - 20)
        case "scroll-right": desk.scroll.columns += 20
        case "next-tab": turn(1)
        case "previous-tab": turn(-1)
        case "zoom": desk.isZoomed = !desk.view.tabs.isEmpty && desk.chosen[desk.view] != nil
        case "back":
            if desk.showsHelp { desk.showsHelp = false } else if desk.isZoomed { desk.isZoomed = false } else { desk.filter[desk.view] = nil }
        case "filter": desk.input = Input(.filter, "/", desk.filter[desk.view] ?? "")
        case "sort":
            desk.order = Order.allCases[(Order.allCases.firstIndex(of: desk.order)! + 1) % Order.allCases.count]
            desk.message = "by \(desk.order.rawValue)"
        case "group" where desk.view == .tasks: desk.showsTree.toggle()
        case "group":
            desk.grouping = Grouping.allCases[(Grouping.allCases.firstIndex(of: desk.grouping)! + 1) % Grouping.allCases.count]
            desk.message = desk.grouping == .flat || desk.grouping == .tree ? desk.grouping.rawValue : "by \(desk.grouping.rawValue)"
        case "waiting":
            desk.view = .agents
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

    private func turn(_ steps: Int) {
        let count = desk.view.tabs.count
        guard count > 0 else { return }
        desk.tab[desk.view] = ((desk.tab[desk.view] ?? 0) + steps + count) % count
        desk.scroll = (0, 0)
    }

    /// What an action is for: what is marked, else what is chosen. By project, since a verb is for one.
    private func targets() -> [(source: Source, names: [String])] {
        let marked = desk.marks[desk.view] ?? []
        let keys = marked.isEmpty ? desk.chosen[desk.view].map { [$0] } ?? [] : shownKeys.filter(marked.contains)
        var names: [Int: [String]] = [:]
        for key in keys { if let (n, name) = Detail.parts(key) { names[n, default: []].append(name) } }
        return names.sorted { $0.key < $1.key }.map { (sources[$0.key], $0.value) }
    }

    /// Runs a verb on what is marked or chosen, and what undoes it is kept.
    private func run(_ words: [String], undo back: [String]? = nil, after more: [String] = []) {
        for (source, names) in targets() { run(words + names + more, source, undo: back.map { $0 + names }, what: words[0]) }
        desk.marks[desk.view] = []
    }

    private func run(_ words: [String], _ source: Source, undo back: [String]? = nil, what: String) {
        desk.message = words.prefix(6).joined(separator: " ") + " ..."
        // Known at once, so that a key that comes before it is done undoes it, and nothing before it.
        number += 1
        let number = number
        if let back { undo.append((number, back, source, what)) }
        jobs.act(words, source) { [weak self] result in
            guard let self else { return }
            if result.status == 0 {
                let said = result.text.split(separator: "\n").joined(separator: ", ")
                desk.message = "\(words[0]): \(said.isEmpty ? "done" : said)"
            } else {
                desk.message = result.complaint
                undo.removeAll { $0.number == number }
            }
            if !jobs.isBusy { priorities = [:] }
            markStale()
        }
    }

    private func undoLast() {
        guard let (_, words, source, what) = undo.popLast() else { return desk.message = "nothing to undo" }
        run(words, source, what: "undo \(what)")
    }

    private func act(_ action: String) {
        let chosen = desk.chosen[desk.view].flatMap(Detail.parts)
        let needs: Set<String> = ["new", "broadcast"]
        guard needs.contains(action) || chosen != nil else { return desk.message = "nothing is chosen" }
        let count = targets().map(\.names.count).reduce(0, +)
        let whom = count == 1 ? targets()[0].names[0] : "\(count) of them"
        switch (action, desk.view) {
        case ("attach", _): attach()
        case ("terminal", _): terminal()
        case ("freeze", _): run(["stop", "--freeze"], undo: ["resume"])
        case ("resume", _): run(["resume"])
        case ("stop", _): run(["stop"], undo: ["up"])
        case ("park", _): run(["pause"], undo: ["resume"])
        case ("push", _): run(["push"])
        case ("retire", _): run(["retire"])
        case ("cancel", .tasks): run(["task", "cancel"], undo: ["task", "reopen"])
        case ("reopen", .tasks): run(["task", "reopen"])
        case ("retry", .merge): run(["merge", "retry"])
        case ("withdraw", .merge): desk.input = Input(.choice(action: action, keys: ["y", "n"]), "take \(whom) out of the queue? y, n")
        case ("approve", .merge): run(["merge", "approve"])
        case ("reject", .merge): desk.input = Input(.text(action: action), "why is \(whom) rejected?")
        case ("approve", .asks): run(["ask", "approve"])
        case ("reject", .asks): desk.input = Input(.text(action: action), "why? (may be empty)")
        case ("approve", .agents), ("reject", .agents): askOfAgent(action)
        case ("answer", .asks): answer()
        case ("reply", .mail): desk.input = Input(.text(action: action), "reply:")
        case ("acknowledge", .mail): run(["inbox", "ack"])
        case ("send", _): desk.input = Input(.text(action: action), "to \(whom):")
        case ("broadcast", _): desk.input = Input(.text(action: action), "to all:")
        case ("new", .tasks): desk.input = Input(.text(action: "new-task"), "new task:")
        case ("new", _): desk.input = Input(.text(action: action), "new agent: [NAME] [--agent PROGRAM] [--role R] [--task ID] ...; empty for one as configured:")
        case ("sooner", _), ("later", _): reorder(action == "sooner" ? -1 : 1)
        default: desk.message = "\(action) does nothing here"
        }
    }

    /// Approves or rejects what the chosen agent has asked.
    private func askOfAgent(_ action: String) {
        guard let key = desk.chosen[.agents], let (n, name) = Detail.parts(key) else { return }
        guard let asked = board.asks.first(where: { $0.source == n && $0.ask.from == name }) else { return desk.message = "'\(name)' has asked nothing" }
        run(["ask", action, asked.ask.id], sources[n], what: action)
    }

    private func answer() {
        guard let asked = board.asks.first(where: { $0.key == desk.chosen[.asks] }) else { return }
        let options = (asked.ask.record["Options"] ?? "").split(separator: ",").map(String.init)
        if options.isEmpty || options.count > 9 { return desk.input = Input(.text(action: "answer"), "answer:") }
        let numbers = options.indices.map { "\($0 + 1)" }
        desk.input = Input(.choice(action: "answer", keys: numbers), zip(numbers, options).map { "\($0) \($1)" }.joined(separator: "  "))
    }

    private func reorder(_ steps: Int) {
        for (source, names) in targets() {
            for name in names {
                guard let id = Int(name), let header = try? source.bus.header(id) else { continue }
                // A key may come before the one in front of it has had its effect.
                let key = "\(source.bus.root.string) \(id)", before = priorities[key] ?? header.priority
                priorities[key] = min(4, max(0, before + steps))
                run(["task", "edit", name, "-p", "\(priorities[key]!)"], source, undo: ["task", "edit", name, "-p", "\(before)"], what: "priority")
            }
        }
    }

    // MARK: typing

    func type(_ key: Key) {
        guard var input = desk.input else { return }
        if key == "Escape" || key == "C-c" || key == "C-g" {
            if input.purpose == .filter { desk.filter[desk.view] = nil }
            desk.input = nil
            return
        }
        if case .choice(let action, let keys) = input.purpose {
            guard keys.contains(key.name) else { return }
            desk.input = nil
            return chose(action, key.name)
        }
        if key == "Enter" {
            desk.input = nil
            if case .text(let action) = input.purpose { typed(action, input.text) }
            return
        }
        _ = input.take(key)
        desk.input = input
        if input.purpose == .filter { desk.filter[desk.view] = input.text }
    }

    private func chose(_ action: String, _ key: String) {
        switch action {
        case "answer":
            guard let asked = board.asks.first(where: { $0.key == desk.chosen[.asks] }), let n = Int(key) else { return }
            let options = (asked.ask.record["Options"] ?? "").split(separator: ",").map(String.init)
            if options.indices.contains(n - 1) { run(["ask", "answer", asked.ask.id, options[n - 1]], sources[asked.source], what: action) }
        case "withdraw": if key == "y" { run(["merge", "cancel"]) }
        default: break
        }
    }

    private func typed(_ action: String, _ text: String) {
        let source = desk.chosen[desk.view].flatMap(Detail.parts).map { sources[$0.source] } ?? sources[0]
        switch action {
        case "answer": if !text.isEmpty { run(["ask", "answer"], after: [text]) }
        case "reject" where desk.view == .asks: run(["ask", "reject"], after: text.isEmpty ? [] : [text])
        case "reject": run(["merge", "reject"], after: text.isEmpty ? [] : ["--why", text])
        case "send": if !text.isEmpty { mail(text) }
        case "broadcast": if !text.isEmpty { for source in sources { run(["send", "@all", "--", text], source, what: "send") } }
        case "reply":
            guard let (n, id) = desk.chosen[.mail].flatMap(Detail.parts), let letter = try? sources[n].bus.message(id, of: "human"), !text.isEmpty else { return }
            run(["send", letter.from, "--reply-to", id, "--", text], sources[n], what: "send")
        case "new-task": if !text.isEmpty { run(["task", "add", "--", text], source, what: "task") }
        case "new": run(["spawn"] + text.split(separator: " ").map(String.init), source, what: "spawn")
        default: break
        }
    }

    /// To agents that are marked or chosen; in other views to those who have to do with it.
    private func mail(_ text: String) {
        if desk.view == .agents { for (source, names) in targets() { run(["send"] + names + ["--", text], source, what: "send") } }
        else if let agent = chosenAgent { run(["send", agent.name, "--", text], sources[agent.source], what: "send") }
        else { desk.message = "nobody to write to" }
        desk.marks[desk.view] = []
    }

    // MARK: other programs on the terminal

    private func attach() {
        guard let agent = chosenAgent else { return desk.message = "no agent here" }
        guard agent.view.session?["Pane"] != nil else { return desk.message = "'\(agent.name)' has no pane" }
        let program = Jobs.program(["attach", agent.name], sources[agent.source])
        // Within tmux the client goes there, and comes back here by tmux's own keys.
        if getenv("TMUX") != nil { return run(["attach", agent.name], sources[agent.source], what: "attach") }
        desk.message = lend(program) ?? ""
    }

    private func terminal() {
        guard let agent = chosenAgent, let path = agent.view.worktree else { return desk.message = "no worktree here" }
        guard (try? Files.exists(path)) == true else { return desk.message = "'\(agent.name)' has no worktree now" }
        var program = Program([getenv("SHELL").map { String(cString: $0) } ?? "/bin/sh"])
        program.directory = path
        desk.message = lend(program) ?? ""
    }

    /// Runs a program on the terminal meanwhile. What went wrong, or nil.
    private func lend(_ program: Program) -> String? {
        screen.lend {
            do {
                let pid = try program.start(stdin: 0, stdout: 1, stderr: 2)
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                return nil
            } catch { return (error as? Failure)?.message ?? "\(error)" }
        }
    }
}
