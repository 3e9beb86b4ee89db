import Bus
import Screen
import Storage

/// All tasks of all projects: where each is, and what it says as far as that was read. There may be tens of thousands,
/// so what they say is read piece by piece between keys, and kept.
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
    /// What a line says of a task.
    struct Said {
        var title = ""
        var role: String?
        var depends: [Int] = []
        var parent: Int?
        var priority = 2
        var isEpic = false
    }

    private var headers: [String: Said] = [:]
    /// Rises with what was read.
    private var version = 0
    private var made: (stamp: String, listing: Listing)?
    /// The columns of the board that was made last: places in its listing.
    private(set) var columns: [(state: State, range: Range<Int>)] = []
    /// Of which the headers are still to be read, the last first.
    private var unread: [Int] = []
    private(set) var problem: String?
    private var age = -1

    init(_ sources: [Source]) { self.sources = sources }

    func header(_ key: String) -> Said? { headers[key] }

    /// Looks where the tasks are, if the bus has changed since.
    func read(_ age: Int) {
        guard age != self.age else { return }
        self.age = age
        problem = nil
        var all: [One] = []
        for (n, source) in sources.enumerated() {
            do {
                all += try source.bus.places().map {
                    One(
                        key: "\(n)/\($0.key)", source: n, id: $0.key, state: $0.value.state,
                        owner: $0.value.claim?.owner)
                }
            } catch { problem = (error as? Failure)?.message ?? "\(error)" }
        }
        all.sort { ($0.source, $0.id) < ($1.source, $1.id) }
        self.all = all
        version += 1
        unread = all.indices.filter { headers[all[$0].key] == nil }.reversed()
    }

    /// Reads what some more tasks say. True if there was any.
    func readMore(_ count: Int = 400) -> Bool {
        guard !unread.isEmpty else { return false }
        for _ in 0..<min(count, unread.count) { load(all[unread.removeLast()]) }
        return true
    }

    /// Reads again what tasks say: they may have been edited.
    func forget() {
        headers = [:]
        age = -1
    }

    private func load(_ one: One) {
        version += 1
        do {
            headers[one.key] = try sources[one.source].bus.header(one.id).map {
                Said(
                    title: $0.title, role: $0.role ?? $0.to, depends: $0.depends, parent: $0.parent,
                    priority: $0.priority, isEpic: $0.isEpic)
            }
        } catch { problem = (error as? Failure)?.message ?? "\(error)" }
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
        let text =
            ("\(one.id) \(one.state.rawValue) \(one.owner ?? "") \(headers[one.key]?.title ?? "") "
            + "\(headers[one.key]?.role ?? "")").lowercased()
        return words.allSatisfy { text.contains($0) }
    }

    private func kept(_ stamp: String, _ make: () -> [(one: One, depth: Int)]) -> Listing {
        let stamp = "\(version) \(stamp)"
        if let made, made.stamp == stamp { return made.listing }
        let lines = make()
        let listing = Listing(keys: lines.map(\.one.key)) { self.item(lines[$0].one, lines[$0].depth) }
        made = (stamp, listing)
        return listing
    }

    /// For the board: column by column, what is done latest first.
    func board(_ filter: String?) -> Listing {
        let words = (filter ?? "").lowercased().split(separator: " ")
        return kept("board \(words)") {
            var ones: [State: [One]] = [:]
            for one in all where fits(one, words) { ones[Tasks.column(one.state), default: []].append(one) }
            ones[.done]?.reverse()
            ones[.ready] = ones[.ready]?.enumerated().map {
                (headers[$0.element.key]?.priority ?? 2, $0.offset, $0.element)
            }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
            var lines: [(one: One, depth: Int)] = []
            columns = Tasks.columns.map { state in
                let start = lines.count
                lines += (ones[state] ?? []).map { ($0, 0) }
                return (state, start..<lines.count)
            }
            return lines
        }
    }

    /// For the tree: each below its parent, or below the task that it waits for.
    func tree(_ filter: String?) -> Listing {
        let words = (filter ?? "").lowercased().split(separator: " ")
        return kept("tree \(words)") {
            if !words.isEmpty { return all.filter { fits($0, words) }.map { ($0, 0) } }
            var at: [String: Int] = [:]
            for (n, one) in all.enumerated() { at[one.key] = n }
            var below: [Int: [Int]] = [:]
            for (n, one) in all.enumerated() {
                let said = headers[one.key]
                let over = (said?.parent ?? said?.depends.max()).flatMap { at["\(one.source)/\($0)"] }
                below[over ?? -1, default: []].append(n)
            }
            var lines: [(one: One, depth: Int)] = []
            var stack = (below[-1] ?? []).reversed().map { ($0, 0) }
            while let (n, depth) = stack.popLast() {
                lines.append((all[n], depth))
                for child in (below[n] ?? []).reversed() { stack.append((child, depth + 1)) }
            }
            return lines
        }
    }

    private func item(_ one: One, _ depth: Int) -> Item {
        let header = headers[one.key]
        var cells: [String: Row] = [:]
        let name = sources.count > 1 ? "\(sources[one.source].name)/\(one.id)" : "\(one.id)"
        cells["id"] = Row(name, .bold)
        cells["state"] = Row(one.state.rawValue, Tasks.style(one.state))
        if let header {
            if header.priority != 2 {
                cells["!"] = Row(
                    "\(header.priority)",
                    header.priority < 2
                        ? Style {
                            $0.foreground = .index(3)
                            $0.isBold = true
                        } : .dim)
            }
            cells["depends"] = Row(header.depends.map(String.init).joined(separator: " "), .dim)
            cells["role"] = Row(header.role ?? "", .dim)
        }
        // The first column is of numbers, which stand at its right.
        cells["title"] = Row(String(repeating: "  ", count: min(depth, 8)))
        cells["title"]!.add(header?.title ?? "…", header?.isEpic == true ? .bold : .plain)
        cells["owner"] = Row(one.owner ?? "")
        return Item(one.key, cells)
    }

    static func style(_ state: State) -> Style {
        switch state {
        case .ready: return .color(6)
        case .claimed: return .color(2)
        case .review: return .color(3)
        case .failed:
            return Style {
                $0.foreground = .index(1)
                $0.isBold = true
            }
        case .blocked, .deferred, .done, .cancelled: return .dim
        }
    }
}

