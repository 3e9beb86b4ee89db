import FoundationEssentials
import Git
import Glibc
import Processes
import Storage
import SystemPackage

@testable import AgentPrograms
@testable import Bus
@testable import Configuration
@testable import Git
@testable import Landing
@testable import Screen
@testable import Team
@testable import Tmux

// What git, tmux and the agent programs print and write.

/// Throws for a failure of another kind than those.
private func allowing(_ kinds: Set<Failure.Kind>, _ body: () throws -> Void) throws {
    do { try body() } catch let failure as Failure {
        try require(kinds.contains(failure.kind), "'\(failure.kind)': \(failure.message)")
        try require(!failure.message.unicodeScalars.contains(where: Names.isControl), "a control character in an error")
    }
}

/// `KEY\nVALUE`, each with a NUL behind it, as `git config --null --list` prints them.
private func settings(_ bytes: [UInt8]) -> [Configured.Line] {
    bytes.split(separator: 0, omittingEmptySubsequences: false).map { Configured.Line($0, isOwn: true) }
}

extension Target {
    /// Settings of nobody: in memory, of no repository.
    private static let none: Settings = {
        let root = FilePath("/dev/shm/cadre-fuzz-\(getpid())")
        _ = try! Program(["git", "init", "-q", "--bare", root.string]).run()
        defer { try? Files.removeAll(root) }
        return try! Settings(Git(common: root), bus: nil)
    }()

    static let configuration = Target(name: "cadre") { bytes in
        var all = none
        let lines = settings(bytes)
        for line in lines {
            try require(!line.text.contains("\n") || line.key.contains("\n"), "a setting of two lines")
            try require(Configured.Line(Array(line.entry.utf8)[...], isOwn: true) == line, "another setting")
            _ = (Configured.group(line.key), Configured.parts(line.key))
            all.set(line.key.hasPrefix("cadre.") ? String(line.key.dropFirst(6)) : line.key, line.value ?? "true")
        }
        for key in ["deletebranch", "gate", "program.claude.command"] {
            try allowing([.usage]) { _ = try all.flag(key) }
            try allowing([.usage]) { _ = try all.choice(key, ["a", "b"], "a") }
            _ = all.list(key)
        }
        for setting in NumberSetting.all { try allowing([.usage]) { _ = try all.number(setting) } }
        _ = all.names(of: "program", with: "command")
    }

    static let program = Target(name: "program") { bytes in
        let values = settings(bytes)
        try allowing([.usage]) {
            let found = try AgentProgram("claude", options: "--effort low", file: nil) { key in
                let key = String(key.dropFirst("program.claude.".count))
                // regcomp(3) takes time and memory for each repetition of a repetition.
                return values.filter { $0.key.lowercased() == key && !($0.value ?? "").contains("{") }
                    .compactMap(\.value)
            }
            guard let program = found else { return }
            _ = program.arguments(model: "m", auto: true, prompt: "p", calls: "/c")
            _ = program.arguments(model: "m", auto: true, prompt: "p", calls: "/c", byTurns: true)
            let settings = try JSONDecoder().decode(
                [String: Anything].self, from: Data(program.settings(executable: "/c").utf8))
            try require(settings["hooks"] != nil, "settings without hooks")
            _ = (program.isTold, program.tellsMoney, program.stateFile(of: 1), try? program.transcript(of: "id"))
            _ = (program.isSignedOut("a failure"), program.lasts("a failure"))
        }
    }
    private struct Anything: Decodable {
        init(from decoder: Decoder) throws {}
    }

    /// The programs that come with cadre.
    private nonisolated(unsafe) static let programs: [AgentProgram] = {
        let files = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("shell").appending("programs")
        return try! Files.list(files)!.sorted().compactMap { name in
            try AgentProgram(name, file: files.appending(name)) { _ in [] }
        }
    }()

