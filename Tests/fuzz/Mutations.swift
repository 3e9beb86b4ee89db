/// Inputs that differ from real ones in a few places: the same ones after each start, so that a fault comes again.
struct Mutations {
    private let corpus: [[UInt8]]
    private var state: UInt64

    init(of corpus: [[UInt8]], seed: UInt64) {
        self.corpus = corpus
        state = seed
    }

    /// SplitMix64.
    private mutating func random() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    private mutating func random(_ bound: Int) -> Int { Int(random() % UInt64(bound)) }

    /// What parsers stumble over.
    private static let words: [[UInt8]] =
        [
            "", "\n", "\n\n", "\r\n", "\t", " ", "  ", "\0", "\\", "\"", "'", ":", ",", "-", "{", "}", "[", "]",
            "\u{1b}[",
            "\u{1b}]", "\u{1b}", "\u{301}", "é", "\u{2028}", "\u{202e}", "🙂", "null", "true", "0", "-1", "+1", "1e300",
            "9223372036854775807", "-9223372036854775808", "99999999999999999999", "Length: 0\n\n",
        ].map { Array($0.utf8) } + [[0x80], [0xff], [0xc3], [0xed, 0xa0, 0x80]]

    mutating func next() -> [UInt8] {
        var bytes = corpus[random(corpus.count)]
        for _ in 0...random(4) {
            let start = random(bytes.count + 1)
            let length = min(random(2) == 0 ? 1 : random(16), bytes.count - start)
            let range = start..<(start + length)
            switch random(7) {
            case 0: bytes.replaceSubrange(range, with: [])
            case 1: bytes.replaceSubrange(range, with: (0..<length).map { _ in UInt8(truncatingIfNeeded: random()) })
            case 2: bytes.insert(contentsOf: Mutations.words[random(Mutations.words.count)], at: start)
            case 3: bytes.replaceSubrange(range, with: Mutations.words[random(Mutations.words.count)])
            case 4: bytes.insert(contentsOf: bytes[range], at: random(bytes.count + 1))
            case 5: replaceNumber(&bytes, from: start)
            default:
                let other = corpus[random(corpus.count)]
                bytes.replaceSubrange(start..., with: other[random(other.count + 1)...])
            }
        }
        return bytes
    }

    private mutating func replaceNumber(_ bytes: inout [UInt8], from start: Int) {
        func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
        guard let first = bytes[start...].firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
        let numbers = ["0", "4", "5", "-1", "1e300", "9223372036854775807", "-9223372036854775808", "1.5"]
        bytes.replaceSubrange(first..<end, with: Array(numbers[random(numbers.count)].utf8))
    }
}
