import SystemPackage
import Testing

@testable import Storage

@Suite struct TypedRecordTests {
    private enum Colour: String, FieldValue, CaseIterable { case red, green }
    private struct Fields: RecordFields {
        let name = Field<String>("Name")
        let count = Field<Int>("Count")
        let mark = Field<UInt64>("Mark")
        let place = Field<FilePath>("Place")
        let colour = Field<Colour>("Colour")
        let paths = Field<[String]>("Paths")
    }

    /// As many as come from one seed, so that a failure comes again.
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
        mutating func text() -> String {
            let scalars: [Unicode.Scalar] = ["a", " ", ":", "\t", "\\", "\"", "/", "é", "\u{301}", "漢", "🙂", "#"]
            return String(
                String.UnicodeScalarView(
                    (0..<Int.random(in: 1...9, using: &self)).map { _ in
                        scalars.randomElement(using: &self)!
                    }))
        }
    }

    @Test func whatIsPackedIsUnpacked() throws {
        var random = Random(state: 7)
        for _ in 0..<2000 {
            var record = TypedRecord<Fields>()
            record.name = "n" + random.text()
            record.count = Int.random(in: (1 - 1 << 62)..<(1 << 62), using: &random)
            record.mark = UInt64.random(in: .min ... .max, using: &random)
            record.place = FilePath("/" + random.text())
            record.colour = Colour.allCases.randomElement(using: &random)
            record.paths = (0..<Int.random(in: 1...3, using: &random)).map { _ in "p" + random.text() }
            record.body = Array(random.text().utf8)
            let back = TypedRecord<Fields>(try Record(record.bytes, of: "some/file"))
            #expect(back == record)
            #expect(back.name == record.name)
            #expect(back.count == record.count)
            #expect(back.mark == record.mark)
            #expect(back.place == record.place)
            #expect(back.colour == record.colour)
            #expect(back.paths == record.paths)
        }
    }

    /// A path of several lines is quoted, so that what looks like one must be.
    @Test(arguments: [
        "\"/a\"", "\"/a\\nb\"", "\"\\\"", "\"\\\"/\"", "\"\"", "\"a\"", "/a\nb\\\"", "/\u{301}\nb", "/a\\n",
    ])
    func whatLooksQuotedComesBack(_ text: String) throws {
        var record = TypedRecord<Fields>()
        record.name = text
        record.place = FilePath(text)
        let back = TypedRecord<Fields>(try Record(record.bytes, of: "some/file"))
        #expect(back.name == text && back.place == record.place)
    }

    @Test func whatIsNoSuchValueIsNil() {
        var record = TypedRecord<Fields>()
        record.record["Count"] = "many"
        record.record["Colour"] = "blue"
        record.record["Mark"] = "-1"
        #expect(record.count == nil && record.mark == nil)
        record.record["Count"] = "4611686018427387904"
        #expect(record.count == nil)
        record.record["Count"] = "-4611686018427387903"
        #expect(record.count == -4_611_686_018_427_387_903)
        #expect(record.colour == nil)
    }

    @Test func aListKeepsAnyText() throws {
        let all = ["plain", "a\tb", "a\\tb", "a\nb\r\n", "\\", "e\u{301}"]
        var record = TypedRecord<Fields>()
        record.paths = all
        #expect(try TypedRecord<Fields>(record.bytes, of: "some/file").paths == all)
        record.paths = []
        #expect(record.paths == nil)
    }

    @Test func aKeyMayBeMadeOfData() {
        var record = TypedRecord<Fields>()
        record[Field<Int>("A-Count")] = 3
        record.count = 4
        #expect(record[Field<Int>("A-Count")] == 3)
        #expect(record.record.fields.map(\.key) == ["A-Count", "Count"])
    }

    @Test func linesAreThoseThatAreThere() {
        var record = TypedRecord<Fields>()
        record.count = 1
        record.name = "a"
        let lines = record.lines(\.name, \.mark, \.count)
        #expect(lines.map(\.key) == ["Name", "Count"])
        #expect(lines.map(\.value) == ["a", "1"])
    }

    @Test func whatIsClearedIsLeftOut() {
        var record = TypedRecord<Fields>()
        record.name = "a"
        record.count = 1
        record.colour = .red
        record.clear(\.name, \.count)
        #expect(record.record.fields.map(\.key) == ["Colour"])
        record.colour = nil
        #expect(record.record.fields.isEmpty)
    }
}
