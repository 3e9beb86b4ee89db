import Bus
import Processes
import Storage

// A person's hooks or a task's check may run for ever. So cadre runs them only as long as the claim lasts: a task that
// somebody cancels or takes away holds up nobody.
extension TaskBranches {
    /// Runs a program for a claimed task, in a verb, or in the supervisor of `agent`. If the claim is lost meanwhile,
    /// or the agent is to stop, ends the program with all its descendants and throws `Failure.no`. If the claim can't
    /// be looked up, the program goes on.
    func run(_ program: Program, for claim: Claim?, beside agent: String? = nil) throws -> Program.Result {
        guard let claim else { return try program.run() }
        var program = program
        program.adopts = agent == nil
        program.isUnwanted = { [bus] in
            if case .lost? = try? bus.fate(of: claim) { return true }
            return (try? agent.flatMap(bus.agent(named:))).map { $0.want != .run } ?? false
        }
        let result = try program.run()
        guard result.wasUnwanted else { return result }
        if case .lost = try bus.fate(of: claim) {
            throw Failure.no("task \(claim.id) was cancelled or taken away meanwhile")
        }
        throw Failure.no("'\(claim.owner)' is to end")
    }
}
