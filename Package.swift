// swift-tools-version: 6.2
import PackageDescription

// The rooms, lowest first; a target may name only targets of a lower layer. Sources/README.md tells what each is for.
//   CLinux                   system calls that Glibc does not import
//   CNcurses                 ncurses(3X)
//   Storage                  files, locks, records, names, time
//   Bus                      tasks, agents, mail, asks and the merge queue, as files
//   Processes                outside programs, process trees
//   Git  Tmux  AgentPrograms  Screen   the outside world
//   Configuration            settings, and what git is configured to run
//   Landing                  worktrees, the merge queue's runner, remotes
//   Team                     starting and ending agents
//   Hooks                    what agent programs tell and ask
//   Supervision              the process beside each agent
//   CommandKit               how a verb behaves
//   Commands, Top            the verbs
//   cadre, cadre-VERB        executables
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let bus: [Target.Dependency] = ["Bus", "Storage", "CLinux", system]
let landing: [Target.Dependency] = ["Landing", "Configuration", "Git", "Processes"] + bus
let team: [Target.Dependency] = ["Supervision", "Hooks", "Team", "AgentPrograms", "Tmux"] + landing
let command: [Target.Dependency] = ["CommandKit", "Screen", arguments] + team

// Verbs that are executables of their own as well, over the same code: for who puts together something smaller. They
// are not installed.
let small: [(verb: String, room: String, files: [String])] = [
    ("spawn", "Agents", ["Spawn"]),
    ("heartbeat", "Agents", ["Heartbeat"]),
    ("claim", "Tasks", ["Claim"]),
    ("send", "Mail", ["Send"]),
    ("inbox", "Mail", ["Inbox"]),
    ("merge", "Landing", ["Merge", "Check", "Submit", "Update"]),
]

func library(_ verb: String) -> String { verb.prefix(1).uppercased() + verb.dropFirst() + "Command" }

let `static`: [LinkerSetting] = [
    .unsafeFlags(["-static-executable"]),
    // Sources/Storage/Backtrace.swift
    .unsafeFlags(["-Xlinker", "--wrap=swift_copyAuxiliaryExecutablePath"]),
    // Without line numbers and what nothing reaches: a third of the size. Names stay, for the trace of a crash.
    .unsafeFlags(["-Xlinker", "--strip-debug", "-Xlinker", "--gc-sections"], .when(configuration: .release)),
    .linkedLibrary("_FoundationCollections"),
    .linkedLibrary("_FoundationCShims"),
]

let package = Package(
    name: "cadre",
    products: [.executable(name: "cadre", targets: ["cadre"])]
        + small.map { .executable(name: "cadre-\($0.verb)", targets: ["cadre-\($0.verb)"]) },
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CNcurses"),
        .target(name: "Storage", dependencies: ["CLinux", system]),
        .target(name: "Bus", dependencies: ["Storage", "CLinux", system]),
        .target(name: "Processes", dependencies: bus),
        .target(name: "Git", dependencies: ["Processes"] + bus),
        .target(name: "Tmux", dependencies: ["Processes"] + bus),
        .target(name: "Screen", dependencies: ["Bus", "Storage", "CNcurses"]),
        .target(name: "AgentPrograms", dependencies: ["Processes"] + bus),
        .target(name: "Configuration", dependencies: ["Git", "Processes"] + bus),
        .target(name: "Landing", dependencies: ["Configuration", "Git", "Processes"] + bus),
        .target(name: "Team", dependencies: ["AgentPrograms", "Tmux"] + landing),
        .target(name: "Hooks", dependencies: ["Team", "AgentPrograms", "Tmux"] + landing),
        .target(name: "Supervision", dependencies: ["Hooks", "Team", "AgentPrograms", "Tmux"] + landing),
        .target(name: "CommandKit", dependencies: ["Screen", arguments] + team),
        .target(name: "Top", dependencies: command, path: "Sources/Commands/Top"),
        .target(
            name: "Commands", dependencies: ["Top"] + command + small.map { .target(name: library($0.verb)) },
            exclude: ["Top"] + small.flatMap { verb in verb.files.map { "\(verb.room)/\($0).swift" } }),
        .executableTarget(name: "cadre", dependencies: ["Commands"], linkerSettings: `static`),
    ]
        + small.map { verb in
            .target(
                name: library(verb.verb), dependencies: command,
                path: "Sources/Commands/\(verb.room)", sources: verb.files.map { "\($0).swift" })
        }
        + small.map { verb in
            .executableTarget(
                name: "cadre-\(verb.verb)", dependencies: [.target(name: library(verb.verb))],
                path: "Sources/\(verb.verb)", linkerSettings: `static`)
        }
        + [
            .testTarget(name: "StorageTests", dependencies: ["Storage", system]),
            .testTarget(name: "BusTests", dependencies: ["Bus", "Storage", system]),
            .testTarget(name: "AgentProgramsTests", dependencies: ["AgentPrograms", system]),
            .testTarget(name: "CommandKitTests", dependencies: ["CommandKit"]),
            .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "Storage"]),
            .testTarget(name: "LandingTests", dependencies: ["Landing"]),
            .testTarget(name: "HooksTests", dependencies: ["Hooks", "Bus", "Storage", system]),
            .testTarget(name: "ScreenTests", dependencies: ["Screen"]),
            .testTarget(name: "TopTests", dependencies: ["Top", "Screen", "Bus", "Storage"]),
            .testTarget(
                name: "CommandsTests",
                dependencies: ["Commands", "CommandKit", "Bus", "Storage"]
                    + small.map { .target(name: library($0.verb)) }),
        ],
    swiftLanguageModes: [.v6]
)

// The parsers are given bytes of any kind: by a test, or by libFuzzer where CADRE_FUZZ is set, see Tests/fuzz/run. Then
// the code is built so that libFuzzer sees which way it takes, and tests can't be.
let isFuzzing = Context.environment["CADRE_FUZZ"] != nil
let parsers: [Target.Dependency] = ["Commands"] + command
package.targets.append(
    isFuzzing
        ? .executableTarget(
            name: "cadre-fuzz", dependencies: parsers, path: "Tests/fuzz",
            exclude: ["corpus", "run", "FuzzTests.swift", "Mutations.swift"],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
        : .testTarget(
            name: "FuzzTests", dependencies: parsers, path: "Tests/fuzz", exclude: ["corpus", "run", "main.swift"]))

for target in package.targets where target.type != .system {
    target.swiftSettings =
        [.treatAllWarnings(as: .error)] + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])] : [])
}
