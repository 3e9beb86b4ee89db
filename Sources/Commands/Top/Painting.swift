import Bus
import Screen
import Storage

/// What is drawn: the list of the view, what is chosen kept on the screen, the page beside it.
extension Session {
    var frame: Frame {
        Frame(
            desk: desk, keys: keys, counts: board.counts, problem: board.problem ?? tasks.problem, rows: screen.rows,
            columns: screen.columns)
    }

    func listed() -> Listing {
        let now = Time.now()
        switch desk.view {
        case .agents:
            return Listing(
                AgentsList(
                    board: board, desk: desk, sources: sources, changes: changes.counts,
                    money: spending.agents.mapValues(\.money), now: now
                ).items())
        case .asks: return Listing(Lists.filtered(Lists.asks(board, sources, now: now), desk.filter[.asks]))
        case .merge: return Listing(Lists.filtered(Lists.queue(board, now: now), desk.filter[.merge]))
        case .tasks:
            tasks.read(reader.age)
            return desk.showsTree ? tasks.tree(desk.filter[.tasks]) : tasks.board(desk.filter[.tasks])
        case .mail: return Listing(Lists.filtered(Lists.mail(letters.read(reader.age), now: now), desk.filter[.mail]))
        case .day:
            if day.age != reader.age {
                day = (
                    reader.age,
                    Day(
                        spans: sources.map { source in
                            Spans((try? source.bus.lastEvents(20_000, bytes: 4_000_000) { $0["task"] != nil }) ?? [])
                        })
                )
                tasks.read(reader.age)
            }
            let items = day.shown.items(sources.map(\.name), now: now, width: screen.columns - 2) {
                self.tasks.header($0)?.title ?? ""
            }
            // The axis stays.
            return Listing(items.prefix(1) + Lists.filtered(Array(items.dropFirst()), desk.filter[.day]))
        case .cost:
            let names = { (key: String) in
                Detail.parts(key).map {
                    self.sources.count > 1 ? "\(self.sources[$0.source].name)/\($0.name)" : $0.name
                } ?? key
            }
            return Listing(Lists.filtered(spending.items(names), desk.filter[.cost]))
        }
    }

    /// Places of the lines on the screen.
    var visible: Range<Int> {
        let first = min(desk.first[desk.view] ?? 0, listing.keys.count)
        return first..<min(listing.keys.count, first + shownRows)
    }
    var shownRows: Int { max(1, frame.split.list.rows - 1) }
    var detailHeight: Int { max(1, (frame.split.detail?.rows ?? 2) - 1) }

    func paint() {
        pages.due = nil
        listing = listed()
        settle()
        let frame = frame
        if desk.showsHelp { return screen.draw(Help.rows(frame, keys, scroll: &desk.scroll.rows)) }
        let split = frame.split
        let (rows, cursor) = frame.compose(
            list: listRows(split.list.rows, split.list.columns),
            detail: split.detail.map { detailRows($0.rows, $0.columns) } ?? [])
        screen.draw(rows, cursor: cursor)
    }

    /// Keeps the selection, and keeps it on the screen.
    private func settle() {
        let (view, keys) = (desk.view, listing.keys)
        let chosen = desk.chosen[view]
        var at =
            desk.place[view].flatMap { keys.indices.contains($0) && chosen != nil && keys[$0] == chosen ? $0 : nil }
            ?? chosen.flatMap { keys.firstIndex(of: $0) }
        if at == nil { at = listing.firstChoice(from: desk.place[view] ?? 0) }
        desk.chosen[view] = at.flatMap { keys[$0] }
        desk.place[view] = at ?? 0
        var first = min(desk.first[view] ?? 0, max(0, keys.count - shownRows))
        if let at {
            first = max(min(first, at), at - shownRows + 1)
            // A heading stays with its first.
            if first > 0, first == at, keys[first - 1] == nil { first -= 1 }
        }
        desk.first[view] = first
        if let marks = desk.marks[view], !marks.isEmpty {
            desk.marks[view] = marks.intersection(keys.compactMap { $0 })
        }
    }

    private func listRows(_ rows: Int, _ columns: Int) -> [Row] {
        guard rows > 0 else { return [] }
        let marks = desk.marks[desk.view] ?? []
        if desk.view == .tasks, !desk.showsTree {
            return Kanban.rows(
                listing, tasks.columns, at: desk.place[.tasks] ?? 0, marks: marks, rows: rows, width: columns)
        }
        let table = Lists.table(desk.view)
        let sample = listing.sample(visible)
        let used = Set(sample.flatMap { $0.cells.filter { $0.value.width > 0 }.map(\.key) })
        let shown = Table(columns: table.columns.filter { used.contains($0.name) || $0.weight >= 95 }).fitted(sample)
        let widths = shown.widths(columns - 1)
        var head = Row(" ")
        head.add(shown.header(widths))
        var out = [head]
        for item in visible.map(listing.item) {
            var row = Row(item.key.map(marks.contains) == true ? "▸" : " ", .bold)
            row.add(shown.row(item, widths))
            if let key = item.key, key == desk.chosen[desk.view] {
                row.pad(to: columns)
                row = row.styled { $0.isReversed = true }
            }
            out.append(row)
        }
        if listing.keys.isEmpty {
            let filter = desk.filter[desk.view] ?? ""
            out.append(Row(filter.isEmpty ? " nothing here" : " nothing here has '\(filter)'", .dim))
        }
        return out
    }

    private func detailRows(_ rows: Int, _ columns: Int) -> [Row] {
        guard rows > 0, let tab = desk.page else { return [] }
        var head = Row()
        for each in desk.view.tabs {
            head.add(" \(each.rawValue) ", each == tab ? Style { $0.isReversed = true } : .dim)
        }
        if desk.sinceSeen, tab == .diff || tab == .stat { head.add(" since it was seen", .bold) }
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

    func page(_ tab: Tab, _ key: String, _ width: Int) -> [Row] {
        guard tab == .screen else { return pages.page(tab, desk.view, key, width: width, sinceSeen: desk.sinceSeen) }
        guard let agent = board[agent: key] else { return [] }
        guard let pane = agent.view.session?.pane else {
            return [
                Row(agent.view.isHeadless ? "has no pane: its log is below agents/\(agent.name)" : "has no pane", .dim)
            ]
        }
        return preview.rows(of: pane)
    }
}
