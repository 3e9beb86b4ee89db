import SystemPackage
import Testing

@testable import Storage

@Suite struct RecordTests {
    private let path: FilePath = "some/file"

    private func sample() -> Record {
        var record = Record()
        record["Title"] = "漢字: 🙂 $(touch x)"
        record["Empty"] = ""
        record["Two"] = "a\nb"
        record["Three"] = "a\r\nState: done"
        record.body = Array("Length: 3\n\nabc".utf8) + [0, 0xff, 10]
        return record
    }

    @Test func comesBackAsItWas() throws {
        let record = sample()
        #expect(try Record(record.bytes, of: path) == record)
        #expect(record["Empty"] == nil, "an empty value is left out")
        #expect(record["Two"] == "a b", "a value keeps one line")
        #expect(record["State"] == nil, "and brings no other")
    }

    @Test func cutAnywhereIsDamage() throws {
        let bytes = sample().bytes
        for end in 0..<bytes.count {
            #expect(throws: Failure.self, "cut at \(end)") { try Record(Array(bytes[..<end]), of: path) }
        }
        #expect(throws: Failure.self) { try Record(bytes + [0], of: path) }
    }

    @Test func damageNamesTheFileAndIsUnsure() {
        do {
            _ = try Record(Array("rubbish".utf8), of: path)
            Issue.record("taken for a record")
        } catch let failure as Failure {
            #expect(failure.kind == .unsure)
            #expect(failure.message.contains(path.string))
        } catch { Issue.record("\(error)") }
    }

    @Test func manyInOneFile() throws {
        let bytes = sample().bytes + sample().bytes
        var at = 0
        for _ in 0..<2 { #expect(try Record(bytes, from: &at, of: path) == sample()) }
        #expect(at == bytes.count)
    }
}
