import Processes
import Storage
import SystemPackage

/// A program's settings by key: the user's values, or where the user set none those of the file that cadre ships. An
/// empty value counts as none. Reading throws `Failure.usage` for a value that the key doesn't allow.
struct ProgramValues {
    private let name: String
    private let known: [(key: String, value: String)]
    private let set: (String) -> [String]

    init(_ name: String, file: FilePath?, set: @escaping (String) -> [String]) throws {
        self.name = name
        known = try file.map { try ProgramValues.read($0, name) } ?? []
        self.set = set
    }

    /// What was read, by file, and the stamp of the file then: a spawn asks for it once for each agent and more.
    nonisolated(unsafe) private static var kept: [String: (stamp: String, values: [(key: String, value: String)])] = [:]

    private static func read(_ file: FilePath, _ name: String) throws -> [(key: String, value: String)] {
        let stamp = Files.stamp(file)?.text
        if let stamp, let kept = kept[file.string], kept.stamp == stamp { return kept.values }
        let values = try readAgain(file, name)
        if let stamp { kept[file.string] = (stamp, values) }
        return values
    }

    private static func readAgain(_ file: FilePath, _ name: String) throws -> [(key: String, value: String)] {
        let result = try Program(["git", "config", "--file", file.string, "--null", "--list"]).run()
        guard result.status == 0 else { throw Failure.unsure("unable to read '\(file.string)': \(result.complaint)") }
        return result.output.split(separator: 0).compactMap { entry in
            let parts = entry.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
            let prefix = "cadre.program.\(name)."
            guard parts.count == 2, parts[0].hasPrefix(prefix) else { return nil }
            return (String(parts[0].dropFirst(prefix.count)), parts[1])
        }
    }

    func list(_ key: String) -> [String] {
        let own = set("program.\(name).\(key.lowercased())")
        return (own.isEmpty ? known.filter { $0.key == key.lowercased() }.map(\.value) : own).filter { !$0.isEmpty }
    }

    func last(_ key: String) -> String? { list(key).last }

    /// One of the cases, which `words` tells to a person.
    func choice<T: RawRepresentable>(_ key: String, _ words: String) throws -> T? where T.RawValue == String {
        try last(key).map { try choice(key, $0, words) }
    }

    func choices<T: RawRepresentable>(_ key: String, _ words: String) throws -> [T] where T.RawValue == String {
        try list(key).map { try choice(key, $0, words) }
    }

    private func choice<T: RawRepresentable>(_ key: String, _ text: String, _ words: String) throws -> T
    where T.RawValue == String {
        guard let value = T(rawValue: text) else { throw bad(key, text, words) }
        return value
    }

    /// An option of its command line, or one word.
    func option(_ key: String, or word: String, _ words: String) throws -> String? {
        guard let text = last(key) else { return nil }
        guard text == word || text.hasPrefix("-") else { throw bad(key, text, words) }
        return text
    }

    func patterns(_ key: String) throws -> [Pattern] {
        try list(key).map { try Pattern($0, of: "cadre.program.\(name).\(key)") }
    }

    func dialogs() throws -> [(name: String, pattern: Pattern)] {
        try list("dialog").map { value in
            let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw bad("dialog", value, "NAME: PATTERN") }
            return (parts[0], try Pattern(String(parts[1].drop { $0 == " " }), of: "cadre.program.\(name).dialog"))
        }
    }

    func answers() throws -> [(dialog: String, version: String, keys: [String])] {
        try list("answer").map { value in
            let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
            let words = parts.count == 2 ? parts[1].split(separator: " ").map(String.init) : []
            guard words.count > 1 else { throw bad("answer", value, "DIALOG: VERSION KEY...") }
            return (parts[0], words[0], Array(words.dropFirst()))
        }
    }

    private func bad(_ key: String, _ value: String, _ words: String) -> Failure {
        Failure.usage("cadre.program.\(name).\(key) is '\(Names.shown(value))', use \(words)")
    }
}
