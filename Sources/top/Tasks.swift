import Bus
import Screen

/// All tasks of all projects: where each is, and what it says as far as that was read. There may be tens of thousands, so
/// what they say is read piece by piece between keys, and kept.
final class Tasks {
    struct One {
        let key: String
        let source: Int
        let id: Int
        var state: State
        var owner: String?
    }

    private let sources: [Source]
    private(set) var all: [One] = []
    private var headers: [String: TaskHeader] = [:]
    /// Of which the headers are still to be read, the last first.
    private var unread: [Int] = []
    private(set) var problem: String?
    private var age = -1

    init(_ sources: [Source]) { self.sources = sources }

    var isWhole: Bool { unread.isEmpty }

    func header(_ key: String) -> TaskHeader? { headers[key] }

    /// Looks where the tasks are, if the bus has changed since.
    func read(_ age: Int) {
        guard age != self.age else { return }
        self.age = age
        problem = nil
        var all: [One] = []
        for (n, source) in sources.enumerated() {
            do {
                all += try source.bus.places().map { One(key: "\(n)/\($0.key)", source: n, id: $0.key, state: $0.value.state, owner: $0.value.claim?.owner) }
            } catch { problem = (error as? Failure)?.message ?? "\(error)" }
        }
        all.sort { ($0.source, $0.id) < ($1.source, $1.id) }
        self.all = all
        unread = all.indices.filter { headers[all[$0].key] == nil }.reversed()
    }

    /// Reads what some more tasks say. True if there was any.
    func readMore(_ count: Int = 400) -> Bool {
        guard !unread.isEmpty else { return false }
        for _ in 0..<min(count, unread.count) { load(all[unread.removeLast()]) }
        return true
    }

    /// Reads again what these tasks say: they may have been edited.
    func refresh(_ keys: some Sequence<String>) {
        for key in keys { if let (n, name) = Detail.parts(key), let id = Int(name) { load(One(key: key, source: n, id: id, state: .ready)) } }
    }

    private func load(_ one: One) {
        do { headers[one.key] = try sources[one.source].bus.header(one.id) } catch { problem = (error as? Failure)?.message ?? "\(error)" }
    }

    // MARK: as rows

    static let columns: [State] = [.ready, .blocked, .claimed, .review, .done]

    /// Which column of the board a state is in.
    static func column(_ state: State) -> State {
        switch state {
        case .deferred: return .blocked
        case .failed, .cancelled: return .done
        default: return state
        }
    }

    private func fits(_ one: One, _ words: [Substring]) -> Bool {
        guard !words.isEmpty else { return true }
        let text = "\(one.id) \(one.state.rawValue) \(one.owner ?? "") \(headers[one.key]?.title ?? "") \(headers[one.key]?.role ?? "")".lowercased()
        return words.allSatisfy { text.contains($0) }
    }

    /// For the board: column by column, what is done latest first.
    func board(_ filter: String?) -> [(state: State, items: [Item])] {
        let words = (filter ?? "").lowercased().split(separator: " ")
        var columns: [State: [One]] = [:]
        for one in all where fits(one, words) { columns[Tasks.column(one.state), default: []].append(one) }
        return Tasks.columns.map { state in
            let ones = columns[state] ?? []
            let sorted = state == .done ? ones.reversed() : state == .ready ? ones.enumerated().sorted { a, b in
                let (x, y) = (headers[a.element.key]?.priority ?? 2, headers[b.element.key]?.priority ?? 2)
                return x == y ? a.offset < b.offset : x < y
            }.map(\.element) : ones
            return (state, sorted.map { item($0, 0) })
        }
    }

