import Foundation
import Testing

/// Each parser gets its corpus and CADRE_FUZZ_INPUTS that are made of it, 500 if not set. They are the same each time:
/// this finds what was broken. What was never right is found by `Tests/fuzz/run`, which is led by the code.
@Suite struct FuzzTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "corpus")
    private static let count = ProcessInfo.processInfo.environment["CADRE_FUZZ_INPUTS"].flatMap { Int($0) } ?? 500

    private func inputs(_ name: String) throws -> [[UInt8]] {
        let directory = FuzzTests.corpus.appending(path: name)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path()).sorted()
        return try names.map { Array(try Data(contentsOf: directory.appending(path: $0))) }
    }

    @Test(arguments: Target.all.map(\.name)) func keepsItsPromises(name: String) throws {
        let target = try #require(Target.all.first { $0.name == name })
        let corpus = try inputs(name)
        try #require(!corpus.isEmpty)
        let shown = try Shown(name)
        func check(_ input: [UInt8]) -> Bool {
            shown.show(input)
            do { try target.check(input) } catch {
                Issue.record("\(error)\nof the input in '\(shown.path)'")
                return false
            }
            return true
        }
        for input in corpus where !check(input) { return }
        var mutations = Mutations(of: corpus, seed: 1)
        for _ in 0..<FuzzTests.count where !check(mutations.next()) { return }
        shown.remove()
    }
}

/// A file with the input that is tried, also when that has ended the process.
private final class Shown {
    let path: String
    private let memory: UnsafeMutableRawPointer
    private static let size = 1 << 20
    private let fd: Int32

    init(_ name: String) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "cadre-fuzz-\(name)").path()
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        try #require(fd >= 0 && ftruncate(fd, off_t(Shown.size)) == 0)
        memory = try #require(mmap(nil, Shown.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0))
    }

    deinit {
        munmap(memory, Shown.size)
        close(fd)
    }

    /// Behind its length in decimal and a newline.
    func show(_ input: [UInt8]) {
        let bytes = Array("\(input.count)\n".utf8) + input
        bytes.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: min($0.count, Shown.size)) }
    }

    func remove() { unlink(path) }
}
