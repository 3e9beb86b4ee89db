import Bus
import Glibc
import Processes
import Screen
import Team
import Tmux

// One look at the team on a terminal. It waits in poll(2) for keys, for changes on the bus, for the pane that is looked at
// and for the verbs that run beside it; it reads what has changed, and draws what looks different. Nothing is started and
// no git runs between a key and the screen: a page that a verb prints is there when it is there.
final class Session {
    let screen: Screen
    let keys: Keys
    let reader: Reader
    let jobs = Jobs()
    var desk = Desk()
    var board: Board { reader.board }
    var sources: [Source] { reader.sources }
    var isOver = false
    /// What undoes the last actions: words of verbs.
    var undo: [(number: Int, words: [String], source: Source, what: String)] = []
    var number = 0

    /// What tasks' priorities will be once all keys have had their effects.
    var priorities: [String: Int] = [:]

    /// Pages by what they are of.
    private var pages: [String: (rows: [Row], age: Int, time: Double)] = [:]
    private var preview: ControlClient?
    private var previewServer = ""
    private var look: (pane: String, rows: [Row], isDead: Bool)?
    private var nextLook = 0.0
    private var lastChange = 0.0
    private var changes: [String: (added: Int, removed: Int)] = [:]
    /// Of which agents lines are still to be counted.
    private var uncounted: [String] = []
    private var countedAt: [String: String] = [:]
    private var readAt = -1.0
    private var isStale = true
    private var items: [Item] = []
    private let tasks: Tasks
    private let letters: Letters
    private var day = (age: -1, day: Day([]))

    /// Seconds from one reading of the bus to the next.
    private static let pause = 0.1
    /// Seconds between looks at a pane: one that changes, and one that has not for a while.
    private static let quick = 0.1
    private static let slow = 0.5

    init(_ screen: Screen, _ keys: Keys, _ sources: [Source]) {
        self.screen = screen
        self.keys = keys
        reader = Reader(sources)
        tasks = Tasks(sources)
        letters = Letters(sources)
    }

    func run() {
        while !isOver {
            if isStale, Time.monotonic() - readAt >= Session.pause {
                reader.read()
                readAt = Time.monotonic()
                isStale = false
                countChanged()
            }
            paint()
            wait()
        }
        jobs.cancelAll()
    }

    // MARK: waiting

