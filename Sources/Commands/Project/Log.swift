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
        help: ArgumentHelp(
            "Write an HTML report to this file instead; - is standard output.", valueName: "file"))
    var html: String?
    @OptionGroup var look: Look
    package init() {}

    package func run(_ tool: CommandContext) throws {
        let agent = try self.agent.map(Names.caller)
        let task = try self.task.map(Names.id)
        if html != nil, follow || agent != nil || task != nil {
            throw Failure.usage("--html is a report of the whole run: without -f, --agent and --task")
        }
        let bus = try tool.bus()
        if let html { return try report(tool, bus, to: html) }
        var isKnown = false
        tool.table(look, ["TIME", "BY", "EVENT", "WHAT"])
        if look.color != .always, !follow, !tool.common.quiet, !tool.common.json { Output.page() }
        try bus.events(follow: follow) { event in
            if let agent, !event.tells(ofAgent: agent) { return }
            isKnown = true
            if let task, event["task"] != "\(task)" { return }
            if tool.common.quiet { return }
            if tool.common.json { return Output.raw(event.line + [10]) }
            let words = event.words
            Output.line(
                fields: look.isShown ? Array(words.prefix(3)) + [words.dropFirst(3).joined(separator: " ")] : words)
        } pause: {
            Output.flush()
        }
        // One that is no more has events.
        if let agent, !isKnown, try !bus.canReceive(agent) { tool.say(bus.noAgent(agent).message) }
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
