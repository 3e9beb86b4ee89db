import ArgumentParser
import Bus
import CommandKit
import Configuration
import Hooks
import Landing
import Storage
import Supervision
import Team

package struct MergeVerb: ParsableCommand {
    package static let configuration = CommandConfiguration(
        verb: "merge", abstract: "Submit, review and land work through the merge queue.",
        subcommands: [
            Submit.self, List.self, Show.self, Run.self, Approve.self, Reject.self, Retry.self, Cancel.self, Check.self,
            Update.self,
        ])
    package init() {}

    /// `gate`: with what the gate said, where the entry is told in JSON.
    static func show(_ tool: CommandContext, _ entry: Entry, gate: Bool = false) throws {
        if tool.common.quiet { return }
        let title = try tool.bus().header(entry.id)?.title ?? ""
        let branch = String(entry.branch.dropFirst("refs/heads/".count))
        let again = entry.again
        guard tool.common.json else {
            let next = again.map { " (try \($0.tries + 1) at \(Time.text($0.at)))" } ?? ""
            return Output.line(fields: [
                "\(entry.id)", entry.step.rawValue, entry.author, branch, (entry.why ?? title) + next,
            ])
        }
        var fields: [(String, JSONValue)] = [
            ("id", .int(entry.id)), ("state", .string(entry.step.rawValue)), ("author", .string(entry.author)),
            ("branch", .string(branch)),
            ("base", .string(entry.base)), ("tip", .string(entry.tip)), ("commit", .string(entry.commit)),
            ("why", .string(entry.why)),
            ("strategy", .string(entry.record.strategy)), ("request", .string(entry.record.request)),
            ("again", .string(again.map { Time.text($0.at) })), ("tries", .int(again?.tries)),
            ("priority", .int(entry.priority)), ("attempts", .int(entry.attempts)), ("title", .string(title)),
            ("submitted", .string(Time.text(entry.time))),
            ("approved", .string(entry.isApproved ? entry.record.approvedBy : nil)),
        ]
        if gate, let (verdict, log) = try MergeRunner.gateOutput(tool.bus(), entry), verdict.commands != 0 {
            fields += [
                ("gate", .string(verdict.result?.rawValue)), ("gateWhy", .string(verdict.why)),
                ("gateSeconds", .int(verdict.seconds ?? 0)),
                ("flaky", .string(verdict.flaky)), ("log", .string(log?.string)),
                ("output", .string(String(decoding: verdict.body, as: UTF8.self))),
            ]
        }
        Output.json(fields)
    }

    /// The entry, if the caller is a person, or stands above its author; its author too with `author`.
    static func owned(_ tool: CommandContext, _ id: Int, author: Bool) throws -> (entry: Entry, by: String) {
        let bus = try tool.bus()
        let by = try tool.superior()
        guard let entry = try bus.entry(id) ?? bus.lastEntry(id) else {
            throw Failure.no("task \(id) is \(try bus.view(id).state.rawValue) and not in the merge queue")
        }
        let above = try by == "human" || bus.agent(named: entry.author)?.parent == by
        guard above || (author && by == entry.author) else {
            throw Failure.no(
                "task \(id) is of '\(entry.author)': only a person\(author ? ", its author" : "") or its author's "
                    + "parent may do that"
            )
        }
        return (entry, by)
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the entries, next first.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        @Flag(name: .long, help: "Include entries that have left the queue.") var all = false

        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            let now = Time.now()
            tool.table(look, ["ID", "STATE", "AUTHOR", "BRANCH", "WHAT"], empty: "nothing waits to land")
            let entries = try bus.entries().sorted { $0.isBefore($1, now) }
            let waiting = Set(entries.map(\.id))
            for entry in try entries + (all ? bus.lastEntries().filter { !waiting.contains($0.id) } : []) {
                try MergeVerb.show(tool, entry)
            }
            if let flaky = try bus.flaky() {
                tool.say("flaky gate runs: \(flaky.count), the last at \(flaky.last): \(flaky.why)")
            }
            if let stopped = try bus.stopped()?.why { tool.say("the queue stands still: \(stopped)") }
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print entries: header, diff and the gate's output.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                guard let entry = try bus.entry(id) ?? bus.lastEntry(id) else {
                    throw Failure.no(
                        "task \(id) is \(try bus.view(id).state.rawValue) and was never in the merge queue")
                }
                if tool.common.quiet { return }
                if tool.common.json { return try MergeVerb.show(tool, entry, gate: true) }
                Output.line("\(id)", try bus.header(id)?.title ?? "")
                func field(_ name: String, _ value: String?) {
                    if let value, !value.isEmpty { Output.line("\(name): \(value)") }
                }
                field("State", entry.step.rawValue)
                field("Why", entry.why)
                field("Author", entry.author)
                field("Branch", String(entry.branch.dropFirst("refs/heads/".count)))
                field("Base", entry.base)
                field("Tip", entry.tip)
                field("Strategy", entry.record.strategy)
                field("Pull request", entry.record.request.map(Names.shown))
                field("Tried again", entry.again.map { "\(Time.text($0.at)), try \($0.tries + 1)" })
                field("Commit", entry.step == .landed ? entry.commit : nil)
                field("Submitted", Time.text(entry.time))
                field("Priority", "\(entry.priority)")
                field("Attempts", entry.attempts == 0 ? nil : "\(entry.attempts)")
                field("Approved", entry.isApproved ? "by '\(entry.record.approvedBy ?? "")'" : nil)
                let git = try tool.git()
                let change = try git.attempt([
                    "diff", "--stat=100", "--patch", "--no-color", "--no-ext-diff", "--no-textconv", entry.base,
                    entry.tip, "--",
                ])
                Output.line("")
                Output.raw(
                    change.status == 0 ? change.output : Array("unable to show the change: \(change.complaint)\n".utf8))
                if let (verdict, log) = try MergeRunner.gateOutput(bus, entry), verdict.commands != 0 {
                    Output.line("")
                    Output.line(
                        "Gate: \(verdict.result?.rawValue ?? "") in \(verdict.seconds ?? 0) s"
                            + (verdict.why.map { ": \(Names.shown($0))" } ?? ""))
                    field("Flaky", verdict.flaky.map { "\(Names.shown($0)), then passed" })
                    field("Log", log?.string)
                    Output.raw(verdict.body)
                }
            }
        }
    }

    struct Run: Verb {
        static let configuration = CommandConfiguration(
            commandName: "run", abstract: "Land entries until nothing more can land.")
        @OptionGroup var common: Common
        @Flag(name: .long, help: "Process one entry only.") var once = false
        @Flag(name: .long, help: "Also land on the remote's target.") var remote = false

        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            let by = try tool.superior()
            guard try bus.agent(named: by) == nil else {
                throw Failure.no("agent '\(by)' does not run the queue: a person or a supervisor does")
            }
            // In a window that a supervisor has opened, tmux's environment is of another day.
            if tool.environment("CADRE_STARTED") != nil { try Team.adoptEnvironment(bus) }
            let report = try MergeRunner.run(bus, tool.git(), once: once, remote: remote) { words in
                tool.print(words, json: ["id": .string(words[0]), "did": .string(words[1]), "what": .string(words[2])])
                Output.flush()
            }
            if let damaged = report.damaged.first { throw Failure.unsure(damaged) }
            guard let first = report.waiting.first else { return }
            throw Failure.no(
                report.waiting.count == 1 ? first : "\(report.waiting.count) entries wait: see 'cadre merge list'")
        }
    }

    struct Approve: Verb {
        static let configuration = CommandConfiguration(commandName: "approve", abstract: "Approve entries.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let bus = try tool.bus()
            let by = try tool.superior()
            let work = try tool.work()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                if let entry = try bus.entry(id), try !MergeRunner(work).mayApprove(by, entry) {
                    throw Failure.no(
                        by == entry.author ? "'\(by)' can't approve its own work" : "'\(by)' may not approve task \(id)"
                    )
                }
                try MergeVerb.show(tool, bus.approve(id, by: by))
            }
            try tool.startQueue()
        }
    }

    struct Reject: Verb {
        static let configuration = CommandConfiguration(
            commandName: "reject", abstract: "Return entries to their authors.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Why, in one line.") var why: String?
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            let why = try self.why.map { try tool.line($0, what: "reason") }
            let bus = try tool.bus()
            let by = try tool.superior()
            let work = try tool.work()
            try tool.each(tool.names(ids).map(Names.id)) { id in
                if let entry = try bus.entry(id), try !MergeRunner(work).mayApprove(by, entry) {
                    throw Failure.no("'\(by)' may not reject task \(id)")
                }
                try bus.withdraw(id, by: by, why: "rejected by '\(by)'" + (why.map { ": \($0)" } ?? ""))
                tool.print(["\(id)"], json: ["id": .int(id), "state": "ready"])
            }
        }
    }

    struct Retry: Verb {
        static let configuration = CommandConfiguration(
            commandName: "retry", abstract: "Queue waiting or returned entries again.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            try tool.each(tool.names(ids).map(Names.id)) { id in
                let (_, by) = try MergeVerb.owned(tool, id, author: false)
                try MergeVerb.show(tool, tool.bus().retry(id, by: by))
            }
            try tool.startQueue()
        }
    }

    struct Cancel: Verb {
        static let configuration = CommandConfiguration(
            commandName: "cancel",
            abstract: "Remove entries from the queue; their tasks are ready again for their authors.")
        @OptionGroup var common: Common
        @Argument(help: "Task ids; - reads them from standard input.") var ids: [String]

        func run(_ tool: CommandContext) throws {
            try tool.checkUsage(ids: ids)
            try tool.each(tool.names(ids).map(Names.id)) { id in
                let (_, by) = try MergeVerb.owned(tool, id, author: true)
                try tool.bus().withdraw(id, by: by, why: "taken out of the queue by '\(by)'")
                tool.print(["\(id)"], json: ["id": .int(id), "state": "ready"])
            }
        }
    }
}
