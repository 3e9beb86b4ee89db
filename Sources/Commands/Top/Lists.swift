import Bus
import Screen

/// The person's mail, the latest first. What a message says never changes, so each is read once.
final class Letters {
    private let sources: [Source]
    private var known: [String: Message] = [:]
    private var shown: [(source: Int, message: Message)] = []
    private var age = -1
    /// Of the read ones, the last so many.
    private static let limit = 500

    init(_ sources: [Source]) { self.sources = sources }

    func read(_ age: Int) -> [(source: Int, message: Message)] {
        guard age != self.age else { return shown }
        self.age = age
        shown = []
        for (n, source) in sources.enumerated() {
            guard let ids = try? source.bus.messages(of: "human", all: true) else { continue }
            let old = ids.filter(\.read).count - Letters.limit
            var passed = 0
            for (id, isRead) in ids {
                if isRead { passed += 1 }
                if isRead, passed <= old { continue }
                guard var message = try? known["\(n)/\(id)"] ?? source.bus.message(id, of: "human") else { continue }
                known["\(n)/\(id)"] = message
                message.read = isRead
                shown.append((n, message))
            }
        }
        shown.sort { $0.message.id > $1.message.id }
        return shown
    }
}

/// The lists of the other views.
enum Lists {
    static func table(_ view: View) -> Table {
        switch view {
        case .agents: return AgentsList.table
        case .asks:
            return Table(columns: [
                .init("ask", 4...16, 100), .init("from", 6...16, 90), .init("kind", 8...12, 40),
                .init("age", 4...4, 60, right: true), .init("text", 10...200, 95),
            ])
        case .merge:
            return Table(columns: [
                .init("task", 4...6, 100, right: true), .init("state", 7...8, 95), .init("author", 6...16, 80),
                .init("age", 4...4, 60, right: true), .init("title", 10...80, 90),
                .init("why", 10...120, 85), .init("branch", 8...40, 30),
            ])
        case .tasks:
            return Table(columns: [
                .init("id", 4...7, 100, right: true), .init("state", 7...9, 95), .init("!", 1...1, 60),
                .init("owner", 6...16, 70), .init("title", 10...120, 99), .init("role", 6...12, 20),
                .init("depends", 6...16, 30),
            ])
        case .mail:
            return Table(columns: [
                .init("", 1...1, 90), .init("from", 6...16, 95), .init("age", 4...4, 60, right: true),
                .init("subject", 10...200, 100),
            ])
        case .cost:
            return Table(columns: [
                .init("of", 10...32, 100), .init("money", 8...12, 95, right: true),
                .init("input", 8...12, 60, right: true), .init("cached", 8...12, 40, right: true),
                .init("output", 8...12, 50, right: true), .init("models", 8...60, 30),
            ])
        case .day: return Table(columns: [.init("", 10...400, 100)])
        }
    }

    static func asks(_ board: Board, _ sources: [Source], now: Int) -> [Item] {
        board.asks.map { asked in
            let ask = asked.ask
            return Item(
                asked.key,
                [
                    "ask": Row(sources.count > 1 ? "\(sources[asked.source].name)/\(ask.id)" : ask.id, .bold),
                    "from": Row(ask.from), "kind": Row(ask.record.kind?.rawValue ?? "", .dim),
                    "age": Row(ask.record.time.map { AgentsList.span(now - $0) } ?? "", .dim),
                    "text": Row(String(ask.text.split(separator: "\n").first ?? "")),
                ])
        }
    }

    static func queue(_ board: Board, now: Int) -> [Item] {
        board.queue.map { queued in
            let entry = queued.entry
            let branch = entry.branch.hasPrefix("refs/heads/") ? String(entry.branch.dropFirst(11)) : entry.branch
            let style: Style =
                [.held, .stuck, .waiting].contains(entry.step)
                ? Style {
                    $0.foreground = .index(3)
                    $0.isBold = true
                } : .plain
            return Item(
                queued.key,
                [
                    "task": Row("\(entry.id)", .bold), "state": Row(entry.step.rawValue, style),
                    "author": Row(entry.author), "age": Row(AgentsList.span(now - entry.time), .dim),
                    "title": Row(queued.title), "why": Row(entry.why ?? ""),
                    "branch": Row(branch, .dim),
                ])
        }
    }

    static func mail(_ letters: [(source: Int, message: Message)], now: Int) -> [Item] {
        letters.map { source, message in
            let style = message.read ? Style.plain : .bold
            return Item(
                "\(source)/\(message.id)",
                [
                    "": Row(message.read ? " " : "•", style), "from": Row(message.from, style),
                    "age": Row(AgentsList.span(now - message.time), .dim),
                    "subject": Row(
                        message.subject.isEmpty
                            ? String(decoding: message.body.prefix { $0 != 10 }, as: UTF8.self) : message.subject, style
                    ),
                ])
        }
    }

    static func filtered(_ items: [Item], _ filter: String?) -> [Item] {
        guard let filter, !filter.isEmpty else { return items }
        let words = filter.lowercased().split(separator: " ")
        return items.filter { item in
            let text = item.text.lowercased()
            return item.key != nil && words.allSatisfy { text.contains($0) }
        }
    }
}
