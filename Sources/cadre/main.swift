import ArgumentParser
import Bus
import Glibc
import Tool
import VerbAgents
import VerbAsk
import VerbAttach
import VerbClaim
import VerbCompletions
import VerbCost
import VerbDiff
import VerbDoctor
import VerbHandoff
import VerbHeartbeat
import VerbHook
import VerbInbox
import VerbInit
import VerbLog
import VerbMerge
import VerbPath
import VerbPause
import VerbPeek
import VerbPlan
import VerbPrime
import VerbPush
import VerbRecover
import VerbResume
import VerbRetire
import VerbSend
import VerbSpawn
import VerbStatus
import VerbStop
import VerbSupervise
import VerbTask
import VerbTop
import VerbUp

// One binary of all verbs: as `cadre-VERB` by its link's name, as `cadre VERB` by its argument. An unknown verb is a
// program `cadre-VERB` on PATH.
let verbs: [(String, any ParsableCommand.Type)] = [
    ("init", InitVerb.self), ("path", PathVerb.self), ("task", TaskVerb.self), ("claim", ClaimVerb.self),
    ("send", SendVerb.self), ("inbox", InboxVerb.self), ("ask", AskVerb.self), ("plan", PlanVerb.self),
    ("heartbeat", HeartbeatVerb.self), ("handoff", HandoffVerb.self),
    ("recover", RecoverVerb.self), ("doctor", DoctorVerb.self), ("log", LogVerb.self), ("cost", CostVerb.self),
    ("spawn", SpawnVerb.self), ("agents", AgentsVerb.self), ("peek", PeekVerb.self), ("attach", AttachVerb.self),
    ("stop", StopVerb.self),
    ("up", UpVerb.self), ("pause", PauseVerb.self), ("resume", ResumeVerb.self), ("retire", RetireVerb.self),
    ("diff", DiffVerb.self),
    ("prime", PrimeVerb.self), ("status", StatusVerb.self), ("push", PushVerb.self), ("supervise", SuperviseVerb.self),
    ("merge", MergeVerb.self), ("hook", HookVerb.self), ("completions", CompletionsVerb.self), ("top", TopVerb.self),
]

// What a newcomer is shown first, by theme.
let themes: [(String, [String])] = [
    ("begin", ["init", "spawn", "status", "top"]), ("tasks", ["task", "claim"]),
    ("agents", ["agents", "attach", "stop"]),
    ("talk", ["send", "inbox", "ask"]), ("land", ["diff", "merge"]), ("repair", ["doctor"]),
]

/// Verbs that only machines call.
let machines = ["hook", "supervise"]

func find(_ name: String) -> (any ParsableCommand.Type)? { verbs.first { $0.0 == name }?.1 }

func describe(_ names: [String]) -> String {
    names.compactMap { name in
        find(name).map {
            "  \(name)" + String(repeating: " ", count: max(1, 11 - name.count)) + $0.configuration.abstract
        }
    }.joined(separator: "\n")
}

func overview(all: Bool) -> String {
    "usage: cadre [-C DIR] VERB [OPTION]... [ARGUMENT]...\n"
        + (all
            ? "\n" + describe(verbs.map(\.0))
                + "\n\n'cadre help VERB' shows a verb's manual page, 'cadre VERB --help' its options."
            : themes.map { "\n\($0)\n" + describe($1) + "\n" }.joined()
                + "\n'cadre help VERB' shows a verb's manual page, 'cadre help -a' lists all verbs,\n'cadre help "
                + "cadre' tells the ideas.")
}

CompletionsVerb.verbs = verbs
SuperviseVerb.becomeHelperIfAsked(CommandLine.unsafeArgv, Int(CommandLine.argc))

let own = String(cString: CommandLine.unsafeArgv[0]!).split(separator: "/").last.map(String.init) ?? "cadre"
var arguments = Main.rawArguments()
if own.hasPrefix("cadre-"), let verb = find(String(own.dropFirst(6))) {
    Main.callFromSandbox(String(own.dropFirst(6)), [], arguments)
    Main.run(verb, arguments)
}

// Options before the verb go behind it.
let (before, rest) = Main.leading(arguments)
arguments = Array(rest)
guard let name = arguments.first, !name.hasPrefix("-") else {
    switch arguments.first {
    case "--version":
        print("cadre \(Tool.version)")
        exit(0)
    case "--list-verbs":
        for (name, _) in verbs { print(name) }
        exit(0)
    case "-h", "--help":
        print(overview(all: false))
        exit(0)
    case let option?: Out.complain("cadre: unknown option '\(Names.shown(option))'; see 'cadre --help'")
    case nil: begin(before)
    }
    exit(64)
}
arguments.removeFirst()
if name == "help" { help(arguments) }
Main.callFromSandbox(name, before, arguments)
switch (name, arguments) {
case ("status", []): Main.runPlain(name, before) { try StatusVerb.show($0) }
case ("claim", []): Main.runPlain(name, before) { try ClaimVerb.best($0) }
case ("inbox", ["next"]): Main.runPlain(name, before) { try InboxVerb.next($0) }
default: break
}
if let verb = find(name) { Main.run(verb, before + arguments) }
Tool.exec("cadre-\(name)", before + arguments)
Out.complain(
    "cadre: no verb '\(Names.shown(name))'\(Names.meant(name, verbs.map(\.0).filter { !machines.contains($0) })); see "
        + "'cadre help -a'"
)
exit(64)

/// `cadre` alone: in a project how it stands, else what there is.
func begin(_ options: [String]) {
    Main.runPlain("status", options) { tool in
        guard (try? tool.busIfAny()) ?? nil != nil else {
            Out.complain(overview(all: false) + "\n\n'cadre init' in a git repository begins.")
            throw ExitCode(64)
        }
        try StatusVerb.standing(tool)
    }
}

/// `cadre help [-a | TOPIC]`: the manual page where there is one and a man(1) to show it, else the usage.
func help(_ arguments: [String]) -> Never {
    switch arguments.first {
    case nil, "-h", "--help":
        print(overview(all: false))
        exit(0)
    case "-a", "--all":
        print(overview(all: true))
        exit(0)
    case "--version":
        print("cadre \(Tool.version)")
        exit(0)
    case let topic?:
        if let page = manualPage(topic) { Tool.exec("man", ["-l", page]) }
        // Still here: no page, or no man(1).
        if topic == "cadre" {
            print(overview(all: true))
            exit(0)
        }
        if let verb = find(topic) { Main.run(verb, arguments.dropFirst().prefix(1) + ["--help"]) }
        Out.complain("cadre help: no manual page of '\(Names.shown(topic))'; see 'cadre help -a'")
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
