import Glibc
import SystemPackage

// The journal: one JSON object a line, `journal/DATE.HOST.jsonl`. A line is one write(2) of at most 4 KiB on a file
// opened to append, so lines of different writers never mix; one that a crash cut short is skipped by readers. It is
// told, not relied on: losing a line loses nothing else.
extension Bus {
    /// Notes that something happened. Never fails what it tells of.
    public func journal(_ event: String, by: String, _ fields: KeyValuePairs<String, String> = [:]) {
        let now = Time.micros()
        let date = Time.text(now / 1_000_000)
        var line = "{\"time\":\"\(date)\",\"event\":\(JSON.string(event)),\"by\":\(JSON.string(by))"
        for (key, value) in fields {
            line += ",\(JSON.string(key)):"
            line += key == "task" && Int(value) != nil ? value : JSON.string(String(value.prefix(500)))
        }
        line += "}\n"
        guard line.utf8.count <= 4096 else { return }
        let file = journal.appending("\(date.prefix(10)).\(Host.name).jsonl")
        _ = try? Files.append(Array(line.utf8), to: file)
    }
}

/// Writing JSON (RFC 8259).
public enum JSON {
    /// The text as a JSON string with its quotes.
    public static func string(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let hex = String(scalar.value, radix: 16)
                    out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }
}
