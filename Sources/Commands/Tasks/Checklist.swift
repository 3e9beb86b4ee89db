import Bus
import Storage

extension TaskVerb {
    /// A Markdown checklist: `- [ ] title` (also `*`, `+`, `1.`) is a task, one that is indented deeper than another
    /// before it is its child, indented text below is its body. `[x]` is left out with all below it. A mark of another
    /// kind is open, with a note of it. What stands in a fence or a comment is no item; the rest is ignored.
    struct Checklist {
        /// The open items, outermost first: indent, and index of the draft (nil: left out).
        private var open: [(indent: Int, draft: Int?)] = []
        private var plan = Plan()
        /// The lines below each draft that are its body, as they stand.
        private var bodies: [[Substring]] = []
        private let by: String

        static func parse(_ text: String, by: String) throws -> Plan {
            var list = Checklist(by: by)
            var fence: Substring?
            var inComment = false
            for (number, raw) in text.split(
                omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }
            ).enumerated() {
                let rest = raw.drop { $0 == " " || $0 == "\t" }
                let marks = rest.prefix { $0 == rest.first && ($0 == "`" || $0 == "~") }
                if let begun = fence {
                    if marks.hasPrefix(begun), rest.dropFirst(marks.count).allSatisfy(\.isWhitespace) { fence = nil }
                } else if marks.count >= 3 {
                    fence = marks
                } else if inComment || rest.hasPrefix("<!--") {
                    inComment = !rest.contains("-->")
                    continue
                } else if let (mark, title) = item(rest) {
                    do { try list.add(indent(raw), mark, String(title)) } catch let failure as Failure {
                        throw Failure(failure.kind, "line \(number + 1): \(failure.message)")
                    }
                    continue
                }
                list.below(raw, rest)
            }
            return list.finish()
        }

        private init(by: String) { self.by = by }

        private static func indent(_ line: Substring) -> Int {
            line.prefix { $0 == " " || $0 == "\t" }.reduce(0) { $0 + ($1 == "\t" ? 4 : 1) }
        }

        private mutating func add(_ indent: Int, _ mark: Character, _ title: String) throws {
            while let last = open.last, last.indent >= indent { open.removeLast() }
            let isBelow = open.contains { $0.draft == nil }
            guard !isBelow, !Checklist.done.contains(mark) else {
                plan.leaveOut(isBelow ? "below those" : "done")
                open.append((indent, nil))
                return
            }
            var draft = Bus.Draft(TaskHeader(title: ""))
            var words = title
            if title.utf8.count > 1000 {
                // All of it is in the body then.
                words = ""
                for scalar in title.unicodeScalars {
                    if words.utf8.count < 200 { words.unicodeScalars.append(scalar) } else { break }
                }
                words += "…"
            }
            draft.header.title = try Names.line(words)
            draft.parent = open.last?.draft
            if mark != " " {
                draft.notes = Bus.noteText(by: by, Array("marked [\(mark)] where it was imported from".utf8))
            }
            plan.drafts.append(draft)
            bodies.append(words == title ? [] : [title[...]])
            open.append((indent, plan.drafts.count - 1))
        }

        private mutating func below(_ raw: Substring, _ rest: Substring) {
            if rest.isEmpty {
                if let draft = open.last?.draft, !bodies[draft].isEmpty { bodies[draft].append("") }
            } else if let last = open.last, Checklist.indent(raw) > last.indent {
                if let draft = last.draft { bodies[draft].append(raw) }
            } else {
                open.removeAll()
            }
        }

        /// Bodies lose the indent that all their lines have.
        private mutating func finish() -> Plan {
            for (at, lines) in bodies.enumerated() {
                var lines = lines
                while lines.last?.isEmpty == true { lines.removeLast() }
                var common: Substring?
                for line in lines where !line.isEmpty {
                    let space = line.prefix { $0 == " " || $0 == "\t" }
                    common = common.map { $0.commonPrefix(with: space) } ?? space
                }
                let text = lines.map { $0.dropFirst(common?.count ?? 0) + "\n" }.joined()
                plan.drafts[at].header.body = Array(text.utf8)
            }
            return plan
        }

        private static let done: Set<Character> = ["x", "X", "v", "✓", "✔", "✅", "☑"]

        private static func item(_ line: Substring) -> (mark: Character, title: Substring)? {
            var rest = line
            if let first = rest.first, "-*+".contains(first) {
                rest = rest.dropFirst()
            } else {
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                guard !digits.isEmpty, let mark = rest.dropFirst(digits.count).first, mark == "." || mark == ")" else {
                    return nil
                }
                rest = rest.dropFirst(digits.count + 1)
            }
            rest = rest.drop { $0 == " " }
            // A letter or a digit is a legend or a reference.
            guard rest.count >= 3, rest.first == "[", let mark = rest.dropFirst().first, rest.dropFirst(2).first == "]",
                done.contains(mark) || !mark.isLetter && !mark.isNumber
            else { return nil }
            var title = rest.dropFirst(3)
            guard title.first != "(" else { return nil }
            title = title.drop { $0 == " " || $0 == "\t" }
            while title.last == " " || title.last == "\t" { title = title.dropLast() }
            return title.isEmpty ? nil : (mark, title)
        }
    }
}

extension Substring {
    fileprivate func commonPrefix(with other: Substring) -> Substring {
        self[
            ..<(zip(indices, other).first { self[$0] != $1 }?.0
                ?? index(startIndex, offsetBy: Swift.min(count, other.count)))]
    }
}