    static let screen = Target(name: "screen") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        let rows = text.unicodeScalars.count { $0 == "\n" } + 1
        for cursor in [0, rows / 3, rows / 2, rows - 1, rows] {
            let title = String(text.prefix { $0 != "\n" })
            let display = Display(text, cursor: cursor, isCursorShown: cursor % 2 == 0, title: title)
            for program in programs {
                if case .other(let words) = program.sight(display) {
                    try require(!words.unicodeScalars.contains(where: Names.isControl), "a control character")
                }
                let trouble = program.trouble(display) ?? ""
                try require(!trouble.unicodeScalars.contains(where: Names.isControl), "a control character")
                _ = (program.typed(display), program.isSignedOut(text), program.lasts(text))
            }
        }
    }

    /// Where programs write what they use: read from a file, of which half is there first.
    static let usage = Target(name: "usage") { bytes in
        let path = FilePath("/dev/shm/cadre-fuzz-\(getpid()).jsonl")
        defer { _ = try? Files.unlink(path) }
        var records = [UsageRecord(), UsageRecord(), UsageRecord()]
        for end in [bytes.count / 2, bytes.count] {
            try Files.write(Array(bytes[..<end]), to: path, sync: false)
            var fill: (model: String?, context: Int?, size: Int?)?
            let all = [
                try Team.readTranscript(path.string, &records[0], isNew: false) ?? .nothing,
                try Team.readRollout(path.string, &records[1], &fill), try Team.readHistory(path, &records[2]),
            ]
            for used in all {
                var sum = Sum()
                for field in Usage.fields { sum.add(used[keyPath: field]) }
                var line = Usage(money: 1, input: 1, cached: 1, output: 1)
                line.add(used)
                _ = line.money.map { Money.text($0, places: 2) }
            }
        }
        if let said = try? JSONDecoder().decode(StatusLine.self, from: Data(bytes)) {
            _ = (said.money, said.percentage, said.windowSize)
        }
    }

    static let git = Target(name: "git") { bytes in
        try allowing([.unsure]) {
            let merged = try ScratchMerge.merged(bytes, [("a", "b"), ("c", "d")], complaint: "")
            try require(merged.count == 2 && merged.allSatisfy { $0.tree.utf8.count >= 40 }, "a merge without a tree")
        }
        for (_, commit) in Git.marked(bytes) ?? [] { _ = (commit.parent, Message.item(commit.message)) }
        _ = TaskBranches.worktrees(bytes)
        if case .holds(let id) = Git.find("refs/heads/main", in: bytes) {
            try require([40, 64].contains(id.utf8.count), "'\(id)' is no commit")
        }
        let result = Program.Result(status: 128, output: [], error: bytes)
        _ = (result.lock, result.halfMade)
        try require(!result.trouble.unicodeScalars.contains(where: Names.isControl), "a control character in an error")
        let whole = Message.withoutBlankEnds(bytes)
        try require(Message.withoutBlankEnds(whole) == whole, "a blank end is left")
    }

    static let tmux = Target(name: "tmux") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        let sight = Shown.Sight(text)
        _ = Shown.hasRanges(sight.version)
        let look = Segments.Look(sight.options, hasRanges: true)
        _ = Segments([("waiting", 1), ("ready", 2), ("asks", 3)], cost: "1").variables(look)
        // In one piece and in two it is the same.
        var (one, two) = (ControlClient.Answers(), ControlClient.Answers())
        one.ask("%1")
        two.ask("%1")
        let first = one.receive(bytes)
        let early = two.receive(Array(bytes[..<(bytes.count / 3)]))
        let second = two.receive(Array(bytes[(bytes.count / 3)...])) ?? early
        try require(first?.lines == second?.lines, "what comes in two pieces is another look")
        var ansi = Ansi()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).prefix(60) {
            var row = ansi.row(line)
            try require(!row.text.unicodeScalars.contains(where: Names.isControl), "a control character in a row")
            row.cut(20)
            try require(row.width <= 20, "a row that was cut has \(row.width) columns")
        }
    }
}
