import ArgumentParser
import Bus
import CommandKit
import Storage

package struct InboxVerb: ParsableCommand {
    package static let configuration = CommandConfiguration(
        verb: "inbox", abstract: "Read mail.",
        subcommands: [List.self, Next.self, Show.self, Ack.self, Search.self, Thread.self], defaultSubcommand: List.self
    )
    package init() {}

    static func fields(_ message: Message) -> [String] {
        [message.id, message.read ? "read" : "unread", message.from, Time.text(message.time), message.subject]
    }

    static func table(_ tool: CommandContext, _ look: Look) {
        tool.table(look, ["ID", "STATE", "FROM", "TIME", "SUBJECT"], empty: "no mail")
    }

    static func show(_ tool: CommandContext, _ message: Message) {
        tool.print(
            fields(message),
            json: [
                "id": .string(message.id), "from": .string(message.from), "time": .string(Time.text(message.time)),
                "subject": .string(message.subject), "read": .bool(message.read), "urgent": .bool(message.urgent),
                "replyTo": .string(message.replyTo),
            ])
    }

    /// The whole message: its headers and body, or one JSON object.
    static func whole(_ tool: CommandContext, _ message: Message) {
        if tool.common.quiet { return }
        if tool.common.json {
            return Output.json([
                "id": .string(message.id), "from": .string(message.from), "time": .string(Time.text(message.time)),
                "subject": .string(message.subject), "urgent": .bool(message.urgent),
                "replyTo": .string(message.replyTo),
                "body": .string(String(decoding: message.body, as: UTF8.self)),
            ])
        }
        Output.line(message.id)
        Output.line("From: \(message.from)")
        if !message.subject.isEmpty { Output.line("Subject: \(message.subject)") }
        Output.line("Date: \(Time.text(message.time))")
        Output.line("")
        Output.raw(message.body.last == 10 || message.body.isEmpty ? message.body : message.body + [10])
    }

    static func find(_ tool: CommandContext, _ id: String) throws -> Message {
        let name = try tool.reader()
        guard let message = try tool.bus().message(id, of: name) else {
            throw Failure.no("no message '\(Names.shown(id))' in the box of '\(name)'")
        }
        return message
    }

    struct List: HotVerb {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List unread mail, oldest first.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        @Flag(name: .shortAndLong, help: "Include read mail.") var all = false
        @Option(name: .long, help: ArgumentHelp("Wait for mail, forever or at most this long.", valueName: "time"))
        var wait: String?
        @Flag(name: .long, help: "Follow: list mail as it arrives.") var follow = false

        static var words: [Word<Self>] {
            [
                .preset { $0.look = .plain }, .flag(["-a", "--all"]) { $0.all = $1 },
                .option(["--wait"]) { $0.wait = $1 },
                .flag(["--follow"]) { $0.follow = $1 },
            ]
        }

        func run(_ tool: CommandContext) throws {
            let deadline = try tool.deadline(wait)
            let bus = try tool.bus()
            let name = try tool.reader()
            var seen = Set<String>()
            InboxVerb.table(tool, self.look)
            if wait != nil, try !bus.waitForMail(name, until: deadline) { throw Failure.no("no mail in time") }
            func look() throws {
                for (id, _) in try bus.messages(of: name, all: all) where seen.insert(id).inserted {
                    if let message = try bus.message(id, of: name) { InboxVerb.show(tool, message) }
                }
                Output.flush()
            }
            if follow { try bus.followMail(name, look) } else { try look() }
        }
    }

    struct Next: HotVerb {
        static let configuration = CommandConfiguration(
            commandName: "next", abstract: "Print the oldest unread message and acknowledge it.")
        @OptionGroup var common: Common
        @Option(name: .long, help: ArgumentHelp("Wait for a message, forever or at most this long.", valueName: "time"))
        var wait: String?

        static var words: [Word<Self>] { [.option(["--wait"]) { $0.wait = $1 }] }

        func run(_ tool: CommandContext) throws {
            try InboxVerb.next(tool, wait: wait != nil, until: tool.deadline(wait))
        }
    }

    /// Prints the oldest unread message of the caller and acknowledges it.
    package static func next(_ tool: CommandContext, wait: Bool = false, until deadline: Int? = nil) throws {
        let bus = try tool.bus()
        let name = try tool.caller()
        func show(_ message: Message) {
            InboxVerb.whole(tool, message)
            Output.flush()
        }
        let found = try wait ? bus.next(of: name, until: deadline, deliver: show) : bus.next(of: name, deliver: show)
        if !found { throw Failure.no("no mail") }
    }

    struct Show: HotVerb {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Print messages in full.")
        @OptionGroup var common: Common
        @Argument(help: "Message ids; - reads them from standard input.") var messages: [String]

        static var words: [Word<Self>] { [.rest(least: 1) { $0.messages = $1 }] }

        func run(_ tool: CommandContext) throws {
            _ = try tool.bus()
            try tool.each(tool.names(messages)) { InboxVerb.whole(tool, try InboxVerb.find(tool, $0)) }
        }
    }

    struct Ack: HotVerb {
        static let configuration = CommandConfiguration(commandName: "ack", abstract: "Acknowledge messages.")
        @OptionGroup var common: Common
        @Argument(help: "Message ids; - reads them from standard input.") var messages: [String]

        static var words: [Word<Self>] { [.rest(least: 1) { $0.messages = $1 }] }

        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            let name = try tool.caller()
            try tool.each(tool.names(messages)) { id in
                let message = try InboxVerb.find(tool, id)
                guard try bus.acknowledge(message.id, of: name) else {
                    throw Failure.no("message '\(message.id)' is acknowledged already")
                }
                tool.print([message.id], json: ["id": .string(message.id)])
            }
        }
    }

    struct Search: Verb {
        static let configuration = CommandConfiguration(
            commandName: "search", abstract: "List messages that contain a text.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        @Argument(help: "The text to find in sender, subject and body; case is ignored.") var text: String

        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            let name = try tool.reader()
            InboxVerb.table(tool, look)
            for (id, _) in try bus.messages(of: name, all: true) {
                guard let message = try bus.message(id, of: name) else { continue }
                let all = message.subject + "\n" + message.from + "\n" + String(decoding: message.body, as: UTF8.self)
                if all.lowercased().contains(text.lowercased()) { InboxVerb.show(tool, message) }
            }
        }
    }

    struct Thread: Verb {
        static let configuration = CommandConfiguration(
            commandName: "thread", abstract: "List a message's thread.")
        @OptionGroup var common: Common
        @OptionGroup var look: Look
        @Argument(help: "Any message of the thread.") var message: String

        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            let name = try tool.reader()
            let start = try InboxVerb.find(tool, message)
            InboxVerb.table(tool, look)
            let all = try bus.messages(of: name, all: true).compactMap { try bus.message($0.id, of: name) }
            // Both ways along the answers until nothing is new.
            var thread: Set<String> = [start.id]
            if let before = start.replyTo { thread.insert(before) }
            var size = 0
            while size != thread.count {
                size = thread.count
                for message in all {
                    let before = message.replyTo
                    if thread.contains(message.id) || before.map(thread.contains) ?? false {
                        thread.insert(message.id)
                        if let before { thread.insert(before) }
                    }
                }
            }
            for message in all where thread.contains(message.id) { InboxVerb.show(tool, message) }
        }
    }
}
