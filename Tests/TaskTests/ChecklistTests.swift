import Testing

@testable import Bus
@testable import VerbTask

@Suite struct ChecklistTests {
    private func parse(_ text: String) throws -> [Bus.Draft] { try TaskVerb.Checklist.parse(text) }

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

    @Test(arguments: ["- [ ]", "- [ ]   ", "- [ ] a\u{1b}b"])
    func aTitleMustBeOne(_ text: String) { #expect(throws: Failure.self) { try parse(text) } }

    @Test func crlfIsALineEnd() throws { #expect(try parse("- [ ] a\r\n- [ ] b\r\n").map(\.header.title) == ["a", "b"]) }
}
