import Bus
import Processes
import Screen
import Storage
import SystemPackage

/// The pane beside the list: pages about the selection, read from the bus or printed by a verb.
struct Detail {
    let reader: Reader
    private var board: Board { reader.board }

    init(_ reader: Reader) { self.reader = reader }

    /// The words of the verb that a page is printed by; nil for a page of the bus.
    func command(_ tab: Tab, _ view: View, _ key: String, sinceSeen: Bool) -> (words: [String], source: Source)? {
        guard let (n, name) = Detail.parts(key), n < reader.sources.count else { return nil }
        let source = reader.sources[n]
        switch tab {
        case .diff, .stat:
            return (
                ["diff", "--color"] + (tab == .stat ? ["--stat"] : []) + (sinceSeen ? ["--since-seen"] : []) + [name],
                source
            )
        case .review: return (["merge", "show", name], source)
        default: return nil
        }
    }

    /// `0/bob` in its parts.
    static func parts(_ key: String) -> (source: Int, name: String)? {
        let parts = key.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let n = Int(parts[0]) else { return nil }
        return (n, String(parts[1]))
    }

    /// What a verb printed, as rows.
    static func rows(_ result: Program.Result, of tab: Tab) -> [Row] {
        var text = Ansi()
        var rows: [Row] = []
        for line in (result.output + result.error).split(separator: 10, omittingEmptySubsequences: false) {
            rows.append(text.row(String(decoding: line, as: UTF8.self)))
        }
        while rows.last?.width == 0 { rows.removeLast() }
        if tab == .review { rows = rows.map(colored) }
        return rows.isEmpty ? [Row("nothing", .dim)] : rows
    }

    /// A diff that came without colours.
    private static func colored(_ row: Row) -> Row {
        let text = row.text
        if text.hasPrefix("+++") || text.hasPrefix("---") || text.hasPrefix("diff --git") { return Row(text, .bold) }
        if text.hasPrefix("@@") { return Row(text, .color(6)) }
        if text.hasPrefix("+") { return Row(text, .color(2)) }
        if text.hasPrefix("-") { return Row(text, .color(1)) }
        return row
    }

    /// A page that the bus has. `width` is for text that is wrapped.
    func rows(_ tab: Tab, _ view: View, _ key: String, width: Int) throws -> [Row] {
        guard let (n, name) = Detail.parts(key), n < reader.sources.count else { return [] }
        let bus = reader.sources[n].bus
        switch tab {
        case .task:
            let ids = view == .agents ? board[agent: key]?.tasks.map(\.id) ?? [] : Int(name).map { [$0] } ?? []
            if ids.isEmpty { return [Row("holds no task", .dim)] }
            return try ids.flatMap { try Detail.task($0, bus, width) }
        case .mail: return try Detail.conversation(with: name, bus, width)
        case .letter: return try bus.message(name, of: "human").map { Detail.letter($0, width) } ?? [Row("gone", .dim)]
        case .log:
            let events = try bus.lastEvents(500) { view == .agents ? $0.tells(ofAgent: name) : $0["task"] == name }
            return events.isEmpty ? [Row("nothing has happened", .dim)] : events.map(Detail.event)
        case .ask:
            guard let ask = try bus.ask(name) else { return [Row("gone", .dim)] }
            return Detail.ask(ask, width)
        case .screen, .diff, .stat, .review: return []
        }
    }

    /// Those that have a value, in lines of at most so many columns.
    static func fields(_ fields: [(name: String, value: String?)], _ width: Int) -> [Row] {
        fields.flatMap { name, value -> [Row] in
            guard let value, !value.isEmpty else { return [] }
            var rows = wrap("\(name): \(value)", width)
            var first = Row("\(name):", .dim)
            first.add(rows[0].dropping(first.width))
            rows[0] = first
            return rows
        }
    }

