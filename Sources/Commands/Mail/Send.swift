import ArgumentParser
import Bus
import CommandKit
import Storage

package struct SendVerb: HotVerb {
    package static let configuration = CommandConfiguration(
        verb: "send", abstract: "Send mail; print a message id for each recipient.")
    @OptionGroup package var common: Common
    @Option(name: [.customShort("s", allowingJoined: true), .long], help: "The subject.") var subject: String?
    @Option(name: .long, help: "The message to reply to.") var replyTo: String?
    @Flag(name: .long, help: "Interrupt a recipient that is working.") var urgent = false
    @Option(
        name: .customShort("F", allowingJoined: true), help: ArgumentHelp("Read the text from FILE.", valueName: "file")
    ) var file: String?
    @Argument(
        help: ArgumentHelp(
            "NAME, @role, @all, @parent, @children, @epic:ID or human, one or more; then the text, or - for standard "
                + "input.")
    )
    var words: [String] = []
    package init() {}
    package static var words: [Word<Self>] {
        [
            .option(["-s", "--subject"]) { $0.subject = $1 }, .option(["--reply-to"]) { $0.replyTo = $1 },
            .flag(["--urgent"]) { $0.urgent = $1 }, .option(["-F"]) { $0.file = $1 }, .rest(least: 0) { $0.words = $1 },
        ]
    }

    package func run(_ tool: CommandContext) throws {
        // Recipients come first; the text, if it is an argument, is last.
        var to = words
        var text: String?
        if file == nil, to.count > 1 { text = to.removeLast() }
        guard !to.isEmpty else {
            throw Failure.usage("to whom? name an agent, @role, @all, @parent, @children or human")
        }
        guard to != ["-"] || text != nil || file != nil else {
            throw Failure.usage("with recipients from standard input give a text or -F FILE")
        }
        let subject = try self.subject.map { $0.isEmpty ? "" : try tool.line($0, what: "subject") } ?? ""
        let from = try tool.caller()
        let bus = try tool.bus()
        let body = try tool.body(text, file: file, otherwise: tool.standardInput)
        var reply = replyTo
        if to == ["-"] { to = try tool.names(to) }
        if let id = Message.id(replyTo) {
            guard let original = try bus.message(id, of: from) else {
                throw Failure.no("no message '\(Names.shown(id))' in the box of '\(from)'")
            }
            reply = original.id
        }
        let recipients = try tool.recipients(to, from: from)
        guard !recipients.isEmpty else { throw Failure.no("nobody there to get it") }
        for name in recipients where try !bus.canReceive(name) { throw bus.noAgent(name) }
        try tool.each(recipients) { name in
            let id = try bus.send(from: from, to: name, subject: subject, body: body, replyTo: reply, urgent: urgent)
            tool.print([id, name], json: ["id": .string(id), "to": .string(name)])
            if let why = try SendVerb.delay(bus, name) { tool.say("'\(name)' \(why): it reads this afterwards") }
        }
    }
    /// Why an agent does not read its mail now; nil if it will, or is at work.
    private static func delay(_ bus: Bus, _ name: String) throws -> String? {
        guard let agent = try bus.agent(named: name) else { return nil }
        let note = agent.report?.note.flatMap { $0.isEmpty ? nil : $0 }
        switch agent.state {
        case .resting: return "rests, 'cadre up \(name)' starts it"
        case .dead, .quarantined:
            return "is \(agent.state.rawValue)\(note.map { " (\($0))" } ?? ""), 'cadre up \(name)' starts it"
        case .frozen, .stuck: return "is \(agent.state.rawValue)"
        case .waiting: return "waits for a person\(note.map { " (\($0))" } ?? "")"
        case .idle where agent.report?.source == .budget && note != nil || note?.contains(Bus.waits) == true:
            return "is not reached now (\(note!))"
        case .idle where try bus.isSignedOut(name): return "is not let in to its model (\(note ?? ""))"
        case .idle where try bus.isFailing(name): return "can't go on (\(note ?? ""))"
        case .working where agent.report?.source == .screen && note != nil: return "does not get on (\(note!))"
        default: return nil
        }
    }
}
