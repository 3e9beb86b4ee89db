import ArgumentParser
import Bus
import Tool

public struct AskVerb: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "cadre ask", abstract: "Ask, and answer what was asked.",
        subcommands: [New.self, List.self, Show.self, Approve.self, Reject.self, Answer.self], defaultSubcommand: New.self)
    public init() {}

    static func show(_ tool: Tool, _ ask: Ask) {
        let first = ask.text.split(separator: "\n").first.map(String.init) ?? ""
        tool.print(
            [ask.id, ask.record["Kind"] ?? "", ask.from, first],
            json: [
                "id": .string(ask.id), "kind": .string(ask.record["Kind"]), "from": .string(ask.from), "to": .string(ask.record["To"]),
                "severity": .string(ask.record["Severity"]), "options": .string(ask.record["Options"]),
                "time": .string(ask.record.int("Time").map(Time.text)), "text": .string(ask.text), "answer": .string(ask.answer),
                "by": .string(ask.record["By"]),
            ])
    }

    static func answer(_ tool: Tool, _ id: String, _ text: String) throws {
        let bus = try tool.bus()
        let name = try tool.superior()
        guard let ask = try bus.ask(id) else { throw Failure.no("no ask '\(Names.shown(id))'") }
        let options = (ask.record["Options"] ?? "").split(separator: ",").map(String.init)
        if !options.isEmpty, text != "approved", text != "rejected", !options.contains(text) {
            throw Failure.usage("'\(Names.shown(text))' is none of the options: \(options.joined(separator: ", "))")
        }
        guard ask.answer == nil, try bus.answer(id, by: name, text) else { throw Failure.no("ask '\(id)' is answered already") }
        if try bus.canReceive(ask.from) {
            _ = try bus.send(from: name, to: ask.from, subject: "answer to ask \(id)", body: Array(text.utf8))
        }
        tool.print([id, text], json: ["id": .string(id), "answer": .string(text)])
    }

    struct New: Verb {
        static let configuration = CommandConfiguration(abstract: "Ask; print the ask's id.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "Answers to choose from, divided by commas.") var options: String?
        @Option(name: .long, help: "Who is asked.") var to = "human"
        @Option(name: .long, help: "How much it matters.") var severity: String?
        @Option(name: .long, help: "Wait for the answer and print it.") var wait: String?
        @Argument var text: String

        func run(_ tool: Tool) throws {
            let bus = try tool.bus()
            let text = try tool.body(self.text, file: nil)
            guard !text.isEmpty else { throw Failure.usage("empty ask") }
            let to = try Names.caller(to)
            guard try bus.canReceive(to) else { throw Failure.no("no agent '\(to)'") }
            let deadline = try tool.deadline(wait)
            let id = try bus.ask(
                text, by: tool.caller(), to: to, options: (options ?? "").split(separator: ",").map { try tool.line(String($0), what: "option") },
                severity: severity.map { try tool.line($0, what: "severity") })
            tool.print([id], json: ["id": .string(id)])
            guard wait != nil else { return }
            Out.flush()
            guard let answer = try bus.waitForAnswer(id, until: deadline) else { throw Failure.no("no answer in time") }
            tool.print([answer], json: ["id": .string(id), "answer": .string(answer)])
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(abstract: "List the open asks.")
        @OptionGroup var common: Common
        func run(_ tool: Tool) throws { for ask in try tool.bus().asks() { AskVerb.show(tool, ask) } }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(abstract: "Print an ask whole.")
        @OptionGroup var common: Common
        @Argument var ids: [String]
        func run(_ tool: Tool) throws {
            let bus = try tool.bus()
            try tool.each(tool.names(ids)) { id in
                guard let ask = try bus.ask(id) else { throw Failure.no("no ask '\(Names.shown(id))'") }
                AskVerb.show(tool, ask)
            }
        }
    }

    struct Approve: Verb {
        static let configuration = CommandConfiguration(abstract: "Say yes.")
        @OptionGroup var common: Common
        @Argument var ids: [String]
        func run(_ tool: Tool) throws { _ = try tool.bus(); try tool.each(tool.names(ids)) { try AskVerb.answer(tool, $0, "approved") } }
    }

    struct Reject: Verb {
        static let configuration = CommandConfiguration(abstract: "Say no.")
        @OptionGroup var common: Common
        @Argument var ids: [String]
        func run(_ tool: Tool) throws { _ = try tool.bus(); try tool.each(tool.names(ids)) { try AskVerb.answer(tool, $0, "rejected") } }
    }

    struct Answer: Verb {
        static let configuration = CommandConfiguration(abstract: "Answer with a text.")
        @OptionGroup var common: Common
        @Argument var id: String
        @Argument var text: String
        func run(_ tool: Tool) throws { _ = try tool.bus(); try AskVerb.answer(tool, id, tool.line(text, what: "answer")) }
    }
}
