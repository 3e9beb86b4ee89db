import ArgumentParser
import Bus
import CommandKit
import Storage
import SystemPackage

package struct LogVerb: Verb {
    package static let configuration = CommandConfiguration(verb: "log", abstract: "Print the journal of events.")
    @OptionGroup package var common: Common
    @Flag(name: .shortAndLong, help: "Follow: print events as they happen.") var follow = false
    @Option(name: .long, help: "Only events by or about this agent.") var agent: String?
    @Option(name: .long, help: "Only events about this task.") var task: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Only events since this time, or of the last so long, as 2h.", valueName: "time"))
    var since: String?
    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("Only the last so many, or all. Default: all; on a terminal 200.", valueName: "count"))
    var lines: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Write an HTML report to this file instead; - is standard output.", valueName: "file"))
    var html: String?
    @OptionGroup var look: Look
    package init() {}

    package func run(_ tool: CommandContext) throws {
        let agent = try self.agent.map(Names.caller)
        let task = try self.task.map(Names.id)
        let since = try self.since.map(time)
        let last = try self.lines.map(count) ?? (since == nil && Output.isTerminal ? LogVerb.terminalCount : nil)
        if html != nil, follow || agent != nil || task != nil || since != nil || lines != nil {
            throw Failure.usage("--html is a report of the whole run: without -f, -n, --agent, --task and --since")
        }
        let bus = try tool.bus()
        if let html { return try report(tool, bus, to: html) }
        tool.table(look, ["TIME", "BY", "EVENT", "WHAT"])
        if look.color != .always, !follow, !tool.common.quiet, !tool.common.json { Output.page() }
        let query = EventQuery(agent: agent, task: task, since: since, last: last)
        let isKnown = try bus.events(query, follow: follow) { event in
            if !tool.common.quiet { show(event, tool) }
        } pause: {
            Output.flush()
        }
        guard let agent, !isKnown, try !bus.canReceive(agent) else { return }
        // One that is no more has events, if only earlier ones.
        let known = try bus.events(EventQuery(agent: agent, last: 1), follow: false) { _ in
        } pause: {
        }
        if !known { tool.say(bus.noAgent(agent).message) }
    }

    /// How many lines a terminal gets unless it is told otherwise.
    private static let terminalCount = 200

    private func time(_ text: String) throws -> Int {
        if let seconds = Time.duration(text) { return Time.now() - seconds }
        guard let time = Time.point(text) else {
            throw Failure.usage("bad time '\(Names.shown(text))', use 30s, 5m, 2h, 3d or \(Time.text(Time.now()))")
        }
        return time
    }

    /// Nil for all.
    private func count(_ text: String) throws -> Int? {
        if text == "all" { return nil }
        guard let count = Names.number(text) else {
            throw Failure.usage("bad number of lines '\(Names.shown(text))', use 0, 1, 2 … or all")
        }
        return count
    }

    private func show(_ event: Event, _ tool: CommandContext) {
        if tool.common.json { return Output.raw(event.line + [10]) }
        guard !look.isShown else {
            let words = event.words
            return Output.line(fields: Array(words.prefix(3)) + [words.dropFirst(3).joined(separator: " ")])
        }
        if let words = event.plainWords { return Output.raw(words + [10]) }
        Output.line(fields: event.words)
    }

    private func report(_ tool: CommandContext, _ bus: Bus, to path: String) throws {
        var events: [Event] = []
        try bus.events(follow: false) {
            if $0["task"] != nil { events.append($0) }
        } pause: {
        }
        var spent: [String: (money: Sum, input: Sum, output: Sum)] = [:]
        for part in try bus.spent() {
            var sums = spent[part.agent] ?? (Sum(), Sum(), Sum())
            sums.money.add(part.used.money)
            sums.input.add(part.used.input)
            sums.output.add(part.used.output)
            spent[part.agent] = sums
        }
        let name = try Bus.project(bus.repository())
        let report = Report(
            project: name, spans: Spans(events), tasks: try bus.list(),
            spent: spent.sorted { $0.key < $1.key }.map { ($0.key, $0.value.money, $0.value.input, $0.value.output) },
            now: Time.now())
        if path == "-" { return Output.raw(Array(report.html.utf8)) }
        let file = tool.directory.pushing(FilePath(path))
        try Files.write(Array(report.html.utf8), to: file, sync: false, mode: 0o666)
        tool.print([path], json: ["file": .string(path)])
    }
}
