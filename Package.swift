// swift-tools-version: 6.2
import PackageDescription

// One table of verbs. Each is a library in Sources/VERB: its code. `needs` names what it uses
// beyond Tool.
let verbs: [(name: String, needs: [String])] = [
    ("init", ["Git", "Team"]), ("path", []), ("task", ["Git"]), ("claim", []), ("send", []), ("inbox", []),
    ("ask", ["Git"]), ("plan", []),
    ("heartbeat", []), ("handoff", ["Team"]), ("recover", ["Git"]), ("doctor", ["Git", "Team"]), ("log", []),
    ("cost", []),
    ("spawn", ["Team", "Tmux"]), ("supervise", ["Team"]), ("agents", ["Git"]), ("peek", ["Tmux"]),
    ("attach", ["Team", "Tmux"]),
    ("stop", ["Team"]), ("up", ["Team", "Tmux"]), ("pause", ["Team"]), ("resume", ["Team"]), ("retire", ["Team"]),
    ("diff", ["Team"]), ("prime", ["Team"]), ("hook", ["Processes", "Team"]), ("status", ["Team", "Tmux"]),
    ("push", ["Git", "Processes", "Team"]),
    ("merge", ["Git", "Processes", "Team"]), ("completions", ["Git", "Team"]),
    ("top", ["Git", "Processes", "Screen", "Team", "Tmux"]),
]

// Verbs that are executables of their own as well, over the same code, linking only what they use: for who puts
// together something smaller. They are not installed.
let alone: Set = ["spawn", "claim", "send", "inbox", "heartbeat", "merge"]

// Layers, lowest first; a target may name only targets of a lower layer.
//   CSys                     system calls that Glibc does not import
//   CNcurses                 ncurses(3X)
//   Bus                      the files
//   Processes                outside programs, process trees
//   Git  Tmux  AgentPrograms  Screen   the outside world
//   Team                     starting, watching and ending agents
//   Tool                     how a verb behaves
//   VERB                     one verb each
//   cadre, cadre-VERB        executables
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let `static`: [LinkerSetting] = [
    .unsafeFlags(["-static-executable"]),
    // Without line numbers and what nothing reaches: a third of the size. Names stay, for the trace of a crash.
    .unsafeFlags(["-Xlinker", "--strip-debug", "-Xlinker", "--gc-sections"], .when(configuration: .release)),
    .linkedLibrary("_FoundationCollections"),
    .linkedLibrary("_FoundationCShims"),
]

func library(_ verb: String) -> String { "Verb" + verb.prefix(1).uppercased() + verb.dropFirst() }

let package = Package(
    name: "cadre",
    products: [.executable(name: "cadre", targets: ["cadre"])]
        + alone.sorted().map { .executable(name: "cadre-\($0)", targets: ["cadre-\($0)"]) },
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .systemLibrary(name: "CSys"),
        .systemLibrary(name: "CNcurses"),
        .target(name: "Bus", dependencies: ["CSys", system]),
        .target(name: "Processes", dependencies: ["Bus", "CSys", system]),
        .target(name: "Git", dependencies: ["Processes", "Bus", system]),
        .target(name: "Tmux", dependencies: ["Processes", "Bus", system]),
        .target(name: "Screen", dependencies: ["Bus", "CNcurses"]),
        .target(name: "AgentPrograms", dependencies: ["Processes", "Bus", system]),
        .target(name: "Team", dependencies: ["Git", "Tmux", "AgentPrograms", "Processes", "Bus", "CSys", system]),
        .target(
            name: "Tool",
            dependencies: ["Team", "Git", "Tmux", "Screen", "Processes", "Bus", "CSys", system, arguments]),
        .executableTarget(
            name: "cadre", dependencies: ["Tool"] + verbs.map { .init(stringLiteral: library($0.name)) },
            linkerSettings: `static`),
    ]
        + verbs.map { verb in
            .target(
                name: library(verb.name),
                dependencies: ["Tool", "Bus", arguments, system] + verb.needs.map { .init(stringLiteral: $0) },
                path: "Sources/\(verb.name)", exclude: alone.contains(verb.name) ? ["main"] : [])
        }
        + alone.sorted().map { name in
            .executableTarget(
                name: "cadre-\(name)", dependencies: [.init(stringLiteral: library(name))],
                path: "Sources/\(name)/main", linkerSettings: `static`)
        }
        + [
            .testTarget(name: "BusTests", dependencies: ["Bus", system]),
            .testTarget(name: "AgentProgramsTests", dependencies: ["AgentPrograms", system]),
            .testTarget(name: "ToolTests", dependencies: ["Tool"]),
            .testTarget(name: "ScreenTests", dependencies: ["Screen"]),
            .testTarget(name: "TopTests", dependencies: ["VerbTop", "Screen", "Bus"]),
            .testTarget(name: "TaskTests", dependencies: ["VerbTask", "Bus"]),
        ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [.treatAllWarnings(as: .error)]
}
