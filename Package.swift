// swift-tools-version: 6.2
import PackageDescription

// The rooms, lowest first; a target may name only targets of a lower layer. Sources/README.md tells what each is for.
//   CSys                     system calls that Glibc does not import
//   CNcurses                 ncurses(3X)
//   Storage                  files, locks, records, names, time
//   Bus                      tasks, agents, mail, asks and the merge queue, as files
//   Processes                outside programs, process trees
//   Git  Tmux  AgentPrograms  Screen   the outside world
//   Team                     starting, watching and ending agents
//   Tool                     how a verb behaves
//   Commands, Top            the verbs
//   cadre, cadre-VERB        executables
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

// Verbs that are executables of their own as well, linking only what they use: for who puts together something smaller.
// They are not installed.
let small: [(verb: String, room: String, files: [String], needs: [Target.Dependency])] = [
    ("spawn", "Agents", ["Spawn"], ["Team", "Tmux"]),
    ("heartbeat", "Agents", ["Heartbeat"], []),
    ("claim", "Tasks", ["Claim"], []),
    ("send", "Mail", ["Send"], []),
    ("inbox", "Mail", ["Inbox"], []),
    ("merge", "Landing", ["Merge", "Check", "Submit", "Update"], ["Git", "Processes", "Team"]),
]

func library(_ verb: String) -> String { verb.prefix(1).uppercased() + verb.dropFirst() + "Command" }

let `static`: [LinkerSetting] = [
    .unsafeFlags(["-static-executable"]),
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
        .systemLibrary(name: "CSys"),
        .systemLibrary(name: "CNcurses"),
        .target(name: "Storage", dependencies: ["CSys", system]),
        .target(name: "Bus", dependencies: ["Storage", "CSys", system]),
        .target(name: "Processes", dependencies: ["Bus", "Storage", "CSys", system]),
        .target(name: "Git", dependencies: ["Processes", "Bus", "Storage", system]),
        .target(name: "Tmux", dependencies: ["Processes", "Bus", "Storage", system]),
        .target(name: "Screen", dependencies: ["Bus", "Storage", "CNcurses"]),
        .target(name: "AgentPrograms", dependencies: ["Processes", "Bus", "Storage", system]),
        .target(
            name: "Team", dependencies: ["Git", "Tmux", "AgentPrograms", "Processes", "Bus", "Storage", "CSys", system]),
        .target(
            name: "Tool",
            dependencies: ["Team", "Git", "Tmux", "Screen", "Processes", "Bus", "Storage", "CSys", system, arguments]),
        .target(
            name: "Top",
            dependencies: ["Tool", "Team", "Git", "Tmux", "Screen", "Processes", "Bus", "Storage", system, arguments],
            path: "Sources/Commands/Top"),
        .target(
            name: "Commands",
            dependencies: ["Top", "Tool", "Team", "Git", "Tmux", "Processes", "Bus", "Storage", system, arguments]
                + small.map { .target(name: library($0.verb)) },
            exclude: ["Top"] + small.flatMap { verb in verb.files.map { "\(verb.room)/\($0).swift" } }),
        .executableTarget(name: "cadre", dependencies: ["Commands"], linkerSettings: `static`),
    ]
        + small.map { verb in
            .target(
                name: library(verb.verb), dependencies: ["Tool", "Bus", "Storage", system, arguments] + verb.needs,
                path: "Sources/Commands/\(verb.room)", sources: verb.files.map { "\($0).swift" })
        }
        + small.map { verb in
            .executableTarget(
                name: "cadre-\(verb.verb)", dependencies: [.target(name: library(verb.verb))],
                path: "Sources/\(verb.verb)", linkerSettings: `static`)
        }
        + [
            .testTarget(name: "BusTests", dependencies: ["Bus", "Storage", system]),
            .testTarget(name: "AgentProgramsTests", dependencies: ["AgentPrograms", system]),
            .testTarget(name: "ToolTests", dependencies: ["Tool"]),
            .testTarget(name: "ScreenTests", dependencies: ["Screen"]),
            .testTarget(name: "TopTests", dependencies: ["Top", "Screen", "Bus"]),
            .testTarget(name: "TaskTests", dependencies: ["Commands", "Bus"]),
        ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [.treatAllWarnings(as: .error)]
}
