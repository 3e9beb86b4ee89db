import ArgumentParser
import Bus
import Glibc
import Tool
import VerbAsk
import VerbClaim
import VerbDoctor
import VerbHeartbeat
import VerbInbox
import VerbInit
import VerbLog
import VerbPath
import VerbRecover
import VerbSend
import VerbTask

// One binary of all verbs: as `cadre-VERB` by its link's name, as `cadre VERB` by its argument. An unknown verb is a
// program `cadre-VERB` on PATH.
let verbs: [(String, any ParsableCommand.Type)] = [
    ("init", InitVerb.self), ("path", PathVerb.self), ("task", TaskVerb.self), ("claim", ClaimVerb.self),
    ("send", SendVerb.self), ("inbox", InboxVerb.self), ("ask", AskVerb.self), ("heartbeat", HeartbeatVerb.self),
    ("recover", RecoverVerb.self), ("doctor", DoctorVerb.self), ("log", LogVerb.self),
]

func find(_ name: String) -> (any ParsableCommand.Type)? { verbs.first { $0.0 == name }?.1 }

let own = String(cString: CommandLine.unsafeArgv[0]!).split(separator: "/").last.map(String.init) ?? "cadre"
var arguments = Main.rawArguments()
if own.hasPrefix("cadre-"), let verb = find(String(own.dropFirst(6))) { Main.run(verb, arguments) }

// Options before the verb go behind it.
let (before, rest) = Main.leading(arguments)
arguments = Array(rest)
guard let name = arguments.first, !name.hasPrefix("-") else {
    switch arguments.first {
    case "--version": print("cadre \(Tool.version)"); exit(0)
    case "--list-verbs": for (name, _) in verbs { print(name) }; exit(0)
    case "-h", "--help":
        print(
            "usage: cadre [-C DIR] VERB [OPTION]... [ARGUMENT]...\n\n"
                + verbs.map { "  \($0.0)" + String(repeating: " ", count: 12 - $0.0.count) + $0.1.configuration.abstract }.joined(separator: "\n")
                + "\n\n'cadre VERB --help' tells more of each.")
        exit(0)
    case let option?: Out.complain("cadre: unknown option '\(Names.shown(option))'; see 'cadre --help'")
    case nil: Out.complain("cadre: no verb given; see 'cadre --help'")
    }
    exit(64)
}
arguments.removeFirst()
if name == "help", let verb = arguments.first.flatMap(find) { Main.run(verb, ["--help"]) }
if let verb = find(name) { Main.run(verb, before + arguments) }
Tool.exec("cadre-\(name)", before + arguments)
Out.complain("cadre: no verb '\(Names.shown(name))'; see 'cadre --help'")
exit(64)