    static func task(_ id: Int, _ bus: Bus, _ width: Int) throws -> [Row] {
        let view = try bus.view(id)
        let header = view.header
        let planning = try bus.planning(id, header)
        var rows = wrap("\(id) \(header.title)", width, .bold)
        rows += fields(
            [
                ("state", view.state == .blocked ? try bus.explain(view) : view.state.rawValue),
                ("by", view.claim?.owner), ("priority", "\(header.priority)"), ("role", header.role),
                ("for", header.to),
                ("depends", header.depends.map(String.init).joined(separator: ", ")),
                ("parent", header.parent.map(String.init)),
                ("children", try bus.children(id).map(String.init).joined(separator: ", ")),
                ("branch", try bus.branch(id)?.name), ("verify", header.verify), ("plan", planning?.text),
                ("attempts", view.attempts > 0 ? "\(view.attempts)" : nil),
                ("made by", "\(header.by), \(Time.text(header.created))"),
            ], width)
        func part(_ title: String, _ bytes: [UInt8]?) {
            guard let bytes, !bytes.isEmpty else { return }
            rows += [Row(), Row(title, .bold)] + text(bytes, width)
        }
        part("body", header.body)
        part("plan", planning?.plan?.text)
        part("notes", try Files.read(bus.notesFile(id)))
        if let returned = try bus.returned(id) { part("came back: \(returned.why ?? "")", returned.body) }
        if let end = try bus.end(id) {
            part("\(end.state?.rawValue ?? "ended") by \(end.by ?? "?") \(end.why ?? "")", end.body)
        }
        return rows
    }

    /// What an agent and the others have written each other, the latest last.
    static func conversation(with name: String, _ bus: Bus, _ width: Int) throws -> [Row] {
        var letters: [Message] = []
        for (box, all) in [(name, true), ("human", true)] {
            for (id, _) in try bus.messages(of: box, all: all).suffix(200) {
                guard let message = try bus.message(id, of: box), box == name || message.from == name else { continue }
                letters.append(message)
            }
        }
        if letters.isEmpty { return [Row("no mail", .dim)] }
        return letters.sorted { $0.id < $1.id }.suffix(100).flatMap { letter($0, width) + [Row()] }
    }

    static func letter(_ message: Message, _ width: Int) -> [Row] {
        var head = Row("\(message.from) → \(message.to)", .bold)
        head.add(
            "  \(Time.text(message.time))" + (message.read ? "" : "  unread") + (message.urgent ? "  urgent" : ""), .dim
        )
        return [head] + (message.subject.isEmpty ? [] : wrap(message.subject, width, .bold)) + text(message.body, width)
    }

    static func event(_ event: Event) -> Row {
        let words = event.words
        var row = Row(String(words[0].dropFirst(11).prefix(8)), .dim)
        row.add(" \(words[1]) ", .bold)
        row.add(words.dropFirst(2).joined(separator: " "))
        return row
    }

    static func ask(_ ask: Ask, _ width: Int) -> [Row] {
        var rows = fields(
            [
                ("from", ask.from), ("to", ask.record.to), ("kind", ask.record.kind?.rawValue),
                ("severity", ask.record.severity), ("asked", ask.record.time.map(Time.text)),
            ], width)
        rows += [Row()] + text(ask.record.body, width)
        let options = ask.options
        if !options.isEmpty {
            rows +=
                [Row()]
                + options.enumerated().map { n, option in
                    var row = Row("\(n + 1) ", .bold)
                    row.add(option)
                    return row
                }
        }
        if let answer = ask.answer {
            rows += [Row()] + fields([("answered", "\(answer) by \(ask.record.by ?? "?")")], width)
        }
        return rows
    }

    /// Text in lines of at most so many columns, broken at blanks where there are any.
    static func text(_ bytes: [UInt8], _ width: Int) -> [Row] {
        bytes.split(separator: 10, omittingEmptySubsequences: false).prefix(5000).flatMap {
            wrap(String(decoding: $0.prefix(10_000), as: UTF8.self), width)
        }
    }

    static func wrap(_ line: String, _ width: Int, _ style: Style = .plain) -> [Row] {
        guard width > 0 else { return [] }
        var rows: [Row] = []
        var row = Row()
        func put(_ word: Row) {
            var rest = word
            while rest.width > width {
                if row.width > 0 { rows.append(row) }
                row = Row()
                var piece = rest
                piece.cut(width, mark: "")
                if piece.width == 0 { return }
                rows.append(piece)
                rest = rest.dropping(piece.width)
            }
            if row.width > 0, row.width + 1 + rest.width > width {
                rows.append(row)
                row = Row()
            }
            if row.width > 0 { row.add(" ", style) }
            row.add(rest)
        }
        let blanks = line.prefix { $0 == " " }
        if !blanks.isEmpty, blanks.count < width { row.add(String(blanks.dropLast()), style) }
        for word in line.split(separator: " ") { put(Row(String(word), style)) }
        rows.append(row)
        return rows
    }
}