/// Columns of cards beside each other, as many as there is room for.
enum Kanban {
    static func rows(
        _ listing: Listing, _ columns: [(state: State, range: Range<Int>)], at place: Int, marks: Set<String>,
        rows: Int, width: Int
    ) -> [Row] {
        // Of the columns those around the chosen one, each of at least so many cells.
        let count = max(1, min(columns.count, (width + 1) / 18))
        let at = columns.firstIndex { $0.range.contains(place) } ?? 0
        let first = max(0, min(at - count / 2, columns.count - count))
        let each = max(4, (width - (count - 1)) / count)
        let shown = columns[first..<first + count].map { column -> [Row] in
            var out = [
                Row(
                    "\(column.state.rawValue) \(column.range.count)",
                    Tasks.style(column.state).with { $0.isUnderlined = true })
            ]
            let room = max(0, rows - 1)
            let range = column.range
            let top =
                range.contains(place)
                ? max(range.lowerBound, min(place - room / 2, range.upperBound - room)) : range.lowerBound
            for n in top..<min(range.upperBound, top + room) {
                let item = listing.item(n)
                var card = Row(item.key.map(marks.contains) == true ? "▸" : "", .bold)
                card.add(item.cells["id"] ?? Row())
                card.add(" ")
                if let mark = item.cells["!"] {
                    card.add("!")
                    card.add(mark)
                    card.add(" ")
                }
                card.add(item.cells["title"] ?? Row())
                if let owner = item.cells["owner"], owner.width > 0 { card.add(" · \(owner.text)", .dim) }
                if let state = item.cells["state"], ["failed", "cancelled", "deferred"].contains(state.text) {
                    card.add(" ")
                    card.add(state)
                }
                card.cut(each)
                card.pad(to: each)
                out.append(n == place ? card.styled { $0.isReversed = true } : card)
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
