import Testing

@testable import Storage

@Suite struct NamesTests {
    @Test(arguments: ["a", "bob", "a-1_b", String(repeating: "x", count: 32)])
    func goodNames(_ name: String) throws { #expect(try Names.agent(name) == name) }

    @Test(arguments: [
        "", "Bob", "1a", "-rf", "../x", "a b", "a\n", "a,b", "é", "a/b", String(repeating: "x", count: 33), "all",
        "human", "parent", "children",
    ])
    func badNames(_ name: String) {
        #expect { try Names.agent(name) } throws: { ($0 as? Failure)?.kind == .usage }
    }

    @Test func aPersonMayCallAndNoOtherReservedName() throws {
        #expect(try Names.caller("human") == "human")
        #expect(throws: Failure.self) { try Names.caller("all") }
    }

    @Test(arguments: [
        "a\nb", "a\u{1b}[31m", "a\u{7f}", "a\u{9b}31m", "a\u{202e}b", "a\u{2066}b", "a\u{2028}b", "", "   ",
    ])
    func badLines(_ text: String) {
        #expect { try Names.line(text) } throws: { ($0 as? Failure)?.kind == .usage }
    }

    @Test func aLineIsBoundedInBytes() throws {
        #expect(try Names.line(String(repeating: "é", count: 500)).utf8.count == 1000)
        #expect(throws: Failure.self) { try Names.line(String(repeating: "é", count: 500) + "x") }
    }

    @Test(arguments: [("1", 1), ("42", 42), ("9999999999", 9_999_999_999)])
    func ids(_ text: String, _ id: Int) throws { #expect(try Names.id(text) == id) }

    @Test(arguments: ["", "0", "01", "-1", "+1", "1x", "٣", "99999999999", " 1"])
    func badIds(_ text: String) { #expect(throws: Failure.self) { try Names.id(text) } }

    @Test func whatIsShownHasNoControls() {
        #expect(Names.shown("a\u{1b}]0;x\u{7}b\n\u{202e}") == "a?]0;x?b??")
    }
}
