import Bus

/// The team's numbers as text for a status line, each group of them a segment that a format may name.
///
/// If a line is too long, the least important numbers are left out: first those of work that goes on by itself, last
/// those that wait for the person. If even the most important number doesn't fit in words, letters replace the words.
package struct Segments {
    private struct Item {
        var name: String
        var count: Int
    }

    /// The groups in a line's order, the numbers in each, and the segment that a group is, which a click names as well.
    private static let groups: [(segment: String, names: [String])] = [
        ("agents", ["working", "idle", "waiting", "stuck", "dead"]),
        ("tasks", ["ready", "claimed", "blocked", "review", "failed"]),
        ("asks", ["asks"]), ("mail", ["mail"]), ("merge", ["queue", "conflicts"]),
    ]
    /// Left out of the whole line, which has its tasks in review.
    private static let outside: Set<String> = ["queue"]
    /// Which of them stand together in the line.
    private static let parts = [["agents"], ["tasks"], ["asks", "mail", "merge"]]
    /// Least important first.
    private static let dropped = [
        "claimed", "review", "idle", "blocked", "ready", "working", "conflicts", "mail", "failed", "stuck", "dead",
        "asks", "waiting",
    ]

    private static let letters = [
        "working": "w", "idle": "i", "waiting": "?", "stuck": "~", "dead": "!", "ready": "r", "claimed": "c",
        "blocked": "b", "review": "v", "failed": "f",
        "asks": "a", "mail": "m", "queue": "q", "conflicts": "x",
    ]
    /// Of Font Awesome, at the places that all versions of the Nerd Fonts have them.
    private static let glyphs = [
        "working": "\u{f013}", "idle": "\u{f186}", "waiting": "\u{f059}", "stuck": "\u{f071}", "dead": "\u{f057}",
        "ready": "\u{f0ae}",
        "claimed": "\u{f007}", "blocked": "\u{f023}", "review": "\u{f06e}", "failed": "\u{f06a}", "asks": "\u{f075}",
        "mail": "\u{f0e0}", "queue": "\u{f126}",
        "conflicts": "\u{f0e7}",
    ]
    private static let colors = [
        "waiting": "bold", "asks": "bold", "stuck": "fg=red,bold", "dead": "fg=red,bold", "failed": "fg=red,bold",
        "conflicts": "fg=red,bold",
    ]

    private var counts: [String: Int] = [:]
    /// What the team has cost, as it is to be shown; nil if that is not known.
    private let cost: String?

    package init(_ counts: [(name: String, count: Int)], cost: String? = nil) {
        self.cost = cost
        for (name, count) in counts { self.counts[name] = count }
    }

    /// The whole line in words, as `status` prints it.
    package var line: String {
        let parts = Segments.parts.map { part in items(part).map(Segments.words).joined(separator: " ") }.filter {
            !$0.isEmpty
        }
        return parts.isEmpty ? "nothing to do" : parts.joined(separator: " | ")
    }

    /// The variables for tmux's formats: name and text, with the styles of `look`.
    func variables(_ look: Look) -> [(name: String, text: String)] {
        let single = Segments.groups.map { group in
            (
                "cadre_\(group.segment)",
                look.styled([group.names.compactMap { item($0) }.map { (group.segment, $0.name, $0.count) }])
            )
        }
        return [("cadre_status", whole(look))] + single + [("cadre_cost", cost.map(look.money) ?? "")]
    }

    private func whole(_ look: Look) -> String { fitting(look) ?? fitting(look.short) ?? "" }

    /// As much of the line as there is room for; nil if there is none for any of its numbers.
    private func fitting(_ look: Look) -> String? {
        var left = Set(Segments.groups.flatMap(\.names))
        for name in [""] + Segments.dropped {
            left.remove(name)
            let parts = Segments.parts.map { part in
                Segments.groups.filter { part.contains($0.segment) }.flatMap { group in
                    items([group.segment]).filter { left.contains($0.name) }.map { (group.segment, $0.name, $0.count) }
                }
            }.filter { !$0.isEmpty }
            if parts.isEmpty { return name.isEmpty && look.width >= line.count ? line : nil }
            if look.width(of: parts) <= look.width { return look.styled(parts) }
        }
        return nil
    }

    private func item(_ name: String) -> Item? { counts[name].flatMap { $0 > 0 ? Item(name: name, count: $0) : nil } }

    private func items(_ segments: [String]) -> [Item] {
        Segments.groups.filter { segments.contains($0.segment) }.flatMap(\.names).filter {
            !Segments.outside.contains($0)
        }.compactMap(item)
    }

    private static func words(_ item: Item) -> String { Bus.counted(item.count, item.name) }

    /// The segment that a click on a number names; conflicts have a name of their own, because top shows them
    /// elsewhere.
    private static func range(_ segment: String, _ name: String) -> String { name == "conflicts" ? name : segment }

    /// How numbers look: what the user's options say.
    struct Look {
        /// Columns of the whole line at most.
        let width: Int
        private var icons: String
        private let isColored: Bool
        private let hasRanges: Bool
        private let styles: [String: String]

        /// `hasRanges`: whether this tmux tells a click on a part of the line by a name.
        init(_ options: [String: String], hasRanges: Bool) {
            width = options["@cadre_width"].flatMap { Int($0) } ?? min(80, Look.room(options) ?? 80)
            icons = options["@cadre_icons"] ?? "none"
            isColored = options["@cadre_color"] != "off"
            self.hasRanges = hasRanges && options["@cadre_mouse"] == "on"
            var styles = Segments.colors
            for (name, value) in options where name.hasPrefix("@cadre_color_") {
                styles[String(name.dropFirst("@cadre_color_".count))] = value
            }
            self.styles = styles
        }

        /// The room that tmux leaves for the line where the user has put it. tmux would cut off its end, which matters
        /// most.
        private static func room(_ options: [String: String]) -> Int? {
            ["right", "left"].compactMap { side in
                guard let format = options["status-\(side)"], format.contains("#{cadre_status}") else { return nil }
                var depth = 0
                let others = format.reduce(0) { count, character in
                    depth += "{[".contains(character) ? 1 : "}]".contains(character) ? -1 : 0
                    return depth > 0 || "#}]".contains(character) ? count : count + 1
                }
                return options["status-\(side)-length"].flatMap { Int($0) }.map { max(0, $0) - others }
            }.min()
        }

        /// The same with letters, which need the least room.
        var short: Look {
            var look = self
            look.icons = "ascii"
            return look
        }

        private func plain(_ name: String, _ count: Int) -> String {
            switch icons {
            case "ascii": return "\(count)\(Segments.letters[name] ?? "")"
            case "nerd": return "\(Segments.glyphs[name] ?? "") \(count)"
            default: return Bus.counted(count, name)
            }
        }

        typealias Part = [(segment: String, name: String, count: Int)]

        /// Columns, each of a number's characters being one.
        func width(of parts: [Part]) -> Int {
            max(
                0,
                parts.map { part in part.map { plain($0.name, $0.count).count + 1 }.reduce(0, +) - 1 + 3 }.reduce(0, +)
                    - 3)
        }

        /// An amount of money with its style.
        func money(_ text: String) -> String {
            let text = Tmux.escaped(text)
            guard isColored, let style = style("cost") else { return text }
            return "#[push-default]#[\(style)]\(text)#[default]#[pop-default]"
        }

        /// The numbers with their styles, after each of which the line goes on as it was.
        func styled(_ parts: [Part]) -> String {
            let text = parts.map { part in
                part.indices.map { at in
                    let (segment, name, count) = part[at]
                    var text = plain(name, count)
                    if isColored, let style = style(name) { text = "#[\(style)]\(text)#[default]" }
                    let range = Segments.range(segment, name)
                    func isSame(_ other: Int) -> Bool {
                        part.indices.contains(other) && Segments.range(part[other].segment, part[other].name) == range
                    }
                    if hasRanges, !isSame(at - 1) { text = "#[range=user|\(range)]" + text }
                    if hasRanges, !isSame(at + 1) { text += "#[norange]" }
                    return text
                }.joined(separator: " ")
            }.joined(separator: " | ")
            return text.contains("#[") && isColored ? "#[push-default]\(text)#[pop-default]" : text
        }

        /// The option is a style, or a colour alone.
        private func style(_ name: String) -> String? {
            guard let set = styles[name]?.filter({ $0 != "]" }), !set.isEmpty, set != "none" else { return nil }
            let words = ["bold", "dim", "reverse", "italics", "underscore", "blink"]
            return set.contains("=") || set.contains(",") || words.contains(set) ? set : "fg=\(set)"
        }
    }
}
