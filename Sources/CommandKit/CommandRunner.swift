import ArgumentParser
import Bus
import Glibc
import Storage

/// One verb: its options, and what it does.
package protocol Verb: ParsableCommand {
    func run(_ tool: CommandContext) throws
    var common: Common { get }
    /// Whether the runner starts a resting agent for a task that this verb has made ready, if no agent runs.
    static var rouses: Bool { get }
}

extension Verb {
    package static var rouses: Bool { true }

    package mutating func run() throws {
        let tool = try CommandContext(common.values)
        defer { if Self.rouses, Bus.hasOffered { tool.rouse() } }
        try run(tool)
    }
}

extension CommandConfiguration {
    /// Of the verb `cadre VERB`. Standing below `cadre` also spares the parser its search for
    /// `--generate-completion-script`, which is half of what parsing takes.
    package init(
        verb: String, abstract: String, subcommands: [ParsableCommand.Type] = [],
        defaultSubcommand: ParsableCommand.Type? = nil
    ) {
        self.init(
            commandName: verb, _superCommandName: "cadre", abstract: abstract, subcommands: subcommands,
            defaultSubcommand: defaultSubcommand)
    }
}

/// Options that every verb has.
package struct Common: ParsableArguments {
    @Option(
        name: .customShort("C", allowingJoined: true), help: ArgumentHelp("Run as if started in DIR.", valueName: "dir")
    )
    package var directory: String?

    @Flag(name: .shortAndLong, help: "Print nothing but errors.")
    package var quiet = false

    @Flag(name: .long, help: "Print one JSON object a line.")
    package var json = false

    @Option(name: .long, help: ArgumentHelp("Act under this name.", valueName: "name"))
    package var `as`: String?

    package init() {}

    static var words: [Word<Common>] {
        [
            .option(["-C"]) { $0.directory = $1 }, .option(["--as"]) { $0.as = $1 },
            .flag(["-q", "--quiet"]) { $0.quiet = $1 },
            .flag(["--json"]) { $0.json = $1 },
        ]
    }

    /// What they say, apart from the parser.
    package struct Values {
        package var directory: String?
        package var quiet = false
        package var json = false
        package var `as`: String?

        package init() {}
    }

    var values: Values {
        var all = Values()
        all.directory = directory
        all.quiet = quiet
        all.json = json
        all.as = `as`
        return all
    }
}

