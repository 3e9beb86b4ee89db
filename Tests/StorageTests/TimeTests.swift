import Glibc
import Testing

@testable import Storage

@Suite struct TimeTests {
    @Test(arguments: [("30s", 30), ("5m", 300), ("2h", 7200), ("3d", 259200), ("7", 7), ("0s", 0)])
    func durations(_ text: String, _ seconds: Int) { #expect(Time.duration(text) == seconds) }

    @Test(arguments: ["", "s", "-1s", "1.5h", "1w", "5 m", "99999999999999999999d", "9999999d"])
    func badDurations(_ text: String) { #expect(Time.duration(text) == nil) }

    @Test(arguments: [1, 951_782_400, 1_700_000_000, 4_102_444_799])
    func textAndBack(_ seconds: Int) { #expect(Time.point(Time.text(seconds)) == seconds) }

    /// As the C library has it, over four eras of 400 years.
    @Test func textIsAsInC() {
        for day in stride(from: -300_000, to: 300_000, by: 97) {
            var seconds = day * 86400 + (day &* 7919) % 86400
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let text = Time.text(seconds)
            let fields = text.split { "-T:Z".contains($0) }.map { Int32($0) }
            let expected = [
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
            ]
            guard fields == expected else {
                Issue.record("\(seconds): \(text)")
                return
            }
            guard seconds >= 0 else { continue }
            #expect(Time.point(text) == seconds)
        }
        #expect(Time.point("2026-02-31T00:00:00Z") == Time.point("2026-03-03T00:00:00Z"))
    }

    @Test func offsets() {
        let noon = Time.point("2026-11-24T12:00:00Z")
        #expect(noon != nil)
        #expect(Time.point("2026-11-24T14:30:00+02:30") == noon)
        #expect(Time.point("2026-11-24T07:00:00-05:00") == noon)
    }

    @Test(arguments: [
        "2026-11-24", "2026-13-01T00:00:00Z", "2026-11-24T25:00:00Z", "2026-11-24T12:00:00", "tomorrow", "",
    ])
    func badPoints(_ text: String) { #expect(Time.point(text) == nil) }

    /// A time is written as a number of ten or twelve digits, and 0 is none.
    @Test func aPointIsATimeThatCanBeWritten() {
        #expect(Time.point("1970-01-01T00:00:00Z") == 1)
        #expect(Time.point("0001-11-28T10:00:00Z") == 1)
        #expect(Time.point("9999-12-31T23:59:59Z") == 253_402_300_799)
        #expect(Time.point("10000-01-01T00:00:00Z") == nil)
    }

    @Test func aDurationIsFromNow() { #expect(Time.point("5m", now: 1000) == 1300) }
}
