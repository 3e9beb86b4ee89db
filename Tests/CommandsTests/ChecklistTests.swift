import Storage
import Testing

@testable import Bus
@testable import Commands

@Suite struct ChecklistTests {
    private func parse(_ text: String) throws -> [Bus.Draft] { try TaskVerb.Checklist.parse(text, by: "human").drafts }

    @Test func itemsChildrenAndBodies() throws {
        let drafts = try parse(
            """
            # A goal
            Words that are no task.
            - [ ] one
              its body

              more of it
              * [ ] inner
            1. [ ] two
            - [x] past
              - [ ] below what is past
            - no box
            """)
        #expect(drafts.map(\.header.title) == ["one", "inner", "two"])
        #expect(drafts.map(\.parent) == [nil, 0, nil])
        #expect(String(decoding: drafts[0].header.body, as: UTF8.self) == "its body\n\nmore of it\n")
    }

    @Test func aTitleMustBeOne() { #expect(throws: Failure.self) { try parse("- [ ] a\u{1b}b") } }

    @Test(arguments: [
        "- [ ]", "- [ ]   ", "- [P] a legend", "- [ ](link) of no task", "<!--\n- [ ] a\n-->", "```\n- [ ] a\n```",
    ])
    func whatIsNoItem(_ text: String) throws { #expect(try parse(text).isEmpty) }

    @Test func crlfIsALineEnd() throws {
        #expect(try parse("- [ ] a\r\n- [ ] b\r\n").map(\.header.title) == ["a", "b"])
    }
}
