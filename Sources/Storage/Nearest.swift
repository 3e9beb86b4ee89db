extension Names {
    /// The one of these words that was probably meant: the nearest, with at most two letters left out, added, changed
    /// or swapped with the next, and less than half of it. Nil if none is so near.
    package static func nearest(_ word: String, _ words: some Sequence<String>) -> String? {
        let given = Array(word.lowercased())
        let near = words.map { (word: $0, distance: distance(given, Array($0.lowercased()))) }.filter {
            $0.distance <= min(2, ($0.word.count - 1) / 2)
        }
        return near.min { ($0.distance, $0.word) < ($1.distance, $1.word) }?.word
    }

    /// `: did you mean 'WORD'?`, or nothing.
    package static func meant(_ word: String, _ words: some Sequence<String>) -> String {
        nearest(word, words).map { ": did you mean '\(Names.shown($0))'?" } ?? ""
    }

    /// Damerau's and Levenshtein's distance (optimal string alignment): row by row, the last two kept.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in 1..<a.count + 1 {
            var row = [i]
            for j in 1..<b.count + 1 {
                var least = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { least = min(least, before[j - 2] + 1) }
                row.append(least)
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
