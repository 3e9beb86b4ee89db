import Glibc
import Testing

@testable import CommandKit

@Suite struct BytesTests {
    /// Every sequence that a program's argument can be comes back byte by byte, valid UTF-8 or not.
    @Test func argumentsAreBytes() {
        var cases: [[UInt8]] = [
            [], Array("漢字 🙂".utf8), [0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x8f, 0xbf, 0xbf],
            [0xf4, 0x8f, 0xbc, 0x81],
        ]
        for first in UInt8(1)...255 {
            for second in [UInt8(1), 0x41, 0x80, 0xbf, 0xc3, 0xff] { cases.append([first, second]) }
        }
        for bytes in cases {
            let text = (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
                Bytes.decode($0.baseAddress!)
            }
            #expect(Bytes.of(text) == bytes)
        }
    }
}