/// Runs a verb and ends the process with the exit code that all verbs share.
package enum CommandRunner {
    /// `cadre VERB`, once it runs: what errors begin with.
    nonisolated(unsafe) private static var running = "cadre"

    /// Says what went wrong, with the verb's name in front.
    package static func complain(_ message: String) { Output.complain("\(running): \(message)") }

    package static func run(_ verb: any ParsableCommand.Type, _ arguments: [String] = rawArguments()) -> Never {
        occupyStandard()
        if arguments.prefix(while: { $0 != "--" }).contains("--version") {
            print("cadre \(CommandContext.version)")
            exit(0)
        }
        running = "cadre \(verb._commandName)"
        let arguments = behind(verb, prepare(arguments))
        if var hot = hot(verb, arguments) { perform(running) { try hot.run() } }
        end {
            var command = try verb.parseAsRoot(arguments)
            if type(of: command) == verb, !verb.configuration.subcommands.isEmpty {
                throw Failure.usage(
                    "which? " + verb.configuration.subcommands.map { $0._commandName }.joined(separator: ", "))
            }
            try command.run()
        } otherwise: { error in
            let code = verb.exitCode(for: error).rawValue
            if code == 0 {
                print(usage(verb.fullMessage(for: error)))
                exit(0)
            }
            var name = running
            let subcommands = verb.configuration.subcommands.map { $0._commandName }
            if let first = leading(arguments).rest.first, !subcommands.isEmpty, !first.hasPrefix("-"),
                verb.configuration.defaultSubcommand == nil || Names.nearest(first, subcommands) != nil,
                !subcommands.contains(first)
            {
                let near = Names.nearest(first, subcommands)
                complain(
                    "no subcommand '\(Names.shown(first))'"
                        + (near.map { ": did you mean '\($0)'?" } ?? ", use \(subcommands.joined(separator: ", "))")
                        + "; see '\(name) --help'")
                exit(64)
            }
            if let first = arguments.first, verb.configuration.subcommands.contains(where: { $0._commandName == first })
            {
                name += " " + first
            }
            let message = verb.message(for: error).split(separator: "\n").joined(separator: " ")
            complain(message.prefix(1).lowercased() + message.dropFirst() + "; see '\(name) --help'")
            exit(code == EX_USAGE ? 64 : 70)
        }
    }

    /// The verb that is meant, or one of its subcommands, where the short way reads the arguments.
    private static func hot(_ verb: any ParsableCommand.Type, _ arguments: [String]) -> (any HotVerb)? {
        var (type, rest) = (verb, arguments[...])
        let configuration = verb.configuration
        if let named = configuration.subcommands.first(where: { $0._commandName == arguments.first }) {
            (type, rest) = (named, rest.dropFirst())
        } else if let otherwise = configuration.defaultSubcommand {
            type = otherwise
        }
        return (type as? any HotVerb.Type)?.quick(rest)
    }

    /// Runs a hot verb without options of its own, past the parser, which would take ten times as long as the work.
    /// Returns if there are other options than the common ones, so that the parser must read them.
    package static func runPlain(_ name: String, _ options: [String], _ body: (CommandContext) throws -> Void) {
        var values = Common.Values()
        var rest = options[...]
        while let option = rest.popFirst() {
            switch option {
            case "-C": values.directory = rest.popFirst()
            case "--as": values.as = rest.popFirst()
            case "-q", "--quiet": values.quiet = true
            case "--json": values.json = true
            default: return
            }
        }
        perform("cadre \(name)") { try body(CommandContext(values)) }
    }

    /// Does it under this name, and ends the process with its exit code.
    static func perform(_ name: String, _ body: () throws -> Void) -> Never {
        occupyStandard()
        running = name
        end(body) {
            complain("\($0)")
            exit(70)
        }
    }

    /// Opens /dev/null on each standard descriptor that the caller has closed: else a file of the bus could take its
    /// place, and output would go into that. Its mode lets every read or write fail, so the verb reports it.
    private static func occupyStandard() {
        for (fd, flags) in [(Int32(0), O_WRONLY), (1, O_RDONLY), (2, O_RDWR)] where fcntl(fd, F_GETFD) < 0 {
            _ = open("/dev/null", flags)
        }
    }

    /// Ends the process with the exit code of `body`.
    private static func end(_ body: () throws -> Void, otherwise: (Error) -> Never) -> Never {
        do {
            try body()
            Output.finish()
            exit(0)
        } catch let code as ExitCode {
            Output.finish()
            exit(code.rawValue)
        } catch let failure as Failure {
            Output.finish()
            complain(failure.message)
            exit(failure.kind.rawValue)
        } catch {
            Output.finish()
            otherwise(error)
        }
    }

    /// The parser doesn't know that the value of `--wait` and `--color` may be left out: see `prepare`.
    private static func usage(_ text: String) -> String {
        ["--wait <time>", "--color <when>"].reduce(text) { text, option in
            let own = option.replacing(" <", with: "[=<") + "]"
            return text.replacing(option + "  ", with: own).replacing(option, with: own)
        }
    }

    /// Common options may stand before a subcommand, as in `cadre -C DIR task list`: the parser wants them behind it.
    private static func behind(_ verb: any ParsableCommand.Type, _ arguments: [String]) -> [String] {
        let subcommands = Set(verb.configuration.subcommands.map { $0._commandName })
        guard !subcommands.isEmpty else { return arguments }
        let (options, rest) = leading(arguments)
        guard let name = rest.first, subcommands.contains(name) else { return arguments }
        return [name] + options + rest.dropFirst()
    }

    /// The common options that the arguments begin with, and the rest.
    package static func leading(_ arguments: [String]) -> (options: [String], rest: ArraySlice<String>) {
        var rest = arguments[...]
        var options: [String] = []
        while let first = rest.first, first.hasPrefix("-"), first != "-", first != "--" {
            let takesValue = first == "-C" || first == "--as"
            guard
                takesValue || ["-q", "--quiet", "--json"].contains(first) || first.hasPrefix("--as=")
                    || first.hasPrefix("-C")
            else { break }
            options.append(rest.removeFirst())
            if takesValue, let value = rest.popFirst() { options.append(value) }
        }
        return (options, rest)
    }

    /// `--wait` may stand alone or as `--wait=TIME`, `--color` likewise: the parser wants a value.
    private static func prepare(_ arguments: [String]) -> [String] {
        var literal = false
        return arguments.map { argument in
            if argument == "--" { literal = true }
            switch argument {
            case "--wait" where !literal: return "--wait=forever"
            case "--color" where !literal: return "--color=always"
            default: return argument
            }
        }
    }

    /// The arguments but for the program's name, each byte of them kept: see `Bytes`.
    package static func rawArguments() -> [String] {
        (1..<max(1, Int(CommandLine.argc))).map { Bytes.decode(CommandLine.unsafeArgv[$0]!) }
    }
}

/// Arguments are bytes; Swift's strings are not. Each byte that is not part of valid UTF-8 is carried as one of the
/// 256 code points from U+10FF00 on, and so are the bytes of those code points themselves, so nothing is lost.
package enum Bytes {
    static func decode(_ argument: UnsafePointer<CChar>) -> String {
        if let text = String(validatingCString: argument),
            !text.unicodeScalars.contains(where: { $0.value >= 0x10ff00 })
        {
            return text
        }
        var out = String.UnicodeScalarView()
        let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
        var at = 0
        while at < bytes.count {
            let length = bytes[at] < 0x80 ? 1 : bytes[at] < 0xe0 ? 2 : bytes[at] < 0xf0 ? 3 : 4
            if at + length <= bytes.count, let text = String(validating: bytes[at..<at + length], as: UTF8.self),
                let scalar = text.unicodeScalars.first, scalar.value < 0x10ff00
            {
                out.append(scalar)
                at += length
            } else {
                out.append(Unicode.Scalar(0x10ff00 + UInt32(bytes[at]))!)
                at += 1
            }
        }
        return String(out)
    }

    /// The bytes of an argument as they were given.
    package static func of(_ argument: String) -> [UInt8] {
        var out: [UInt8] = []
        for scalar in argument.unicodeScalars {
            if scalar.value >= 0x10ff00 {
                out.append(UInt8(scalar.value & 0xff))
            } else {
                out += Array(String(scalar).utf8)
            }
        }
        return out
    }

    /// Whether the argument was valid UTF-8.
    static func isText(_ argument: String) -> Bool { argument.unicodeScalars.allSatisfy { $0.value < 0x10ff00 } }
}
