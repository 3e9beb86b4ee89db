import ArgumentParser
import Bus
import CommandKit
import Landing
import Storage

package struct AskVerb: ParsableCommand {
    package static let configuration = CommandConfiguration(
        verb: "ask", abstract: "Ask questions, and answer them.",
        subcommands: [New.self, List.self, Show.self, Approve.self, Reject.self, Answer.self],
        defaultSubcommand: New.self)
    package init() {}

    static func show(_ tool: CommandContext, _ ask: Ask) {
        let first = ask.text.split(separator: "\n").first.map(String.init) ?? ""
        tool.print(
            [ask.id, ask.record.kind?.rawValue ?? "", ask.from, first],
            json: [
                "id": .string(ask.id), "kind": .string(ask.record.kind?.rawValue), "from": .string(ask.from),
                "to": .string(ask.record.to),
                "severity": .string(ask.record.severity), "options": .string(ask.record.options),
                "time": .string(ask.record.time.map(Time.text)), "text": .string(ask.text),
                "answer": .string(ask.answer),
                "note": .string(ask.record.note), "by": .string(ask.record.by),
                "tool": .string(ask.record.tool),
                "directory": .string(ask.record.directory), "digest": .string(ask.record.digest),
                "late": .string(ask.record.late?.rawValue), "task": .int(ask.record.task),
            ])
    }

    /// The whole ask: its headers and text, or one JSON object.
    static func whole(_ tool: CommandContext, _ ask: Ask) {
        if tool.common.quiet || tool.common.json { return show(tool, ask) }
        Output.line(ask.id)
        let lines = ask.record.lines(
            \.kind, \.from, \.to, \.severity, \.options, \.task, \.tool, \.directory, \.digest, \.late, \.answer,
            \.note,
            \.by)
        for (key, value) in lines { Output.line("\(key): \(value)") }
        if let time = ask.record.time { Output.line("Date: \(Time.text(time))") }
        Output.line("")
        Output.raw(ask.record.body.last == 10 ? ask.record.body : ask.record.body + [10])
    }

    static func answer(_ tool: CommandContext, _ id: String, _ answer: String, note: String? = nil) throws {
        let bus = try tool.bus()
        let name = try tool.superior()
        guard let ask = try bus.ask(id) else { throw Failure.no("no ask '\(Names.shown(id))'") }
        guard try mayAnswer(tool, name, ask) else {
            let to = ask.record.to ?? "human"
            throw Failure.no(
                "'\(name)' may not answer ask '\(id)': \(to == "human" ? "a person" : "'\(to)'") or a superior of who "
                    + "asks does"
            )
        }
        let options = ask.options
        let chosen = ask.parts(of: answer)
        let isOther = chosen.first { !options.contains($0) }
        if !options.isEmpty, answer != "approved", answer != "rejected", chosen.isEmpty || isOther != nil {
            let hint = ask.takesSeveral ? "; several are divided by commas" : ""
            throw Failure.usage(
                "'\(Names.shown(isOther ?? answer))' is none of the options: \(options.joined(separator: ", "))\(hint)")
        }
        if ask.record.kind == .plan, ask.answer == "replaced" {
            throw Failure.no(
                "the plan of task \(ask.record.task ?? 0) was changed meanwhile: 'cadre plan show "
                    + "\(ask.record.task ?? 0)' prints it as it is now"
            )
        }
        guard ask.answer == nil, try bus.answer(id, by: name, answer, note: note) else {
            throw Failure.no("ask '\(id)' is answered already")
        }
        tool.print([id, answer], json: ["id": .string(id), "answer": .string(answer), "note": .string(note)])
        if try bus.entry(reviewedIn: ask) != nil { try tool.startQueue() }
    }

    /// Whether `name` may answer the ask. A person may answer any; an agent those that it was asked, and those of
    /// agents below it. Whoever may approve an entry answers the ask for its review.
    private static func mayAnswer(_ tool: CommandContext, _ name: String, _ ask: Ask) throws -> Bool {
        if name == "human" { return true }
        let bus = try tool.bus()
        if ask.record.kind == .review {
            guard let entry = try bus.entry(reviewedIn: ask) else { return false }
            return try MergeRunner(tool.work()).mayApprove(name, entry)
        }
        if ask.record.kind == .plan { return try tool.mayDecide(name, planIn: ask) }
        return try ask.from != name && (ask.record.to == name || bus.isAbove(name, ask.from))
    }

    /// Without blanks at its ends.
    /// One line given as an argument or, for `-`, on standard input.
    static func line(_ tool: CommandContext, _ text: String) throws -> String {
        guard text == "-" else { return try tool.line(text, what: "answer") }
        guard let read = String(validating: try tool.standardInput(), as: UTF8.self) else {
            throw Failure.usage("answer is not valid UTF-8")
        }
        return try tool.line(read.hasSuffix("\n") ? String(read.dropLast()) : read, what: "answer")
    }

    struct New: Verb {
        static let configuration = CommandConfiguration(
            commandName: "new", abstract: "Ask a question; print the ask's id.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "The possible answers, separated by commas.") var options: String?
        @Option(name: .long, help: "The recipient.") var to = "human"
        @Option(name: .long, help: "The severity.") var severity: String?
        @Option(name: .long, help: ArgumentHelp("Wait for the answer and print it.", valueName: "time")) var wait:
            String?
        @Option(
            name: .customShort("F", allowingJoined: true),
            help: ArgumentHelp("Read the text from FILE.", valueName: "file")) var file: String?
        @Argument(help: "The question; - reads it from standard input.") var text: String?

        func run(_ tool: CommandContext) throws {
            guard text != nil || file != nil else { throw Failure.usage("ask what? give a text, - or -F FILE") }
            guard self.text != "" else { throw Failure.usage("empty ask") }
            let to = try Names.caller(to)
            let deadline = try tool.deadline(wait)
            let choices =
                try options.map {
                    try tool.line($0, what: "options").split(separator: ",", omittingEmptySubsequences: false).map {
                        try tool.line(Ask.list(String($0)).first ?? "", what: "option")
                    }
                } ?? []
            let severity = try self.severity.map { try tool.line($0, what: "severity") }
            let bus = try tool.bus()
            let text = try tool.body(self.text, file: file)
            guard !text.isEmpty else { throw Failure.usage("empty ask") }
            guard try bus.canReceive(to) else { throw bus.noAgent(to) }
            let id = try bus.ask(
                text, by: tool.caller(), to: to, options: choices,
                severity: severity)
            tool.print([id], json: ["id": .string(id)])
            guard wait != nil else { return }
            Output.flush()
            guard let answer = try bus.waitForAnswer(id, until: deadline) else { throw Failure.no("no answer in time") }
            tool.print([answer], json: ["id": .string(id), "answer": .string(answer)])
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the open asks.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        func run(_ tool: CommandContext) throws {
            let asks = try tool.bus().asks()
            tool.table(look, ["ID", "KIND", "FROM", "TEXT"], empty: "nothing waits for an answer")
            for ask in asks { AskVerb.show(tool, ask) }
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Print asks in full.")
        @OptionGroup var common: Common
        @Argument(help: "Asks; - reads them from standard input.") var ids: [String]
        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            try tool.each(tool.names(ids)) { id in
                guard let ask = try bus.ask(id) else { throw Failure.no("no ask '\(Names.shown(id))'") }
                AskVerb.whole(tool, ask)
            }
        }
    }

    struct Approve: Verb {
        static let configuration = CommandConfiguration(commandName: "approve", abstract: "Approve an ask.")
        @OptionGroup var common: Common
        @Argument(help: "The ask; - reads several from standard input.") var id: String
        @Argument(help: "A comment of one line.") var text: String?
        func run(_ tool: CommandContext) throws {
            _ = try tool.bus()
            let note = try text.map { try AskVerb.line(tool, $0) }
            try tool.each(tool.names([id])) { try AskVerb.answer(tool, $0, "approved", note: note) }
        }
    }

    struct Reject: Verb {
        static let configuration = CommandConfiguration(commandName: "reject", abstract: "Reject an ask.")
        @OptionGroup var common: Common
        @Argument(help: "The ask; - reads several from standard input.") var id: String
        @Argument(help: "A comment of one line.") var text: String?
        func run(_ tool: CommandContext) throws {
            _ = try tool.bus()
            let note = try text.map { try AskVerb.line(tool, $0) }
            try tool.each(tool.names([id])) { try AskVerb.answer(tool, $0, "rejected", note: note) }
        }
    }

    struct Answer: Verb {
        static let configuration = CommandConfiguration(commandName: "answer", abstract: "Answer with a line of text.")
        @OptionGroup var common: Common
        @Argument(help: "The ask; - reads several from standard input.") var id: String
        @Argument(help: "The answer; - reads it from standard input.") var text: String
        func run(_ tool: CommandContext) throws {
            _ = try tool.bus()
            let answer = try AskVerb.line(tool, text)
            try tool.each(tool.names([id])) { try AskVerb.answer(tool, $0, answer) }
        }
    }
}
