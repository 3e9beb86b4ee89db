import ArgumentParser
import Bus
import CommandKit
import Hooks
import Landing
import Storage
import Team

package struct DoctorVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "doctor", abstract: "Check the bus and its invariants.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Repair what can be repaired.") var fix = false
    package init() {}

    package func run(_ tool: CommandContext) throws {
        let root = try tool.busPath()
        guard try Files.exists(root) else { throw Failure.no("no bus in '\(root.string)'") }
        var found = try Doctor.examine(root)
        if fix {
            // One repair can bring the next to light: a directory, then what is in it.
            for _ in 0..<5 where found.contains(where: \.fixable) {
                for problem in found where problem.fixable {
                    do { try Doctor.fix(problem) } catch let failure as Failure {
                        Output.complain(failure.message)
                        continue
                    }
                    tool.print(
                        ["fixed", problem.path, problem.what],
                        json: ["fixed": true, "path": .string(problem.path), "what": .string(problem.what)])
                }
                found = try Doctor.examine(root)
            }
        }
        // git is asked only about a bus that can be read.
        if found.isEmpty, (try? tool.repository()) != nil {
            if fix {
                for name in try tool.team().mendWorktrees() {
                    tool.print(
                        ["fixed", name, "git's links to its worktree"],
                        json: ["fixed": true, "path": .string(name), "what": "git's links to its worktree"])
                }
            }
            found = try tool.team().examineWorktrees()
            found += try MergeRunner(tool.work()).examine()
        }
        if found.isEmpty, (try? tool.repository()) != nil { try notes(tool) }
        for problem in found {
            tool.print(
                [problem.invariant, problem.path, problem.what],
                json: [
                    "invariant": .string(problem.invariant), "path": .string(problem.path),
                    "what": .string(problem.what),
                ])
        }
        let settings = try (try? tool.repository()).map { _ in try tool.settings().mistakes() }
        for one in settings?.unknown ?? [] {
            tool.print(["note", "settings", one], json: ["note": "settings", "what": .string(one)])
        }
        for one in settings?.wrong ?? [] {
            tool.print(
                ["setting", root.string, one],
                json: ["invariant": "setting", "path": .string(root.string), "what": .string(one)])
        }
        let isWrong = try found.isEmpty && tellOfWhatWaits(tool)
        guard !isWrong else {
            throw Failure.unsure("something stands still that nobody is asked about: the lines above say what helps")
        }
        guard found.isEmpty else {
            throw Failure.unsure(
                "\(found.count) problem\(found.count == 1 ? "" : "s") "
                    + "found\(fix ? "" : ": 'cadre doctor --fix' repairs what can be")"
            )
        }
        if let wrong = settings?.wrong, !wrong.isEmpty {
            throw Failure.unsure(
                "\(wrong.count) setting\(wrong.count == 1 ? "" : "s") can't be used: see cadre-config(5)")
        }
        tool.say("healthy")
    }

    /// Reports what stands still, as `status` does; true if somebody must act whom nobody has asked.
    private func tellOfWhatWaits(_ tool: CommandContext) throws -> Bool {
        let bus = try tool.bus()
        let all = try Attention.all(bus, bus.team())
        for one in all where one.isWrong {
            tool.print(
                ["waits", one.subject, one.text],
                json: ["invariant": "waits", "path": .string(one.subject), "what": .string(one.text)])
        }
        for one in all where !one.isWrong {
            tool.print(
                ["note", one.subject, one.text], json: ["note": .string(one.subject), "what": .string(one.text)])
        }
        return all.contains(where: \.isWrong)
    }

    /// Prints notes on matters that are no damage: budgets that cadre can't enforce for a program, untried versions of
    /// programs, work that lands unchecked, and whatever makes everything slow.
    private func notes(_ tool: CommandContext) throws {
        func note(_ of: String, _ what: String) {
            tool.print(["note", of, what], json: ["note": .string(of), "what": .string(what)])
        }
        let team = try tool.team()
        for one in team.settings.waiting {
            tool.say("\(one.text): waits for your answer to ask 'settings', as agents run")
        }
        for program in try Set(tool.bus().team().compactMap { $0.card.program }).sorted() {
            for why in try [team.unheld(program), team.untried(program)] { if let why { note(program, why) } }
        }
        if team.settings.list("gate").isEmpty {
            let review = team.settings.string("review")
            note(
                "cadre.gate",
                review == "none"
                    ? "there is no gate and no review: submitted work lands unchecked"
                    : "there is no gate: submitted work waits for \(review.map { "'\($0)'" } ?? "you") to approve "
                        + "it"
            )
        }
        for one in try team.tmuxHabits() { note("tmux", one) }
        if Watcher().descriptor == -1 {
            note(
                "inotify",
                "the kernel has no instance left for this user (fs.inotify.max_user_instances): agents look for "
                    + "changes each second or more often"
            )
        }
        Output.flush()
    }
}
