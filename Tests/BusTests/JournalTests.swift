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

    @Test func aLineThatWasCutIsNone() {
        let bytes = Array("{\"time\":\"t\",\"event\":\"e\",\"by\":\"b\"}".utf8)
        for end in 0..<bytes.count { #expect(Event(bytes[..<end]) == nil, "cut at \(end)") }
    }
}
