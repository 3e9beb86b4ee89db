import ArgumentParser
import Bus
import FoundationEssentials
import Tool

extension TaskVerb {
    struct Import: Verb {
        static let configuration = CommandConfiguration(commandName: "import", abstract: "Add all tasks of a file, or none; print their ids in order.")
        @OptionGroup var common: Common
        @Argument(help: "A Markdown checklist or JSON lines; - is standard input.") var file: String

        func run(_ tool: Tool) throws {
            let bytes = try tool.body(nil, file: file)
            let mark: [UInt8] = [0xef, 0xbb, 0xbf]  // of byte order, which some editors put in front
            guard let text = String(validating: bytes.dropFirst(bytes.starts(with: mark) ? 3 : 0), as: UTF8.self) else {
                throw Failure.usage("'\(Names.shown(file))' is not valid UTF-8")
            }
            let by = try tool.caller()
            let first = text.drop { $0.isWhitespace }.first
            let drafts = first == "{" ? try Lines.parse(text, tool) : try Checklist.parse(text)
            guard !drafts.isEmpty else { throw Failure.usage("no task in '\(Names.shown(file))': use '- [ ] title' lines or JSON lines") }
            for id in try tool.busOrNew().add(drafts, by: by) { tool.print(["\(id)"], json: ["id": .int(id)]) }
        }
    }

    /// A Markdown checklist: `- [ ] title` (also `*`, `+`, `1.`) is a task, one that is indented deeper than another before
    /// it is its child, indented text below is its body, `[x]` is left out with all below it, the rest is ignored.
    enum Checklist {
        static func parse(_ text: String) throws -> [Bus.Draft] {
            var drafts: [Bus.Draft] = []
            // The open items, outermost first: indent, and index of the draft (nil: checked, left out).
            var open: [(indent: Int, draft: Int?)] = []
            for (number, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }).enumerated() {
                let indent = raw.prefix { $0 == " " || $0 == "\t" }.reduce(0) { $0 + ($1 == "\t" ? 4 : 1) }
                let rest = raw.drop { $0 == " " || $0 == "\t" }
                if let (checked, title) = item(rest) {
                    while let last = open.last, last.indent >= indent { open.removeLast() }
                    let out = checked || open.contains { $0.draft == nil }
                    if !out {
                        do {
                            var draft = Bus.Draft(TaskHeader(title: try Names.line(String(title))))
                            draft.parent = open.last?.draft
                            drafts.append(draft)
                        } catch let failure as Failure { throw Failure(failure.kind, "line \(number + 1): \(failure.message)") }
                    }
                    open.append((indent, out ? nil : drafts.count - 1))
                } else if rest.isEmpty {
                    if let draft = open.last?.draft, !drafts[draft].header.body.isEmpty { drafts[draft].header.body += [10] }
                } else if let last = open.last, indent > last.indent {
                    if let draft = last.draft { drafts[draft].header.body += Array(rest.utf8) + [10] }
                } else {
                    open.removeAll()
                }
            }
            return drafts
        }