    /// For the tree: each below its parent, or below the task that it waits for.
    func tree(_ filter: String?) -> [Item] {
        let words = (filter ?? "").lowercased().split(separator: " ")
        if !words.isEmpty { return all.filter { fits($0, words) }.map { item($0, 0) } }
        var at: [String: Int] = [:]
        for (n, one) in all.enumerated() { at[one.key] = n }
        var below: [Int: [Int]] = [:]
        for (n, one) in all.enumerated() {
            let header = headers[one.key]
            let over = (header?.parent ?? header?.depends.max()).flatMap { at["\(one.source)/\($0)"] }
            below[over ?? -1, default: []].append(n)
        }
        var items: [Item] = []
        var stack = (below[-1] ?? []).reversed().map { ($0, 0) }
        while let (n, depth) = stack.popLast() {
            items.append(item(all[n], depth))
            for child in (below[n] ?? []).reversed() { stack.append((child, depth + 1)) }
        }
        return items
    }

    private func item(_ one: One, _ depth: Int) -> Item {
        let header = headers[one.key]
        var cells: [String: Row] = [:]
        let name = sources.count > 1 ? "\(sources[one.source].name)/\(one.id)" : "\(one.id)"
        cells["id"] = Row(name, .bold)
        cells["state"] = Row(one.state.rawValue, Tasks.style(one.state))
        if let header {
            if header.priority != 2 { cells["!"] = Row("\(header.priority)", header.priority < 2 ? Style { $0.foreground = .index(3); $0.isBold = true } : .dim) }
            cells["depends"] = Row(header.depends.map(String.init).joined(separator: " "), .dim)
            cells["role"] = Row(header.role ?? header.to ?? "", .dim)
        }
        cells["title"] = Row(header?.title ?? "…", header?.isEpic == true ? .bold : .plain)
        cells["owner"] = Row(one.owner ?? "")
        return Item(one.key, cells, indent: depth)
    }

    static func style(_ state: State) -> Style {
        switch state {
        case .ready: return .color(6)
        case .claimed: return .color(2)
        case .review: return .color(3)
        case .failed: return Style { $0.foreground = .index(1); $0.isBold = true }
        case .blocked, .deferred, .done, .cancelled: return .dim
        }
    }
}

/// Columns of cards beside each other, as many as there is room for.
enum Kanban {
    static func rows(_ columns: [(state: State, items: [Item])], chosen: String?, marks: Set<String>, rows: Int, width: Int) -> [Row] {
        // Of the columns those around the chosen one, each of at least so many cells.
        let count = max(1, min(columns.count, (width + 1) / 18))
        let at = columns.firstIndex { column in column.items.contains { $0.key == chosen } } ?? 0
        let first = max(0, min(at - count / 2, columns.count - count))
        let each = max(4, (width - (count - 1)) / count)
        let shown = columns[first..<first + count].map { column -> [Row] in
            var out = [Row("\(column.state.rawValue) \(column.items.count)", Tasks.style(column.state).with { $0.isUnderlined = true })]
            let room = max(0, rows - 1)
            let place = column.items.firstIndex { $0.key == chosen } ?? 0
            let top = max(0, min(place - room / 2, column.items.count - room))
            for item in column.items[min(top, column.items.count)..<min(column.items.count, top + room)] {
                var card = Row(item.key.map(marks.contains) == true ? "▸" : "", .bold)
                card.add(item.cells["id"] ?? Row())
                card.add(" ")
                if let mark = item.cells["!"] { card.add("!"); card.add(mark); card.add(" ") }
                card.add(item.cells["title"] ?? Row())
                if let owner = item.cells["owner"], owner.width > 0 { card.add(" · \(owner.text)", .dim) }
                if let state = item.cells["state"], ["failed", "cancelled", "deferred"].contains(state.text) { card.add(" "); card.add(state) }
                card.cut(each)
                card.pad(to: each)
                out.append(item.key == chosen ? card.styled { $0.isReversed = true } : card)
            }
            return out
        }
        return (0..<max(0, rows)).map { n in
            var row = Row()
            for (column, cells) in shown.enumerated() {
                row.pad(to: column * (each + 1))
                if n < cells.count { row.add(cells[n]) }
            }
            return row
        }
    }
}
