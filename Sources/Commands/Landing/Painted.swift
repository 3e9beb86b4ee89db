/// The colours of a difference, as git has them by default. They are ours, not git's: what git prints in colours can't
/// be told from colours that are in the files.
struct Painted {
    private static let meta = "1", place = "36", removed = "31", added = "32"

    /// Lines of a hunk that are still to come, of the old file and of the new.
    private var left = (old: 0, new: 0)

    mutating func pieces(_ line: String) -> [(text: Substring, colors: String?)] {
        let all = line[...]
        guard left.old > 0 || left.new > 0 || line.hasPrefix("\\") else {
            if let numbers = Painted.hunk(line) {
                left = numbers
                let end = line.dropFirst(2).range(of: " @@").map { $0 } ?? line.endIndex
                return [(line[..<end], Painted.place), (line[end...], nil)]
            }
            return [(all, line.isEmpty ? nil : Painted.meta)]
        }
        switch line.first {
        case "+":
            left.new -= 1
            return [(all, Painted.added)]
        case "-":
            left.old -= 1
            return [(all, Painted.removed)]
        case "\\": return [(all, nil)]
        default:
            left.old -= 1
            left.new -= 1
            return [(all, nil)]
        }
    }

    /// Of git's `--stat`: the signs at a line's end.
    static func stat(_ line: String) -> [(text: Substring, colors: String?)] {
        guard let bar = line.lastIndex(of: "|") else { return [(line[...], nil)] }
        let end = line.lastIndex { $0 != "+" && $0 != "-" }.map(line.index(after:)) ?? line.startIndex
        guard end > bar else { return [(line[...], nil)] }
        let minus = line[end...].firstIndex(of: "-") ?? line.endIndex
        return [(line[..<end], nil), (line[end..<minus], added), (line[minus...], removed)].filter { !$0.0.isEmpty }
    }

    /// How many lines of each file a hunk has: `@@ -1,2 +3 @@`.
    private static func hunk(_ line: String) -> (old: Int, new: Int)? {
        let words = line.split(separator: " ", maxSplits: 4)
        guard words.count >= 4, words[0] == "@@", words[3] == "@@", words[1].first == "-", words[2].first == "+" else {
            return nil
        }
        func count(_ word: Substring) -> Int? {
            let parts = word.dropFirst().split(separator: ",")
            return parts.count == 1 ? 1 : parts.last.flatMap { Int($0) }
        }
        guard let old = count(words[1]), let new = count(words[2]) else { return nil }
        return (old, new)
    }
}

extension Substring {
    /// The end of the first place of a text.
    fileprivate func range(of text: String) -> Index? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
