import ArgumentParser
import Bus
import CommandKit
import Git
import Storage

extension MergeVerb {
    struct Update: Verb {
        static let configuration = CommandConfiguration(
            commandName: "update", abstract: "Merge the target into my branch.")
        @OptionGroup var common: Common
        @Flag(name: .long, help: "First fetch the remote's target, if the last fetch is old.") var fetch = false
        @Flag(name: .long, help: "Rebase my commits onto the target instead.") var rebase = false

        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            let work = try tool.work()
            let agent = try bus.agent(named: tool.caller())
            if let agent { try work.keep(agent) }
            let found = try tool.repository()
            guard
                let worktree = agent?.git
                    ?? found.worktree.map({ Git(directory: found.gitDirectory, worktree: $0) })
            else {
                throw Failure.no("no worktree here: use -C DIR")
            }
            let claim = try bus.claims().first { $0.owner == agent?.name }
            if fetch {
                if let why = try work.refresh() { tool.say(why) }
                if let claim, try work.beginAnew(claim.id, worktree) { return }
            }
            switch try work.update(worktree, rebase: rebase, for: claim) {
            case .already: tool.say("already up to date with '\(work.targetName)'")
            case .updated(let tip): tool.print([tip], json: ["tip": .string(tip)])
            case .conflict(let paths, let next):
                for path in paths { tool.print([path], json: ["path": .string(path)]) }
                throw Failure.no(
                    "conflict in \(paths.count) file\(paths.count == 1 ? "" : "s"): solve it there, 'git add' them, "
                        + "'\(next)'"
                )
            }
        }
    }
}
