import ArgumentParser
import Bus
import CommandKit
import Storage

package struct ClaimVerb: HotVerb {
    package static let configuration = CommandConfiguration(
        verb: "claim", abstract: "Claim the best ready task, or the ones named; print them.")
    @OptionGroup package var common: Common
    @Option(
        name: .long,
        help: ArgumentHelp("Wait for a task, forever or at most this long (30s, 5m, 2h).", valueName: "time"))
    var wait: String?
    @Option(name: .long, help: "Claim as this role.") var role: String?
    @Option(name: .long, help: "The lease's length, for callers without a supervisor.") var ttl: String?
    @Flag(name: .long, help: "Renew my leases, all or of these tasks.") var renew = false
    @Flag(name: .long, help: "Return my tasks, all or these, to the list.") var release = false
    @Flag(name: .long, help: "With --release: commit my worktree's changes as unfinished work.")
    var commit = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --release: offer them again after a pause that doubles each time; the reason.",
            valueName: "why")) var later: String?
    @Option(name: .long, help: "The claim's token, for --renew and --release.") var token: String?
    @Argument(help: "Task ids; - reads them from standard input.") var ids: [String] = []
    package init() {}
    package static var words: [Word<Self>] {
        [
            .option(["--wait"]) { $0.wait = $1 }, .option(["--role"]) { $0.role = $1 },
            .option(["--ttl"]) { $0.ttl = $1 },
            .flag(["--renew"]) { $0.renew = $1 }, .flag(["--release"]) { $0.release = $1 },
            .flag(["--commit"]) { $0.commit = $1 },
            .option(["--later"]) { $0.later = $1 }, .option(["--token"]) { $0.token = $1 },
            .rest(least: 0) { $0.ids = $1 },
        ]
    }

    package func run(_ tool: CommandContext) throws {
        guard !(renew && release) else { throw Failure.usage("--renew or --release, not both") }
        guard later == nil && !commit || release else { throw Failure.usage("--commit and --later are for --release") }
        let deadline = try tool.deadline(wait)
        let lease = try ttl.map(tool.seconds)
        if let role { _ = try Names.role(role) }
        try tool.checkUsage(ids: ids)
        _ = try tool.caller()
        let bus = try tool.bus()
        let worker = try tool.worker(role: role, lease: lease)
        let chosen = try tool.names(ids).map(Names.id)
        guard ids.isEmpty || !chosen.isEmpty else { throw Failure.no("no task named on standard input") }
        if renew { return try renew(tool, bus, worker, chosen) }
        if release { return try release(tool, bus, worker, chosen) }
        guard chosen.isEmpty else {
            return try tool.each(chosen) { id in
                if let held = try bus.held(by: worker).first(where: { $0.id == id }) {
                    try tool.enter(held, worker, fresh: false)
                    return try ClaimVerb.show(tool, bus, held)
                }
                let claim: Claim
                try tool.requireBudget(worker)
                try tool.requireFree(worker, for: id)
                if wait != nil,
                    let taken = try bus.claim(id, worker, until: deadline, idle: { try tool.recoverTasks() })
                {
                    try tool.enter(taken, worker)
                    return try ClaimVerb.show(tool, bus, taken)
                }
                do { claim = try bus.claim(id, worker) } catch let failure as Failure where failure.kind == .no {
                    // Before saying that it is held: is its holder alive?
                    guard try tool.recoverTasks().contains(id) else { throw failure }
                    claim = try bus.claim(id, worker)
                }
                try tool.enter(claim, worker)
                try ClaimVerb.show(tool, bus, claim)
            }
        }
        try ClaimVerb.best(tool, worker, wait: wait != nil, until: deadline)
    }

    /// Claims the best for the caller, or what it holds already.
    package static func best(_ tool: CommandContext) throws { try best(tool, tool.worker(), wait: false, until: nil) }

    private static func best(_ tool: CommandContext, _ worker: Worker, wait: Bool, until deadline: Int?) throws {
        let bus = try tool.bus()
        if worker.session != nil, let held = try bus.held(by: worker).first {
            try tool.enter(held, worker, fresh: false)
            return try show(tool, bus, held)
        }
        try tool.requireBudget(worker)
        try tool.requireFree(worker)
        let taken: Claim?
        if wait {
            taken = try bus.claimBest(worker, until: deadline) {
                // The agent waits for work now, so whatever kept it from its work is over.
                if worker.session != nil { try bus.endRetry(of: worker.name) }
                try tool.recoverTasks()
            }
        } else {
            taken =
                try bus.claimBest(worker)
                ?? {
                    try bus.promoteDue()
                    try tool.recoverTasks()
                    return try bus.claimBest(worker)
                }()
        }
        guard let taken else { throw Failure.no(deadline == nil ? "nothing ready" : "nothing ready in time") }
        try tool.enter(taken, worker)
        try show(tool, bus, taken)
    }

    private func renew(_ tool: CommandContext, _ bus: Bus, _ worker: Worker, _ ids: [Int]) throws {
        if ids.isEmpty {
            let renewed = try bus.renew(worker, token: token)
            guard !renewed.isEmpty else { throw Failure.no("'\(worker.name)' holds no task") }
            for claim in renewed { try ClaimVerb.show(tool, bus, claim) }
        } else {
            try tool.each(ids) { id in
                for claim in try bus.renew(worker, only: id, token: token) { try ClaimVerb.show(tool, bus, claim) }
            }
        }
    }

    private func release(_ tool: CommandContext, _ bus: Bus, _ worker: Worker, _ ids: [Int]) throws {
        let held = try bus.held(by: worker).filter { token == nil || $0.token == token }
        let why = try later.map { try tool.line($0, what: "reason") }
        defer { if commit { do { try tool.putByLeftover(worker) } catch { CommandRunner.complain("\(error)") } } }
        func give(_ claim: Claim, tells: Bool = false) throws {
            try tool.keepWork(of: claim.owner)
            if let why {
                _ = try bus.postpone(claim, by: worker.name, why: why, tells: tells)
            } else {
                try bus.release(claim, by: worker.name, tells: tells)
            }
            // Giving the task up ends the run: what it left is for whoever goes on.
            if commit { try bus.endRun(claim.id) }
            try ClaimVerb.show(tool, bus, claim)
        }
        guard !ids.isEmpty else {
            guard !held.isEmpty else { throw Failure.no("'\(worker.name)' holds no task") }
            return try tool.each(held) { try give($0) }
        }
        try tool.each(ids) { id in
            if let own = held.first(where: { $0.id == id }) { return try give(own) }
            try give(tool.revocable(id), tells: true)
        }
    }

    private static func show(_ tool: CommandContext, _ bus: Bus, _ claim: Claim) throws {
        let header = try bus.header(claim.id)
        let title = header?.title ?? ""
        let planning = try header.flatMap { try bus.planning(claim.id, $0) }
        defer { if let advice = planning?.advice { tool.say(advice) } }
        tool.print(
            ["\(claim.id)", title],
            json: [
                "id": .int(claim.id), "title": .string(title), "owner": .string(claim.owner),
                "token": .string(claim.token),
                "until": .string(claim.until == 0 ? nil : Time.text(claim.until)),
                "planState": .string(planning?.step.rawValue),
            ])
    }
}
