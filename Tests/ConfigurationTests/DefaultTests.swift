import Foundation
import Storage
import Testing

@testable import Configuration

@Suite struct DefaultTests {
    /// Of each setting what cadre-config(5) says between its key and the next.
    private static let page: [String: String] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Sources/Manual/cadre-config.5")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        let parts = text.components(separatedBy: ".It Cm cadre.").dropFirst()
        return Dictionary(
            parts.map { part in (String(part.prefix { $0.isLetter }), part) }, uniquingKeysWith: { first, _ in first })
    }()

    @Test(arguments: NumberSetting.all.map(\.key)) func isWhatThePageSays(key: String) throws {
        let setting = try #require(NumberSetting.all.first { $0.key == key })
        let words = try #require(DefaultTests.page[key]?.firstMatch(of: /Default: ([0-9]+[smhd]?)\./)?.output.1)
        #expect((setting.isTime ? Time.duration(String(words)) : Int(words)) == setting.otherwise)
    }
}
