import ArgumentParser
import Foundation
import Testing

@testable import ClaimCommand
@testable import CommandKit
@testable import Commands
@testable import HeartbeatCommand
@testable import InboxCommand
@testable import SendCommand

/// What the short way reads the parser reads the same.
struct HotVerbTests {
    private static let verbs: [any HotVerb.Type] = [
        HookVerb.self, PrimeVerb.self, HeartbeatVerb.self, ClaimVerb.self, SendVerb.self, StatusVerb.self,
        InboxVerb.List.self, InboxVerb.Next.self, InboxVerb.Show.self, InboxVerb.Ack.self, AgentsVerb.List.self,
        TaskVerb.Add.self, TaskVerb.List.self, TaskVerb.Show.self, TaskVerb.Done.self, TaskVerb.Note.self,
    ]
    private static let values = [
        "a", "1", "", "-", "--", "-x", "x=y", "=", "häß", "two words", "-1", "--json", "-q", "-qa", "--as", "-C",
        "--nope",
        "forever", "5m", "--help", "-h", "next", "'", "\u{10ff41}",
    ]

    /// SplitMix64.
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    private static func text(_ verb: any ParsableCommand) -> String {
        var text = ""
        dump(verb, to: &text)
        return text
    }

    /// Command lines that were read the short way, of so many.
    private func compare<V: HotVerb>(_ verb: V.Type, _ count: Int, _ random: inout Random) -> Int {
        let names = V.words.flatMap(\.names) + ["-q", "--quiet", "--json", "--as", "-C"]
        var read = 0
        for _ in 0..<count {
            let line = (0..<Int.random(in: 0...6, using: &random)).map { _ -> String in
                let value = Self.values.randomElement(using: &random)!
                let name = names.randomElement(using: &random)!
                switch Int.random(in: 0..<10, using: &random) {
                case 0...3: return name
                case 4: return name + "=" + value
                case 5: return name + value
                default: return value
                }
            }
            guard let quick = V.quick(line[...]) else { continue }
            read += 1
            guard let full = try? V.parse(line) else {
                Issue.record("the parser does not read \(V.self) \(line)")
                continue
            }
            #expect(Self.text(quick) == Self.text(full), "\(V.self) \(line)")
        }
        return read
    }

    @Test func readsAsTheParserDoes() {
        var random = Random(state: 20)
        let count = Int(ProcessInfo.processInfo.environment["CADRE_TEST_LINES"] ?? "") ?? 100
        for verb in Self.verbs { #expect(compare(verb, count, &random) > 0, "\(verb)") }
    }

    /// Each name that the short way knows is one of the parser's.
    @Test func knowsNoOtherNames() {
        for verb in Self.verbs {
            let help = verb.helpMessage(columns: 1000)
            func names<V: HotVerb>(_ verb: V.Type) -> [String] { V.words.flatMap(\.names) }
            for name in names(verb) { #expect(help.contains(name), "\(verb) \(name)") }
        }
    }
}
