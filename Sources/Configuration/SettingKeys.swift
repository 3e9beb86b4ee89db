import Bus
import Git
import Storage

// The settings that there are, see cadre-config(5). A value that a verb can't use is refused by the verb that reads it;
// here all are looked at, since one that is misspelt is read by nobody.
extension Settings {
    enum Form {
        case text, number, flag, time
        case word([String])
    }

    static let known: [(key: String, form: Form)] = [
        ("advice", .flag), ("allow", .text), ("answerDialogs", .text), ("branchPrefix", .text), ("budget", .text),
        ("disposable", .text), ("environment", .text),
        ("fetch", .time), ("gate", .text), ("gateParallel", .flag), ("gateTimeout", .time), ("lease", .time),
        ("maxAgents", .number),
        ("maxAttempts", .number), ("maxChildren", .number), ("maxDepth", .number), ("maxRestarts", .number),
        ("mergeAttempts", .number),
        ("mergeBatch", .number), ("mergeMode", .word(MergeMode.allCases.map(\.rawValue))),
        ("mergeStrategy", .word(Strategy.names)),
        ("permissionWait", .time), ("portBase", .number), ("program", .text), ("protected", .text), ("pushHook", .flag),
        ("retryPause", .time), ("restart", .word(RestartPolicy.names)), ("review", .text),
        ("rule", .text), ("sandbox", .text), ("setup", .text),
        ("silence", .time), ("spawnRate", .number), ("target", .text), ("teammate", .text), ("wakeRate", .number),
        ("worktrees", .text),
    ]
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
                case .number: _ = try int(known.key, 0)
                case .flag: _ = try flag(known.key)
                case .time: _ = try seconds(known.key, 0)
                case .word(let words): _ = try choice(known.key, words, words[0])
                }
            } catch { wrong.append("\(error)") }
        }
        return (unknown, wrong)
    }
}
