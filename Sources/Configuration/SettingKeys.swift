import Bus
import Storage

/// A setting that is a number, and what counts where it is not set. cadre-config(5) says the same, which a test checks.
package struct NumberSetting: Sendable {
    package let key: String
    package let otherwise: Int
    /// Whether it is set as a duration, such as `5m`, and counted in seconds.
    package let isTime: Bool

    private init(_ key: String, _ otherwise: Int, isTime: Bool = false) {
        self.key = key
        self.otherwise = otherwise
        self.isTime = isTime
    }

    package static let fetch = NumberSetting("fetch", 300, isTime: true)
    package static let gateTimeout = NumberSetting("gateTimeout", 1800, isTime: true)
    package static let lease = NumberSetting("lease", 3600, isTime: true)
    package static let maxAgents = NumberSetting("maxAgents", 30)
    package static let maxAttempts = NumberSetting("maxAttempts", 3)
    package static let maxChildren = NumberSetting("maxChildren", 8)
    package static let maxDepth = NumberSetting("maxDepth", 3)
    package static let maxRestarts = NumberSetting("maxRestarts", 5)
    package static let mergeAttempts = NumberSetting("mergeAttempts", 3)
    package static let mergeBatch = NumberSetting("mergeBatch", 5)
    package static let permissionWait = NumberSetting("permissionWait", 300, isTime: true)
    package static let portBase = NumberSetting("portBase", 42000)
    package static let retryPause = NumberSetting("retryPause", 60, isTime: true)
    package static let silence = NumberSetting("silence", 300, isTime: true)
    package static let spawnRate = NumberSetting("spawnRate", 10)
    package static let wakeRate = NumberSetting("wakeRate", 30)

    package static let all = [
        fetch, gateTimeout, lease, maxAgents, maxAttempts, maxChildren, maxDepth, maxRestarts, mergeAttempts,
        mergeBatch, permissionWait, portBase, retryPause, silence, spawnRate, wakeRate,
    ]
}

// The settings, see cadre-config(5). The verb that reads a bad value refuses it; `mistakes` looks at all of them,
// because no verb ever reads a misspelt key.
extension Settings {
    enum Form {
        case text, flag
        case number(NumberSetting)
        case word([String])
    }

    static let known: [(key: String, form: Form)] =
        NumberSetting.all.map { ($0.key, .number($0)) }
        + [
            ("mergeMode", .word(MergeMode.allCases.map(\.rawValue))), ("mergeStrategy", .word(Strategy.names)),
            ("restart", .word(RestartPolicy.names)),
        ] + ["advice", "gateParallel", "pushHook"].map { ($0, .flag) }
        + [
            "allow", "answerDialogs", "branchPrefix", "budget", "disposable", "environment", "gate", "program",
            "protected", "review", "rule", "sandbox", "setup", "target", "teammate", "worktrees",
        ].map { ($0, .text) }
    /// Sections with a part for each of something.
    private static let sections = ["key", "program"]

    /// Keys that are no settings, and values that none can have, a line each.
    package func mistakes() -> (unknown: [String], wrong: [String]) {
        var unknown: [String] = []
        var wrong: [String] = []
        for key in Set(values.map(\.key)).sorted() where !Settings.sections.contains(where: { key.hasPrefix("\($0).") })
        {
            guard let known = Settings.known.first(where: { $0.key.lowercased() == key }) else {
                unknown.append(
                    "there is no setting 'cadre.\(Names.shown(key))'" + Names.meant(key, Settings.known.map(\.key)))
                continue
            }
            do {
                switch known.form {
                case .text: break
                case .number(let setting): _ = try number(setting)
                case .flag: _ = try flag(known.key)
                case .word(let words): _ = try choice(known.key, words, words[0])
                }
            } catch { wrong.append("\(error)") }
        }
        return (unknown, wrong)
    }
}
