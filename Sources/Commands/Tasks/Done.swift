import ArgumentParser
import Bus
import CommandKit
import Storage

extension TaskVerb {
    struct Done: HotVerb {
        static let configuration = CommandConfiguration(
            commandName: "done", abstract: "Finish a task: its commits go to the merge queue.")
        @OptionGroup var common: Common
        @Option(
            name: .long, help: "The result, shown to dependent tasks; enough to finish without commits.")
        var result: String?
        @Flag(name: .long, help: "The work is not in commits.") var noMerge = false
        @Flag(name: .long, help: "First commit all changes, with the task's title as the message.") var commit =
            false
        @Option(
            name: [.customShort("m", allowingJoined: true), .long],
            help: "First commit all changes, with this message.") var message: String?
        @Flag(name: .long, help: "Run the task's check here, even outside my worktree.") var verify = false
        @Option(name: .long, help: "The claim's token.") var token: String?
        @Argument(help: "The task. Default: the one I hold.") var id: String?

        static var words: [Word<Self>] {
            [
                .option(["--result"]) { $0.result = $1 }, .flag(["--no-merge"]) { $0.noMerge = $1 },
                .flag(["--commit"]) { $0.commit = $1 },
                .option(["-m", "--message"]) { $0.message = $1 }, .flag(["--verify"]) { $0.verify = $1 },
                .option(["--token"]) { $0.token = $1 }, .second { $0.id = $1 },
            ]
        }

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: id.map { [$0] } ?? [])
            let bus = try tool.bus()
            let result = try tool.body(self.result, file: nil)
            let message = self.message.map(Bytes.of)
            let claim = try tool.claimed(id.map(Names.id), token: token)
            guard let header = try bus.header(claim.id) else { throw bus.noTask(claim.id) }
            try bus.requirePlan(claim.id, header)
            let agent = try bus.agent(named: claim.owner)
            guard let agent, let worktree = agent.git, header.merge, !noMerge,
                try !header.isEpic || bus.branch(claim.id) != nil
            else {
                if let agent, agent.worktree != nil { try tool.work().keep(agent) }
                if verify, let check = header.verify {
                    try tool.verify(check, in: agent?.worktree ?? tool.directory, for: claim)
                }
                return try finish(tool, claim, result)
            }
            let work = try tool.work()
            _ = try work.branch(of: claim.id, in: worktree)
            // A sandbox that has us called can't commit itself.
            if commit || message != nil || Call.own != nil {
                try work.commitAll(worktree, message: message ?? Array(header.title.utf8), for: claim)
            }
            let (branch, tip) = try work.tip(of: claim.id, in: worktree)
            if let check = header.verify { try tool.verify(check, in: worktree.worktree ?? tool.directory, for: claim) }
            if self.result != nil, try work.base(of: claim.id, tip) == tip {
                return try finish(tool, claim, result)
            }
            let entry = try work.submit(claim, branch: branch, tip: tip, result: result)
            TaskVerb.forgetTries(bus, claim)
            tool.print(["\(entry.id)"], json: ["id": .int(entry.id), "state": "review", "tip": .string(entry.tip)])
        }

        /// Done at once. Work that has not landed is only given up by a person who says so.
        private func finish(_ tool: CommandContext, _ claim: Claim, _ result: [UInt8]) throws {
            var given: String?
            if try tool.bus().branch(claim.id) != nil, case let work = try tool.work(),
                case .open(let tip) = try work.standing(of: claim.id)
            {
                guard noMerge, try tool.superior() == "human" else {
                    throw Failure.no(try work.unlanded(claim.id, tip))
                }
                given = tip
            }
            try tool.bus().finish(claim, by: tool.caller(), result: result, discarded: given)
            try TaskVerb.forgetTries(tool.bus(), claim)
            tool.print(["\(claim.id)"], json: ["id": .int(claim.id), "state": "done"])
        }
    }
}
