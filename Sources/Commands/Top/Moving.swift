import Screen

/// What comes from the terminal: keys, and the mouse.
extension Session {
    func take(_ event: ScreenEvent) {
        switch event {
        case .resize: desk.message = ""
        case .end: isOver = true
        case .paste(let text): paste(text)
        case .mouse(let what, let row, let column): click(what, row, column)
        case .key(let key):
            if desk.input != nil { return type(key) }
            desk.message = ""
            guard let action = keys.action(key, in: desk.view) else {
                if desk.showsHelp {
                    desk.showsHelp = false
                } else if key.character != nil {
                    desk.message = "\(key) does nothing here: \(keys.key("help") ?? "") shows the keys"
                }
                return
            }
            perform(action)
        }
    }

    private func click(_ what: ScreenEvent.Mouse, _ row: Int, _ column: Int) {
        let frame = frame
        let split = frame.split
        let isDetail = split.detail.map { row >= $0.row && column >= $0.column } ?? false
        switch what {
        case .wheelUp: perform(isDetail ? "scroll-up" : "up")
        case .wheelDown: perform(isDetail ? "scroll-down" : "down")
        case .click, .doubleClick:
            if row == 0 {
                var at = 0
                for (view, label) in frame.labels {
                    at += Row(label).width
                    if column < at { return perform("view-\(view.rawValue)") }
                }
                if frame.hasConflicts(at: column) { nextConflict() }
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
            guard !isDetail, row >= 2, listing.keys.indices.contains(at), let key = listing.keys[at] else { return }
            if desk.chosen[desk.view] == key { perform("zoom") } else { choose(at) }
        }
    }

    func choose(_ at: Int) {
        guard listing.keys.indices.contains(at), let key = listing.keys[at] else { return }
        desk.chosen[desk.view] = key
        desk.place[desk.view] = at
        desk.scroll = (0, 0)
        preview.hurry()
    }

    func move(_ steps: Int) { if let at = listing.step(steps, from: desk.place[desk.view] ?? 0) { choose(at) } }

    /// Chooses the next that fits, from the first again behind the last; false if there is none.
    func next(_ fits: (String) -> Bool) -> Bool {
        let start = (desk.place[desk.view] ?? -1) + 1
        let order = Array(listing.keys.indices)
        guard
            let at = (order.dropFirst(start) + order.prefix(start)).first(where: {
                listing.keys[$0].map { fits($0) } == true
            })
        else { return false }
        choose(at)
        return true
    }

    /// Chooses the next agent whose work conflicts, and says with whose, and where: a column may be too narrow for it.
    private func nextConflict() {
        perform("view-agents")
        listing = listed()
        guard next({ board[agent: $0]?.conflicts.isEmpty == false }),
            let agent = desk.chosen[.agents].flatMap({ board[agent: $0] })
        else { return }
        desk.message = "\(agent.name) conflicts with \(agent.conflicts.joined(separator: "; "))"
    }

    var shownKeys: [String] { listing.keys.compactMap { $0 } }
}
