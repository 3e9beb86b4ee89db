import ArgumentParser
import Bus
import ClaimCommand
import CommandKit
import Commands
import Glibc
import InboxCommand
import Storage

// One binary of all verbs: as `cadre-VERB` by its link's name, as `cadre VERB` by its argument. An unknown verb is a
// program `cadre-VERB` on PATH.
SuperviseVerb.becomeHelperIfAsked(CommandLine.unsafeArgv, Int(CommandLine.argc))

let own = String(cString: CommandLine.unsafeArgv[0]!).split(separator: "/").last.map(String.init) ?? "cadre"
var arguments = CommandRunner.rawArguments()
if own.hasPrefix("cadre-"), let command = CommandTable.find(String(own.dropFirst(6))) {
    CommandRunner.callFromSandbox(command.name, [], arguments)
    CommandRunner.run(command.type, arguments)
}

// Options before the verb go behind it.
let (before, rest) = CommandRunner.leading(arguments)
arguments = Array(rest)
guard let name = arguments.first, !name.hasPrefix("-") else {
    switch arguments.first {
    case "--version":
        print("cadre \(CommandContext.version)")
        exit(0)
    case "--list-verbs":
        for command in CommandTable.all { print(command.name) }
        exit(0)
    case "-h", "--help":
        print(CommandTable.overview(all: false))
        exit(0)
    case let option?: Output.complain("cadre: unknown option '\(Names.shown(option))'; see 'cadre --help'")
    case nil: begin(before)
    }
    exit(64)
}
arguments.removeFirst()
if name == "help" { help(arguments) }
CommandRunner.callFromSandbox(name, before, arguments)
switch (name, arguments) {
case ("status", []): CommandRunner.runPlain(name, before) { try StatusVerb.show($0) }
case ("claim", []): CommandRunner.runPlain(name, before) { try ClaimVerb.best($0) }
case ("inbox", ["next"]): CommandRunner.runPlain(name, before) { try InboxVerb.next($0) }
default: break
}
if let command = CommandTable.find(name) { CommandRunner.run(command.type, before + arguments) }
CommandContext.exec("cadre-\(name)", before + arguments)
let words = ["help"] + CommandTable.all.filter { !$0.isForMachines }.map(\.name)
Output.complain("cadre: no verb '\(Names.shown(name))'\(Names.meant(name, words)); see 'cadre help -a'")
exit(64)

/// `cadre` alone: in a project how it stands, else what there is.
func begin(_ options: [String]) {
    CommandRunner.runPlain("status", options) { tool in
        guard (try? tool.busIfAny()) ?? nil != nil else {
            let text = CommandTable.overview(all: false) + "\n\n'cadre init' in a git repository begins."
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) { Output.complain(String(line)) }
            throw ExitCode(64)
        }
        try StatusVerb.standing(tool)
    }
}

/// `cadre help [-a | TOPIC]`: the manual page where there is one and a man(1) to show it, else the usage.
func help(_ arguments: [String]) -> Never {
    switch arguments.first {
    case nil, "-h", "--help":
        print(CommandTable.overview(all: false))
        exit(0)
    case "-a", "--all":
        print(CommandTable.overview(all: true))
        exit(0)
    case "--version":
        print("cadre \(CommandContext.version)")
        exit(0)
    case let topic?:
        if let page = manualPage(topic) { CommandContext.exec("man", ["-l", page]) }
        // Still here: no page, or no man(1).
        if topic == "cadre" {
            print(CommandTable.overview(all: true))
            exit(0)
        }
        if let command = CommandTable.find(topic) {
            CommandRunner.run(command.type, arguments.dropFirst().prefix(1) + ["--help"])
        }
        let topics = ["cadre", "bus", "config", "faq", "programs", "security", "tmux", "tutorial"]
        Output.complain(
            "cadre help: no manual page of '\(Names.shown(topic))'"
                + "\(Names.meant(topic, topics + CommandTable.all.map(\.name))); see 'cadre help -a'")
        exit(64)
    }
}

/// The page of a verb, or of `cadre`, `config`, `bus`, `security`: in PREFIX/share/man of the installed
/// PREFIX/bin/cadre, or among the sources that the executable was built from.
func manualPage(_ topic: String) -> String? {
    guard Names.isName(topic), let found = realpath("/proc/self/exe", nil) else { return nil }
    defer { free(found) }
    let executable = String(cString: found)
    let prefix = executable.split(separator: "/").dropLast(2).map { "/" + $0 }.joined()
    let page = topic == "cadre" ? "cadre" : "cadre-\(topic)"
    // Debian's are compressed; man(1) reads them too.
    var places = ["1", "5", "7"].flatMap { section in
        ["", ".gz"].map { "\(prefix)/share/man/man\(section)/\(page).\(section)\($0)" }
    }
    if let build = executable.firstRange(of: "/.build/") {
        let manual = executable[..<build.lowerBound] + "/Sources/Manual/"
        places += ["1", "5", "7"].map { "\(manual)\(page).\($0)" }
    }
    return places.first { access($0, R_OK) == 0 }
}
