import ArgumentParser
import Bus
import CommandKit
import Configuration
import Git
import Storage

extension MergeVerb {
    struct Submit: Verb {
        static let configuration = CommandConfiguration(
            commandName: "submit", abstract: "Submit an agent's task or a branch; print the task's id.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "How to land it: squash, merge or rebase.") var strategy: String?
        @Option(name: .long, help: "The claim's token.") var token: String?
        @Argument(help: "An agent or a branch. Default: mine.") var name: String?

        func run(_ tool: CommandContext) throws {
            let strategy = try strategy.map { try Strategy(named: $0) }
            let caller = try tool.caller()
            if let opened = try Bus.open(tool.busPath()) {
                if let name, try opened.agent(named: name) != nil { return try submit(tool, agent: name, strategy) }
                if name == nil, try opened.agent(named: caller)?.worktree != nil {
                    return try submit(tool, agent: caller, strategy)
                }
            }
            _ = try tool.busOrNew()
            let work = try tool.work()
            let branch = try name ?? current(tool)
            guard let tip = try work.repository.tip(ofBranch: branch) else { throw try work.noBranch(branch) }
            let entry = try work.submit(branch: "refs/heads/\(branch)", tip: tip, as: tool.worker(), strategy: strategy)
            try MergeVerb.submitted(tool, entry)
        }

        /// What an agent holds, or has in the queue already: by itself, its parent or a person.
        private func submit(_ tool: CommandContext, agent name: String, _ strategy: Strategy?) throws {
            let bus = try tool.bus()
            let by = try tool.superior()
            guard let agent = try bus.agent(named: name) else { throw bus.noAgent(name) }
            guard by == "human" || by == name || by == agent.parent else {
                throw Failure.no("only '\(name)' itself, its parent or a person submits its work")
            }
            guard let worktree = agent.git else { throw Failure.no("agent '\(name)' has no worktree: submit a branch") }
            // An agent presents its session; whoever stands above it acts under the current one. What an earlier
            // session has submitted may be replaced by a later one.
            let session = try by == name ? tool.worker().session ?? agent.token : agent.token
            let work = try tool.work()
            let branch = try worktree.branch()
            let mine =
                try bus.claims().filter { $0.owner == name && $0.token == token ?? session ?? $0.token }
                + bus.reviews().filter { $0.owner == name && $0.token == token ?? $0.token }
            guard let claim = try mine.first(where: { try bus.branch($0.id)?.reference == branch }) ?? mine.first else {
                throw Failure.no("'\(name)' holds no task")
            }
            let (reference, tip) = try work.tip(of: claim.id, in: worktree)
            try MergeVerb.submitted(tool, work.submit(claim, branch: reference, tip: tip, strategy: strategy))
        }

        private func current(_ tool: CommandContext) throws -> String {
            let found = try tool.repository()
            guard let place = found.worktree,
                let branch = try Git(directory: found.gitDirectory, worktree: place).branch()
            else {
                throw Failure.no("not on a branch: say which to submit")
            }
            return String(branch.dropFirst("refs/heads/".count))
        }
    }

    static func submitted(_ tool: CommandContext, _ entry: Entry) throws {
        tool.print(
            ["\(entry.id)"],
            json: ["id": .int(entry.id), "state": "review", "tip": .string(entry.tip), "branch": .string(entry.branch)])
        try tool.startQueue()
    }
}