        private static func item(_ line: Substring) -> (checked: Bool, title: Substring)? {
            var rest = line
            if let first = rest.first, "-*+".contains(first) {
                rest = rest.dropFirst()
            } else {
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                guard !digits.isEmpty, let mark = rest.dropFirst(digits.count).first, mark == "." || mark == ")" else { return nil }
                rest = rest.dropFirst(digits.count + 1)
            }
            rest = rest.drop { $0 == " " }
            guard rest.count >= 3, rest.first == "[", let mark = rest.dropFirst().first, " xX".contains(mark), rest.dropFirst(2).first == "]"
            else { return nil }
            var title = rest.dropFirst(3).drop { $0 == " " || $0 == "\t" }
            while title.last == " " || title.last == "\t" { title = title.dropLast() }
            return (mark != " ", title)
        }
    }

    /// One JSON object a line. What `depends` and `parent` name is a task of the file by its `id`, a number or text, where
    /// lines have one; else a number counts the tasks of the file from 0, and text is the id of a task that exists. So
    /// what `task list --json` prints can be imported, too.
    enum Lines {
        enum Reference: Decodable {
            case number(Int), text(String)
            init(from decoder: Decoder) throws {
                let value = try decoder.singleValueContainer()
                if let number = try? value.decode(Int.self) { self = .number(number) } else { self = .text(try value.decode(String.self)) }
            }

            var label: String {
                switch self {
                case .number(let n): return "\(n)"
                case .text(let text): return text
                }
            }
        }

        struct Line: Decodable {
            var title: String
            var id: Reference?
            var body: String?
            var priority: Int?
            var depends: [Reference]?
            var parent: Reference?
            var role, to, verify, `defer`: String?
            var plan, merge: Bool?

            private enum Key: String, CodingKey { case title, id, body, priority, depends, parent, role, to, verify, plan, merge, `defer` }
            /// What `task list --json` prints of a task beside these.
            private static let told: Set<String> = [
                "state", "why", "owner", "token", "children", "by", "created", "attempts", "branch", "base", "returned", "returnedWhy", "conflicts", "ended", "result", "error", "notes", "planState", "planBy", "planTime", "planTo", "planAsk", "planDecidedBy", "planWhy",
            ]
            private struct AnyKey: CodingKey {
                var stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }

            init(from decoder: Decoder) throws {
                // A key that is misspelt would lose what stands under it.
                for key in try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue) where Key(stringValue: key) == nil && !Line.told.contains(key) {
                    throw Failure.usage("unknown key '\(Names.shown(key))'")
                }
                let all = try decoder.container(keyedBy: Key.self)
                title = try all.decode(String.self, forKey: .title)
                id = try all.decodeIfPresent(Reference.self, forKey: .id)
                body = try all.decodeIfPresent(String.self, forKey: .body)
                priority = try all.decodeIfPresent(Int.self, forKey: .priority)
                depends = try all.decodeIfPresent([Reference].self, forKey: .depends)
                parent = try all.decodeIfPresent(Reference.self, forKey: .parent)
                role = try all.decodeIfPresent(String.self, forKey: .role)
                to = try all.decodeIfPresent(String.self, forKey: .to)
                verify = try all.decodeIfPresent(String.self, forKey: .verify)
                `defer` = try all.decodeIfPresent(String.self, forKey: .defer)
                plan = try all.decodeIfPresent(Bool.self, forKey: .plan)
                merge = try all.decodeIfPresent(Bool.self, forKey: .merge)
            }
        }

        static func parse(_ text: String, _ tool: Tool) throws -> [Bus.Draft] {
            var lines: [(number: Int, line: Line)] = []
            for (number, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }).enumerated() {
                if raw.allSatisfy(\.isWhitespace) { continue }
                do { lines.append((number + 1, try JSONDecoder().decode(Line.self, from: Data(raw.utf8)))) } catch let failure as Failure {
                    throw Failure(failure.kind, "line \(number + 1): \(failure.message)")
                } catch {
                    throw Failure.usage("line \(number + 1): not a task as a JSON object: \(reason(error))")
                }
            }
            var labels: [String: Int] = [:]
            for (index, entry) in lines.enumerated() {
                guard let label = entry.line.id?.label else { continue }
                guard labels.updateValue(index, forKey: label) == nil else { throw Failure.usage("line \(entry.number): a second task with the id '\(Names.shown(label))'") }
            }
            return try lines.map { number, line in
                do { return try draft(line, labels, lines.count, tool) } catch let failure as Failure {
                    throw Failure(failure.kind, "line \(number): \(failure.message)")
                }
            }
        }

        private static func reason(_ error: Error) -> String {
            switch error as? DecodingError {
            case .keyNotFound(let key, _): return "no \(key.stringValue)"
            case .typeMismatch(_, let context), .valueNotFound(_, let context):
                return "wrong type of \(context.codingPath.map(\.stringValue).joined(separator: "."))"
            default: return "bad JSON"
            }
        }

        private static func draft(_ line: Line, _ labels: [String: Int], _ count: Int, _ tool: Tool) throws -> Bus.Draft {
            var header = TaskHeader(title: try tool.line(line.title))
            if let priority = line.priority {
                guard (0...4).contains(priority) else { throw Failure.usage("bad priority \(priority), use 0 to 4") }
                header.priority = priority
            }
            header.body = Array((line.body ?? "").utf8)
            header.role = try line.role.map(Names.role)
            header.to = try line.to.map(Names.caller)
            header.verify = try line.verify.map { try tool.line($0, what: "command") }
            header.plan = line.plan ?? false
            header.merge = line.merge ?? true
            if let text = line.defer {
                guard let time = Time.point(text) else { throw Failure.usage("bad time '\(Names.shown(text))'") }
                header.deferred = time
            }
            var draft = Bus.Draft(header)
            /// A task of the file, by its place, or one that exists, by its id.
            func find(_ reference: Reference) throws -> (index: Int?, id: Int?) {
                if let index = labels[reference.label] { return (index, nil) }
                guard case .number(let n) = reference, labels.isEmpty else { return (nil, try Names.id(reference.label)) }
                guard (0..<count).contains(n) else { throw Failure.usage("no task \(n) in this file: it has \(count), counted from 0") }
                return (n, nil)
            }
            for found in try (line.depends ?? []).map(find) {
                if let index = found.index { draft.depends.append(index) }
                if let id = found.id { draft.header.depends.append(id) }
            }
            if let found = try line.parent.map(find) {
                draft.parent = found.index
                draft.header.parent = found.id
            }
            return draft
        }
    }
}
