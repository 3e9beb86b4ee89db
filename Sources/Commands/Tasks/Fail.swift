import ArgumentParser
import Bus
import CommandKit
import Storage

extension TaskVerb {
    struct Fail: Verb {
        static let configuration = CommandConfiguration(commandName: "fail", abstract: "Mark a task as failed.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Why, in one line.") var why: String
        @Flag(name: .long, help: "Commit my worktree's changes as unfinished work.") var commit =
            false
        @Option(name: .long, help: "The claim's token.") var token: String?
        @Argument(help: "The task. Default: the one I hold.") var id: String?

        func run(_ tool: CommandContext) throws {
            let why = try tool.line(self.why, what: "reason")
            try tool.checkUsage(ids: id.map { [$0] } ?? [])
            let bus = try tool.bus()
            let claim = try tool.claimed(id.map(Names.id), token: token)
            try tool.keepWork(of: claim.owner)
            try bus.fail(claim, by: tool.caller(), why: why, personKnows: tool.isByHand(claim.owner))
            TaskVerb.forgetTries(bus, claim)
            // It has failed all the same; where this can't be done now, the next claim does it.
            if commit { do { try tool.putByLeftover(tool.worker()) } catch { CommandRunner.complain("\(error)") } }
            tool.print(["\(claim.id)"], json: ["id": .int(claim.id), "state": "failed"])
        }
    }

    /// Clears what was kept to retry a task that its agent no longer has. An error here is only printed: the task has
    /// failed all the same.
    static func forgetTries(_ bus: Bus, _ claim: Claim) {
        do {
            try bus.endRun(claim.id)
            try bus.endRetry(of: claim.owner)
        } catch { CommandRunner.complain("\(error)") }
    }
}
