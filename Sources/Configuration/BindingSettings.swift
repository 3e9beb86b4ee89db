import Bus
import Storage

// The settings that bind agents. An agent can write git's configuration like a person, and nobody sees who did. So a
// verb by which a person starts something records the values (`Bus.knownSettings`). While an agent lives, a change
// since then has this effect:
//
//   a value that binds more counts at once: another gate command, a lower limit, another protected path
//   a value that binds less waits, and the recorded value holds, until a person answers one ask that shows both
//
// An answer is about exactly these values: it holds as long as the same values would be asked about.
extension Settings {
    private enum Kind {
        /// A number, less of which is stricter.
        case limit(Int)
        /// Several values, all of which bind.
        case all
        /// Several values, each of which frees.
        case any
        /// One that has no order.
        case one
        case review
        case budget
    }

    private static let binding: [(key: String, kind: Kind)] =
        [
            ("review", .review), ("gate", .all), ("protected", .all), ("sandbox", .one), ("mergemode", .one),
            ("allow", .any), ("answerdialogs", .any),
        ]
        + [
            NumberSetting.maxAgents, .maxChildren, .maxDepth, .spawnRate, .maxRestarts, .maxAttempts, .mergeAttempts,
            .wakeRate,
        ].map { ($0.key.lowercased(), .limit($0.otherwise)) } + [("budget", .budget)]

    /// A setting that was made to bind less.
    package struct Loosened {
        package var key: String
        package var old: [String]
        package var new: [String]

        /// For a person, in one line.
        package var text: String { "cadre.\(key): \(Loosened.shown(old)) -> \(Loosened.shown(new))" }
        private static func shown(_ values: [String]) -> String {
            values.isEmpty ? "none" : values.map { "'\(Names.shown($0))'" }.joined(separator: ", ")
        }
    }

    /// The values that bind now, as they are recorded.
    package var bindingRecord: KnownSettings {
        var record = KnownSettings()
        for (key, kind) in Settings.binding { record[KnownSettingsFields.setting(key)] = bindingValues(key, kind) }
        return record
    }

    private func bindingValues(_ key: String, _ kind: Kind) -> [String] {
        if key == "review" {
            return [string(key).flatMap { $0.isEmpty ? nil : $0 } ?? (list("gate").isEmpty ? "human" : "none")]
        }
        switch kind {
        case .one, .limit: return string(key).map { [$0] } ?? []
        default: return list(key)
        }
    }

    /// The settings that bind less than the record, in the order of the table. While `.cadre` has unseen commands, the
    /// settings that hold commands are left out: unseen commands stop the queue by themselves, so there is nothing to
    /// ask.
    func loosened(since record: KnownSettings) -> [Loosened] {
        Settings.binding.compactMap { key, kind in
            let (old, new) = (record[KnownSettingsFields.setting(key)] ?? [], bindingValues(key, kind))
            guard old != new, Settings.isLooser(new, than: old, kind) else { return nil }
            switch kind {
            case .all, .one: if !unseen.isEmpty { return nil }
            default: break
            }
            return Loosened(key: key, old: old, new: new)
        }
    }

    private static func isLooser(_ new: [String], than old: [String], _ kind: Kind) -> Bool {
        switch kind {
        case .limit(let otherwise):
            func number(_ values: [String]) -> Int? { values.isEmpty ? otherwise : values.last.flatMap { Int($0) } }
            guard let before = number(old), let now = number(new) else { return true }
            return now > before
        case .all: return !old.allSatisfy(new.contains)
        case .any: return !new.allSatisfy(old.contains)
        case .one: return !old.isEmpty
        case .review:
            func rank(_ name: String?) -> Int { ["none": 0, "agent": 1, "human": 3][name ?? ""] ?? 2 }
            return rank(new.last) < rank(old.last) || rank(new.last) == 2 && rank(old.last) == 2
        case .budget:
            // `20/day` and the like: each scope that had an amount has one that is not higher.
            func amounts(_ values: [String]) -> [String: Double] {
                var all: [String: Double] = [:]
                for value in values {
                    let parts = value.split(separator: "/", maxSplits: 1).map(String.init)
                    all[parts.count == 2 ? parts[1] : "day"] = Double(parts.first ?? "") ?? .infinity
                }
                return all
            }
            let now = amounts(new)
            return !amounts(old).allSatisfy { scope, amount in (now[scope] ?? .infinity) <= amount }
        }
    }

    /// Puts the recorded values in the place of those that wait for an answer.
    mutating func hold(_ bus: Bus) throws {
        guard let record = try bus.knownSettings() else { return }
        let changed = loosened(since: record)
        guard !changed.isEmpty, try bus.hasLiving() else { return }
        let answer = try bus.answeredAsk(Settings.ask)
        if answer?.record.digest == Settings.digest(changed), answer?.answer == "approved" { return }
        waiting = changed
        for one in changed { set(one.key, to: one.old) }
    }

    private static let ask = "settings"
    private static func digest(_ changed: [Loosened]) -> String {
        Digest.of(Array(changed.map(\.text).joined(separator: "\n").utf8))
    }

    /// Asks the person about what waits, once; takes the ask back when nothing does any more.
    package func askForWaiting(_ bus: Bus) throws {
        let open = try bus.ask(Settings.ask).flatMap { $0.answer == nil ? $0 : nil }
        guard !waiting.isEmpty else {
            if open != nil { try bus.closeAsk(named: Settings.ask, by: "cadre", "as it was") }
            return
        }
        let digest = Settings.digest(waiting)
        if let open, open.record.digest != digest { try bus.closeAsk(named: Settings.ask, by: "cadre", "changed") }
        try bus.openAsk(
            named: Settings.ask, by: "cadre", digest: digest, unlessAnswered: true,
            "settings that bind agents were changed while agents run; the old values hold until you approve\n\n"
                + waiting.map { $0.text + "\n" }.joined())
    }

    /// Records these values, which were read without `holds`, as known to the person who starts something. Returns
    /// those that bind less than the record did.
    package func becomeKnown(_ bus: Bus) throws -> [Loosened] {
        let changed = try bus.knownSettings().map(loosened) ?? []
        try bus.setKnownSettings(bindingRecord)
        try bus.closeAsk(named: Settings.ask, by: "human", "seen")
        for one in changed { bus.journal("settings", by: "human", ["what": one.text]) }
        return changed
    }
}
