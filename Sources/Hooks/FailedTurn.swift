import Bus
import FoundationEssentials
import Storage
import SystemPackage
import Team

// Finding in Claude Code's record of a conversation why its last turn failed.

extension Team {
    private struct Entry: Decodable {
        var uuid: String?
        var type: String?
        var isSidechain: Bool?
        var isApiErrorMessage: Bool?
        var error: String?
    }

    private struct Text: Decodable {
        struct Message: Decodable { var content: [Part]? }
        struct Part: Decodable { var text: String? }
        var message: Message?
    }

    /// Why the last turn in a conversation's record failed, in the words of a hook; nil if it did not. The record is
    /// Claude Code's: an entry in the model's place that is marked as an API error, whatever its words. `entry` is that
    /// entry's id.
    package static func failedTurn(in record: FilePath) throws -> (why: String, entry: String)? {
        for line in try (Files.readEnd(record, 1 << 20) ?? []).split(separator: 10).reversed() {
            let line = Data(line)
            guard let entry = try? JSONDecoder().decode(Entry.self, from: line), entry.isSidechain != true,
                entry.type == "assistant" || entry.type == "user"
            else { continue }
            guard entry.isApiErrorMessage == true else { return nil }
            let text = try? JSONDecoder().decode(Text.self, from: line)
            return (failure(entry.error, text?.message?.content?.compactMap(\.text).first), entry.uuid ?? "")
        }
        return nil
    }
}
