import Glibc

/// Times: seconds since the epoch inside, RFC 3339 in UTC outside.
package enum Time {
    package static func now() -> Int { time(nil) }

    /// Seconds of a clock that no one sets, for measuring how long something takes.
    package static func monotonic() -> Double {
        var t = timespec()
        clock_gettime(CLOCK_MONOTONIC, &t)
        return Double(t.tv_sec) + Double(t.tv_nsec) / 1e9
    }

    /// Microseconds since the epoch.
    package static func micros() -> Int {
        var t = timespec()
        clock_gettime(CLOCK_REALTIME, &t)
        return t.tv_sec * 1_000_000 + t.tv_nsec / 1000
    }

    /// `2026-11-24T16:40:00Z`. Without `gmtime_r`, which reads /etc/localtime whatever it is asked.
    package static func text(_ seconds: Int) -> String {
        let second = seconds.modulo(86400)
        let (year, month, day) = date(day: (seconds - second) / 86400)
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(year)-\(two(month))-\(two(day))"
            + "T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }

    // Of the Gregorian calendar, in eras of 400 years and years that begin in March, so that a leap day is the last.

    /// The date of a day, counted from 1970-01-01.
    private static func date(day: Int) -> (year: Int, month: Int, day: Int) {
        let day = day + 719_468
        let ofEra = day.modulo(146_097)
        let year = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let isNext = month >= 10
        return (
            (day - ofEra) / 146_097 * 400 + year + (isNext ? 1 : 0), isNext ? month - 9 : month + 3,
            ofYear - (153 * month + 2) / 5 + 1
        )
    }

    /// The day of a date, counted from 1970-01-01. A day behind the end of the month is one of the next.
    private static func day(year: Int, month: Int, day: Int) -> Int {
        let year = month < 3 ? year - 1 : year
        let ofEra = year.modulo(400)
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return (year - ofEra) / 400 * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    /// A duration such as `30s`, `5m`, `2h`, `3d`, in seconds; a bare number is seconds. Nil if it is none of these.
    package static func duration(_ text: String) -> Int? {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        guard let last = text.last else { return nil }
        let factor = units[last]
        let digits = factor == nil ? Substring(text) : text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let n = Int(digits) else { return nil }
        let (seconds, over) = n.multipliedReportingOverflow(by: factor ?? 1)
        return over || seconds > 100 * 366 * 86400 ? nil : seconds
    }

    /// A point in time: RFC 3339 with `Z` or an offset, or a duration from now. Nil if it is neither. What is before
    /// 1970 is its first second: 0 is no time.
    package static func point(_ text: String, now: Int = now()) -> Int? {
        if let seconds = duration(text) { return now + seconds }
        // A fraction of a second is allowed and dropped.
        var text = text
        if let dot = text.firstIndex(of: ".") {
            let end = text[text.index(after: dot)...].firstIndex { !("0"..."9").contains($0) } ?? text.endIndex
            guard text.index(after: dot) < end else { return nil }
            text.removeSubrange(dot..<end)
        }
        let fields = text.utf8.split(whereSeparator: { "-T:+Zt z".utf8.contains($0) }).compactMap { Int(Substring($0)) }
        guard text.utf8.count >= 20, fields.count == 6 || fields.count == 8 else { return nil }
        guard fields[0] < 10_000, (1...12).contains(fields[1]), (1...31).contains(fields[2]), fields[3] < 24,
            fields[4] < 60, fields[5] < 61
        else { return nil }
        let day = day(year: fields[0], month: fields[1], day: fields[2])
        var seconds = day * 86400 + fields[3] * 3600 + fields[4] * 60 + fields[5]
        if fields.count == 8 {
            let sign =
                text.utf8.dropLast(5).last == UInt8(ascii: "+") || text.utf8.suffix(6).first == UInt8(ascii: "+")
                ? 1 : -1
            guard fields[6] < 24, fields[7] < 60 else { return nil }
            seconds -= sign * (fields[6] * 3600 + fields[7] * 60)
        } else if text.last != "Z" && text.last != "z" {
            return nil
        }
        return max(1, seconds)
    }
}

extension Int {
    /// The remainder that is not negative.
    fileprivate func modulo(_ divisor: Int) -> Int { (self % divisor + divisor) % divisor }
}

/// Random names.
package enum Random {
    /// `count` lower-case hexadecimal digits of getrandom(2), at most 16.
    package static func hex(_ count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = String(generator.next(), radix: 16)
        return String((String(repeating: "0", count: 16 - digits.count) + digits).suffix(count))
    }

    /// A fencing token: 40 bits as 10 digits.
    package static func token() -> String { hex(10) }

    /// A random UUID (RFC 9562, version 4).
    package static func uuid() -> String {
        let a = hex(16)
        let b = hex(16)
        return "\(a.prefix(8))-\(a.dropFirst(8).prefix(4))-4\(a.suffix(3))-8\(b.prefix(3))-\(b.suffix(12))"
    }
}
