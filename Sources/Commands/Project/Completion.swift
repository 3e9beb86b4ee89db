import ArgumentParser
import Bus
import CommandKit
import FoundationEssentials

/// A word that could stand there, and what it is.
struct Candidate {
    var text: String
    var about = ""

    /// What the shell completes by itself.
    static let files = Candidate(text: ":files")
    static let directories = Candidate(text: ":directories")
}

/// Candidates for the last word of a command. They read the words as the verb would: common options before the verb, a
/// subcommand, options with values, then arguments in order. Options, subcommands and their descriptions come from the
/// verbs' declarations; the name of an argument says what it takes, see `Live`.
struct Completion {
    /// A verb as it describes itself; the form is that of swift-argument-parser's `--experimental-dump-help`.
    private struct Description: Decodable { var command: Command }
    private struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var defaultSubcommand: String?
        var subcommands: [Command]?
        var arguments: [Argument]?
    }
    private struct Argument: Decodable {
        var kind: String
        var shouldDisplay: Bool
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
        var abstract: String?

        var spelled: [String] { (names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name } }
        /// `--wait` may stand alone.
        var takesValue: Bool { kind == "option" && !spelled.contains("--wait") }
    }
    private struct Name: Decodable {
        var kind: String
        var name: String
    }

    static func of(_ words: [String]) -> [Candidate] {
        guard words.count > 1, let program = words[0].split(separator: "/").last else { return [] }
        var given = words[1...]
        let last = given.removeLast()
        var verb = program.hasPrefix("cadre-") ? String(program.dropFirst(6)) : nil
        var common = Common.Values()
        if verb == nil {
            let (options, rest) = CommandRunner.leading(Array(given))
            take(options, &common)
            given = rest
            if options.last == "-C" { return [.directories] }
            guard let first = given.popFirst() else {
                if last.hasPrefix("-") {
                    return fit(
                        ["-C", "--as", "--help", "--json", "--list-verbs", "--quiet", "--version"].map {
                            Candidate(text: $0)
                        }, last)
                }
                return fit(
                    CommandTable.all.filter { !$0.isForMachines }.map {
                        Candidate(text: $0.name, about: $0.type.configuration.abstract)
                    } + [Candidate(text: "help", about: "Show a manual page.")], last)
            }
            verb = first
        }
        if verb == "help" {
            return given.isEmpty
                ? fit(
                    (CommandTable.all.map(\.name) + ["cadre", "config", "bus", "security"]).map {
                        Candidate(text: $0)
                    }, last) : []
        }
        guard let verb, let type = CommandTable.find(verb)?.type,
            let description = try? JSONDecoder().decode(Description.self, from: Data(type._dumpHelp().utf8))
        else { return [] }
        return within(verb, description.command, given, last, common)
    }

    private static func take(_ options: [String], _ common: inout Common.Values) {
        var rest = options[...]
        while let option = rest.popFirst() {
            switch option {
            case "-C": common.directory = rest.popFirst()
            case "--as": common.as = rest.popFirst()
            default: break
            }
        }
    }

    private static func within(
        _ verb: String, _ whole: Command, _ words: ArraySlice<String>, _ last: String, _ before: Common.Values
    ) -> [Candidate] {
        var reading = Reading(whole, before)
        for word in words { reading.take(word) }
        let live = Live([verb] + reading.subcommand, words, reading.common)
        if let option = reading.pending {
            return fit(live.values(option.valueName ?? "", option: option.spelled.last ?? ""), last)
        }
        let shown = (reading.start.arguments ?? []).filter(\.shouldDisplay)
        if !reading.isLiteral, last.hasPrefix("-") { return options(shown, last, live) }

        var all: [Candidate] =
            reading.isChosen
            ? [] : reading.subcommands.map { Candidate(text: $0.commandName, about: $0.abstract ?? "") }
        let places = shown.filter { $0.kind == "positional" }
        let place = reading.place
        if let argument = place < places.count ? places[place] : places.last.flatMap({ $0.isRepeating ? $0 : nil }) {
            all += live.values(argument.valueName ?? "", option: nil)
        }
        return fit(all, last)
    }

    /// What the words of a verb are, one after the other.
    private struct Reading {
        private let whole: Command
        /// The verb, or its subcommand once that is named.
        private var command: Command
        let subcommands: [Command]
        private(set) var common: Common.Values
        /// Whether it is known which subcommand it is.
        private(set) var isChosen: Bool
        /// How many arguments there are that are no options.
        private(set) var place = 0
        /// Behind `--`: no options any more.
        private(set) var isLiteral = false
        /// The option whose value is next.
        private(set) var pending: Argument?

        init(_ whole: Command, _ common: Common.Values) {
            self.whole = whole
            self.common = common
            command = whole
            subcommands = (whole.subcommands ?? []).filter { $0.commandName != "help" }
            isChosen = subcommands.isEmpty
        }

        /// The subcommand's name, if there is one.
        var subcommand: [String] { isChosen && !subcommands.isEmpty ? [command.commandName] : [] }

        /// Whose options and arguments can be next: those of the default subcommand, which need not be named.
        var start: Command {
            isChosen ? command : subcommands.first { $0.commandName == whole.defaultSubcommand } ?? command
        }

        mutating func take(_ word: String) {
            if let option = pending {
                Completion.take([option.spelled[0], word], &common)
                pending = nil
            } else if !isLiteral, word == "--" {
                isLiteral = true
            } else if !isLiteral, word.hasPrefix("-"), word != "-" {
                func named(in command: Command) -> Argument? {
                    command.arguments?.first { $0.takesValue && $0.spelled.contains(word) }
                }
                pending = named(in: command)
                if !isChosen, pending == nil { pending = subcommands.lazy.compactMap(named).first }
            } else if !isChosen {
                isChosen = true
                if !enter(word) {
                    _ = enter(whole.defaultSubcommand)
                    place += 1
                }
            } else {
                place += 1
            }
        }

        private mutating func enter(_ name: String?) -> Bool {
            guard let found = subcommands.first(where: { $0.commandName == name }) else { return false }
            command = found
            return true
        }
    }

    /// The options, or what the value of one can be behind its `=`.
    private static func options(_ shown: [Argument], _ last: String, _ live: Live) -> [Candidate] {
        if let equals = last.firstIndex(of: "="),
            let option = shown.first(where: { $0.kind == "option" && $0.spelled.contains(String(last[..<equals])) })
        {
            let name = last[...equals]
            return fit(
                live.values(option.valueName ?? "", option: String(name.dropLast())),
                String(last[last.index(after: equals)...])
            )
            .map { $0.text.hasPrefix(":") ? $0 : Candidate(text: name + $0.text, about: $0.about) }
        }
        return fit(
            shown.filter { $0.kind != "positional" }.flatMap { argument in
                argument.spelled.filter { $0.hasPrefix("--") || argument.spelled.count == 1 }.map {
                    Candidate(text: $0, about: argument.abstract ?? "")
                }
            }, last)
    }

    private static func fit(_ all: [Candidate], _ last: String) -> [Candidate] {
        all.filter { $0.text.hasPrefix(last) || $0.text.hasPrefix(":") }
    }
}
