import Storage
import Testing

@testable import Bus

@Suite struct JournalTests {
    @Test(arguments: ["plain", "quote \" and \\", "tab\tnewline\n", "\u{1}\u{1f}\u{7f}", "漢字 🙂", "{\"a\":1}"])
    func aLineComesBack(_ text: String) throws {
        let line = "{\"time\":\"t\",\"event\":\(JSON.string(text)),\"by\":\"bob\",\"task\":7}"
        let bytes = Array(line.utf8)
        let event = try #require(Event(bytes[...]))
        #expect(event["event"] == text)
        #expect(event["task"] == "7")
    }

    /// In a text, behind a backslash and in a key.
    @Test(arguments: ["\"a\":\"?\"", "\"a\":\"\\?\"", "\"?\":1"]) func whatIsNotUTF8IsNone(_ field: String) {
        let line = "{\"time\":\"t\",\"event\":\"e\",\(field)}"
        #expect(Event(Array(line.utf8)[...]) != nil)
        let bytes = line.utf8.map { $0 == UInt8(ascii: "?") ? 0xa9 : $0 }
        #expect(Event(bytes[...]) == nil)
    }

    /// Escapes that cadre does not write are read, but for what is no scalar.
    @Test(arguments: [("\\u0041\\/\\b", "A/b"), ("\\ud800", nil), ("\\u00g1", nil), ("\\u-001", nil), ("\\u41", nil)])
    func escapes(_ text: String, _ expected: String?) {
        #expect(Event(Array("{\"time\":\"t\",\"event\":\"\(text)\"}".utf8)[...])?["event"] == expected)
    }

    @Test func wordsAreTheSameAsBytes() throws {
        let line = Array("{\"event\":\"e\",\"n\":,\"time\":\"t\",\"task\":7,\"to\":\"bob\",\"event\":\"f\"}".utf8)
        let event = try #require(Event(line[...]))
        #expect(event.words == ["t", "", "e", "n=", "task=7", "to=bob"])
        #expect(event.plainWords == Array(event.words.joined(separator: "\t").utf8))
        let other = try #require(Event(Array("{\"time\":\"t\",\"event\":\"é\"}".utf8)[...]))
        #expect(other.plainWords == nil)
    }

    @Test func aLineThatWasCutIsNone() {
        let bytes = Array("{\"time\":\"t\",\"event\":\"e\",\"by\":\"b\"}".utf8)
        for end in 0..<bytes.count { #expect(Event(bytes[..<end]) == nil, "cut at \(end)") }
    }
}