    private func wait() {
        countNext()
        seeToPreview()
        var entries = [pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: reader.descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: preview?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)]
        entries += jobs.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // What is stale already need not be heard of again.
        if isStale { entries[1].fd = -1 }
        let now = Time.monotonic()
        var seconds = ticking
        if reader.descriptor < 0 { seconds = min(seconds, 1) }
        if isStale { seconds = min(seconds, max(0, readAt + Session.pause - now)) }
        if isPreviewing { seconds = min(seconds, max(0, nextLook - now)) }
        if desk.view == .tasks || desk.view == .day, tasks.readMore() { seconds = 0 }
        _ = poll(&entries, nfds_t(entries.count), Int32((seconds * 1000).rounded(.up)))
        if entries[1].revents != 0 || reader.descriptor < 0 { isStale = true }
        if entries[2].revents != 0, let found = preview?.read() { took(found) }
        _ = jobs.read()
        if entries[0].revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 { isOver = true }
        while !isOver, let event = screen.next() { take(event) }
    }

    /// Seconds until the times that are shown would be others.
    private var ticking: Double {
        let now = Time.now()
        let young = board.agents.contains { now - ($0.view.report?.int("Since") ?? 0) < 60 }
        return young ? 1 : 30
    }

    // MARK: the pane that is looked at

    var chosenAgent: Board.Agent? {
        switch desk.view {
        case .agents: return desk.chosen[.agents].flatMap { board[agent: $0] }
        case .merge:
            guard let queued = board.queue.first(where: { $0.key == desk.chosen[.merge] }) else { return nil }
            return board[agent: "\(queued.source)/\(queued.entry.author)"]
        case .tasks:
            guard let key = desk.chosen[.tasks], let (n, id) = Detail.parts(key) else { return nil }
            return board.agents.first { agent in agent.source == n && agent.tasks.contains { "\($0.id)" == id } }
        case .asks:
            guard let asked = board.asks.first(where: { $0.key == desk.chosen[.asks] }) else { return nil }
            return board[agent: "\(asked.source)/\(asked.ask.from)"]
        default: return nil
        }
    }

    private var isPreviewing: Bool {
        desk.view == .agents && desk.page == .screen && !desk.showsHelp && frame.split.detail != nil && chosenAgent?.view.session?["Pane"] != nil
    }

    private func seeToPreview() {
        guard isPreviewing, let agent = chosenAgent, let pane = agent.view.session?["Pane"], let server = agent.view.session?["Server"] else {
            if desk.view != .agents { preview = nil }
            return
        }
        let now = Time.monotonic()
        if let client = preview, client.hasEnded || previewServer != server || client.isBusy && now > nextLook + 2 { preview = nil }
        if now < nextLook { return }
        nextLook = now + (now - lastChange < 2 ? Session.quick : Session.slow)
        if preview == nil {
            guard Tmux.answers(server), let tmux = try? Tmux(sources[agent.source].bus) else {
                look = (pane, [Row("its tmux server is gone: resume starts it again", .dim)], true)
                return
            }
            preview = try? ControlClient(tmux, pane: pane)
            previewServer = server
        }
        preview?.ask(pane)
    }

    private func took(_ found: ControlClient.Look) {
        var text = Ansi()
        var rows = found.lines.map { text.row($0) }
        while rows.last?.width == 0 { rows.removeLast() }
        if look?.pane != found.pane || look!.rows != rows || look!.isDead != found.isDead {
            look = (found.pane, rows, found.isDead)
            lastChange = Time.monotonic()
        }
    }

    // MARK: lines that were added and removed

    /// Agents whose state was reported anew, or who hold something else, may have changed files.
    private func countChanged() {
        for agent in board.agents where agent.view.worktree != nil {
            let stamp = "\(agent.view.report?["Time"] ?? "") \(agent.tasks.map(\.id)) \(agent.branch ?? "")"
            if countedAt[agent.key] != stamp {
                countedAt[agent.key] = stamp
                if !uncounted.contains(agent.key) { uncounted.append(agent.key) }
            }
        }
    }

    /// Counts those of one that is shown, if nothing else is being counted.
    private func countNext() {
        guard desk.view == .agents, !jobs.isLooking("count") else { return }
        let shown = Set(visible.compactMap(\.key))
        guard let n = uncounted.firstIndex(where: shown.contains), let agent = board[agent: uncounted[n]] else { return }
        uncounted.remove(at: n)
        jobs.look("count", ["diff", "--stat", agent.name], sources[agent.source]) { [weak self] result in
            self?.changes[agent.key] = result.status == 0 ? Session.total(result.text) : nil
        }
    }

    /// Of git's `--stat`, whose last line is ` 3 files changed, 10 insertions(+), 2 deletions(-)`.
    static func total(_ text: String) -> (added: Int, removed: Int) {
        var counts = (added: 0, removed: 0)
        for part in (text.split(separator: "\n").last ?? "").split(separator: ",") {
            guard let number = part.split(separator: " ").first.flatMap({ Int($0) }) else { continue }
            if part.contains("insertion") { counts.added = number }
            if part.contains("deletion") { counts.removed = number }
        }
        return counts
    }

    // MARK: drawing

    var frame: Frame {
        Frame(desk: desk, keys: keys, counts: board.counts, problem: board.problem, rows: screen.rows, columns: screen.columns)
    }

    private func listed() -> [Item] {
        let now = Time.now()
        switch desk.view {
        case .agents: return AgentsList(board: board, desk: desk, sources: sources, changes: changes, now: now).items()
        case .asks: return Lists.filtered(Lists.asks(board, sources, now: now), desk.filter[.asks])
        case .merge: return Lists.filtered(Lists.queue(board, now: now), desk.filter[.merge])
        case .tasks:
            tasks.read(reader.age)
            return desk.showsTree ? tasks.tree(desk.filter[.tasks]) : tasks.board(desk.filter[.tasks]).flatMap(\.items)
        case .mail: return Lists.filtered(Lists.mail(letters.read(reader.age), now: now), desk.filter[.mail])
        case .day:
            if day.age != reader.age || day.day.spans.isEmpty { day = (reader.age, Day(events())) }
            let first = day.day.spans.map(\.from).min() ?? now
            return day.day.rows(from: max(first, now - 86400), to: now, width: screen.columns - 2) { self.tasks.header("0/\($0)")?.title ?? "" }
        case .cost: return []
        }
    }

    private func events() -> [Event] {
        sources.flatMap { source in (try? source.bus.lastEvents(20_000, bytes: 4_000_000) { $0["task"] != nil }) ?? [] }
    }

    /// The items on the screen.
    private var visible: ArraySlice<Item> {
        let first = min(desk.first[desk.view] ?? 0, items.count)
        return items[first..<min(items.count, first + max(0, frame.split.list.rows - 1))]
    }

    func paint() {
        items = listed()
        settle()
        let frame = frame
        let split = frame.split
        let list = desk.showsHelp ? [] : listRows(split.list.rows, split.list.columns)
        let detail = split.detail.map { detailRows($0.rows, $0.columns) } ?? []
        if desk.showsHelp {
            screen.draw(Help.rows(frame, keys, scroll: &desk.scroll.rows))
        } else {
            let (rows, cursor) = frame.compose(list: list, detail: detail)
            screen.draw(rows, cursor: cursor)
        }
    }

    /// Keeps what is chosen chosen, and on the screen.
    private func settle() {
        let view = desk.view
        let choices = items.indices.filter { items[$0].key != nil }
        var at = desk.chosen[view].flatMap { key in items.firstIndex { $0.key == key } }
        if at == nil, !choices.isEmpty {
            let place = desk.place[view] ?? 0
            at = choices.first { $0 >= place } ?? choices.last
        }
        desk.chosen[view] = at.flatMap { items[$0].key }
        desk.place[view] = at ?? 0
        let rows = max(1, frame.split.list.rows - 1)
        var first = min(desk.first[view] ?? 0, max(0, items.count - rows))
        if let at {
            if at < first { first = at }
            if at >= first + rows { first = at - rows + 1 }
            // A heading stays with its first.
            if first > 0, first == at, items[first - 1].key == nil { first -= 1 }
        }
        desk.first[view] = first
        if var marks = desk.marks[view] {
            marks.formIntersection(items.compactMap(\.key))
            desk.marks[view] = marks
        }
    }

    private func listRows(_ rows: Int, _ columns: Int) -> [Row] {
        guard rows > 0 else { return [] }
        if desk.view == .tasks, !desk.showsTree {
            return Kanban.rows(tasks.board(desk.filter[.tasks]), chosen: desk.chosen[.tasks], marks: desk.marks[.tasks] ?? [], rows: rows, width: columns)
        }
        let table = Lists.table(desk.view)
        let used = Set(items.flatMap { $0.cells.filter { $0.value.width > 0 }.map(\.key) })
        let shown = Table(columns: table.columns.filter { used.contains($0.name) || $0.weight >= 95 }).fitted(items)
        let widths = shown.widths(columns - 1)
        var head = Row(" ")
        head.add(shown.header(widths))
        var out = [head]
        for item in visible {
            let isMarked = item.key.map { desk.marks[desk.view]?.contains($0) == true } ?? false
            var row = Row(isMarked ? "▸" : " ", .bold)
            row.add(shown.row(item, widths))
            if let key = item.key, key == desk.chosen[desk.view] {
                row.pad(to: columns)
                row = row.styled { $0.isReversed = true }
            }
            out.append(row)
        }
        if items.isEmpty {
            let filter = desk.filter[desk.view] ?? ""
            out.append(Row(filter.isEmpty ? " nothing here" : " nothing here has '\(filter)'", .dim))
        }
        return out
    }

    private func detailRows(_ rows: Int, _ columns: Int) -> [Row] {
        guard rows > 0, let tab = desk.page else { return [] }
        var head = Row()
        for each in desk.view.tabs { head.add(" \(each.rawValue) ", each == tab ? Style { $0.isReversed = true } : .dim) }
        guard let key = desk.chosen[desk.view] else { return [head] }
        let height = rows - 1
        var page = page(tab, key, columns)
        if tab == .screen {
            // The last rows matter most; scrolled back they begin earlier.
            let back = min(max(0, -desk.scroll.rows), max(0, page.count - height))
            desk.scroll.rows = -back
            page = Array(page.dropLast(back).suffix(height))
        } else {
            desk.scroll.rows = min(max(0, desk.scroll.rows), max(0, page.count - height))
            page = Array(page.dropFirst(desk.scroll.rows).prefix(height))
        }
        if desk.scroll.columns > 0 { page = page.map { $0.dropping(desk.scroll.columns) } }
        return [head] + page
    }

    private func page(_ tab: Tab, _ key: String, _ width: Int) -> [Row] {
        if tab == .screen {
            guard let agent = board[agent: key] else { return [] }
            guard let pane = agent.view.session?["Pane"] else { return [Row(agent.view.isHeadless ? "has no pane: its log is below agents/\(agent.name)" : "has no pane", .dim)] }
            guard let look, look.pane == pane else { return [] }
            return look.rows + (look.isDead ? [Row("its pane is gone or dead", .dim)] : [])
        }
        let name = "\(desk.view.rawValue) \(key) \(tab.rawValue)"
        let detail = Detail(reader)
        guard let (words, source) = detail.command(tab, desk.view, key) else {
            let own = "\(name) \(width)"
            if let known = pages[own], known.age == reader.age { return known.rows }
            let rows: [Row]
            do { rows = try detail.rows(tab, desk.view, key, width: width) } catch { rows = [Row((error as? Failure)?.message ?? "\(error)", .color(1))] }
            pages[own] = (rows, reader.age, 0)
            return rows
        }
        let known = pages[name]
        let now = Time.monotonic()
        // Printed again when something has changed since, but not all the time.
        if !jobs.isLooking(name), known.map({ $0.age != reader.age && now - $0.time > 2 }) ?? true {
            let age = reader.age
            jobs.look(name, words, source) { [weak self] result in self?.pages[name] = (Detail.rows(result, of: tab), age, Time.monotonic()) }
        }
        return known?.rows ?? [Row("…", .dim)]
    }

    // MARK: moving

    private func take(_ event: ScreenEvent) {
        switch event {
        case .resize: desk.message = ""
        case .end: isOver = true
        case .mouse(let what, let row, let column): click(what, row, column)
        case .key(let key):
            if desk.input != nil { return type(key) }
            desk.message = ""
            guard let action = keys.action(key, in: desk.view) else {
                if desk.showsHelp { desk.showsHelp = false } else if key.character != nil { desk.message = "\(key) does nothing here: \(keys.key("help") ?? "") shows the keys" }
                return
            }
            perform(action)
        }
    }

    private func click(_ what: ScreenEvent.Mouse, _ row: Int, _ column: Int) {
        let split = frame.split
        let isDetail = split.detail.map { row >= $0.row && column >= $0.column } ?? false
        switch what {
        case .wheelUp: perform(isDetail ? "scroll-up" : "up")
        case .wheelDown: perform(isDetail ? "scroll-down" : "down")
        case .click, .doubleClick:
            if row == 0 {
                var at = 0
                for (n, view) in View.allCases.enumerated() {
                    let count = [View.asks: "asks", .merge: "queue", .mail: "mail", .agents: "agents"][view].flatMap { board.counts[$0] } ?? 0
                    at += Row(" \(n + 1) \(view.title)" + (count > 0 ? " \(count) " : " ")).width
                    if column < at { return perform("view-\(view.rawValue)") }
                }
                return
            }
            if isDetail, row == split.detail?.row {
                var at = split.detail!.column
                for (n, tab) in desk.view.tabs.enumerated() {
                    at += tab.rawValue.count + 2
                    if column < at {
                        desk.tab[desk.view] = n
                        desk.scroll = (0, 0)
                        return
                    }
                }
            }
            let at = row - 2 + (desk.first[desk.view] ?? 0)
            guard !isDetail, row >= 2, items.indices.contains(at), let key = items[at].key else { return }
            if desk.chosen[desk.view] == key { perform("zoom") } else { choose(at) }
        }
    }

    func choose(_ at: Int) {
        guard items.indices.contains(at), let key = items[at].key else { return }
        desk.chosen[desk.view] = key
        desk.place[desk.view] = at
        desk.scroll = (0, 0)
        nextLook = 0
        lastChange = Time.monotonic()
    }

    func move(_ steps: Int) {
        let choices = items.indices.filter { items[$0].key != nil }
        guard !choices.isEmpty else { return }
        let at = choices.firstIndex { items[$0].key == desk.chosen[desk.view] } ?? 0
        choose(choices[min(choices.count - 1, max(0, at + steps))])
    }

    func next(_ fits: (Item) -> Bool) -> Bool {
        let start = (desk.place[desk.view] ?? -1) + 1
        let order = Array(items.indices)
        guard let at = (order.dropFirst(start) + order.prefix(start)).first(where: { items[$0].key != nil && fits(items[$0]) }) else { return false }
        choose(at)
        return true
    }

    var shownRows: Int { max(1, frame.split.list.rows - 1) }
    var detailHeight: Int { max(1, (frame.split.detail?.rows ?? 2) - 1) }
    var shownKeys: [String] { items.compactMap(\.key) }
    func forget() { pages = [:]; countedAt = [:]; isStale = true; reader.forgetTitles() }
    func markStale() { isStale = true }
}
