import Bus
import CommandKit
import FoundationEssentials
import Storage

extension TaskVerb {
    /// One JSON object a line. What `depends` and `parent` name is a task of the file by its `id`, a number or text,
    /// where lines have one; else a number counts the tasks of the file from 0, and text is the id of a task that
    /// exists. So what `task list --json` prints can be imported, too: of that what has ended is left out.
    struct Lines {
        enum Reference: Decodable {
            case number(Int)
            case text(String)
            init(from decoder: Decoder) throws {
                let value = try decoder.singleValueContainer()
                if let number = try? value.decode(Int.self) {
                    self = .number(number)
                } else {
                    self = .text(try value.decode(String.self))
                }
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
            var body, notes: String?
            var priority: Int?
            var depends: [Reference]?
            var parent: Reference?
            var role, program, to, toUntil, verify, `defer`: String?
            var plan, merge: Bool?
            var state, result, error: String?

            private enum Key: String, CodingKey, CaseIterable {
                case title, id, body, notes, priority, depends, parent, role, program, to, toUntil, verify, plan, merge,
                    `defer`, state, result, error
            }
            /// What `task list --json` prints of a task beside these.
            private static let told: Set<String> = [
                "why", "owner", "token", "children", "by", "created", "attempts", "branch", "base", "returned",
                "returnedWhy", "returnedTip",
                "conflicts", "ended", "planState", "planBy", "planTime", "planTo", "planAsk", "planDecidedBy",
                "planWhy",
            ]
            private struct AnyKey: CodingKey {
                var stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }

            init(from decoder: Decoder) throws {
                // A key that is misspelt would lose what stands under it.
                for key in try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
                where Key(stringValue: key) == nil && !Line.told.contains(key) {
                    throw Failure.usage("unknown key '\(Names.shown(key))'")
                }
                let all = try decoder.container(keyedBy: Key.self)
                func text(_ key: Key) throws -> String? { try all.decodeIfPresent(String.self, forKey: key) }
                title = try all.decode(String.self, forKey: .title)
                id = try all.decodeIfPresent(Reference.self, forKey: .id)
                body = try text(.body)
                notes = try text(.notes)
                priority = try all.decodeIfPresent(Int.self, forKey: .priority)
                depends = try all.decodeIfPresent([Reference].self, forKey: .depends)
                parent = try all.decodeIfPresent(Reference.self, forKey: .parent)
                role = try text(.role)
                program = try text(.program)
                to = try text(.to)
                toUntil = try text(.toUntil)
                verify = try text(.verify)
                `defer` = try text(.defer)
                plan = try all.decodeIfPresent(Bool.self, forKey: .plan)
                merge = try all.decodeIfPresent(Bool.self, forKey: .merge)
                state = try text(.state)
                result = try text(.result)
                error = try text(.error)
            }

            /// How it has ended, if it has.
            var ended: String? { state.flatMap { ["done", "failed", "cancelled"].contains($0) ? $0 : nil } }

            /// What came of it, for the notes of a task beside it.
            var history: String {
                let words = [result, error].compactMap { $0 }.joined(separator: "\n")
                return "\(id.map { "\($0.label) " } ?? "")\(title): \(ended ?? state ?? "left out")"
                    + (words.isEmpty ? "" : "\n" + words)
            }
        }

        private let tool: CommandContext
        private var lines: [(number: Int, line: Line)] = []
        /// The places of lines by their ids.
        private var labels: [String: Int] = [:]

        init(_ text: String, _ tool: CommandContext) throws {
            self.tool = tool
            for (number, raw) in text.split(
                omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }
            ).enumerated() {
                if raw.allSatisfy(\.isWhitespace) { continue }
                do { lines.append((number + 1, try JSONDecoder().decode(Line.self, from: Data(raw.utf8)))) } catch let
                    failure as Failure
                {
                    throw Failure(failure.kind, "line \(number + 1): \(failure.message)")
                } catch {
                    throw Failure.usage("line \(number + 1): not a task as a JSON object: \(Lines.reason(error))")
                }
            }
            for (index, entry) in lines.enumerated() {
                guard let label = entry.line.id?.label else { continue }
                guard labels.updateValue(index, forKey: label) == nil else {
                    throw Failure.usage("line \(entry.number): a second task with the id '\(Names.shown(label))'")
                }
            }
        }

        /// What is to be added. `history`: what came of tasks that are left out becomes notes of those that named them.
        func plan(history: Bool, by: String) throws -> Plan {
            var plan = Plan()
            let parents = try lines.map { number, line in try at(number) { try line.parent.map(find) } }
            var places: [Int?] = []
            for (index, entry) in lines.enumerated() {
                let why = entry.line.ended ?? (isBelowEnded(index, parents.map { $0?.index }) ? "below those" : nil)
                if let why { plan.leaveOut(why) }
                places.append(why == nil ? places.compactMap { $0 }.count : nil)
            }
            for (index, entry) in lines.enumerated() where places[index] != nil {
                try at(entry.number) {
                    let line = entry.line
                    var draft = Bus.Draft(try header(line))
                    var notes = line.notes.map { [$0] } ?? []
                    for found in try (line.depends ?? []).map(find) {
                        guard let other = found.index else {
                            draft.header.depends += found.id.map { [$0] } ?? []
                            continue
                        }
                        if let place = places[other] {
                            draft.depends.append(place)
                            continue
                        }
                        if lines[other].line.ended != "done" {
                            plan.remarks.append(
                                "'\(Names.shown(line.title))' depended on '\(Names.shown(lines[other].line.title))', "
                                    + "which is not done, and no longer does"
                            )
                        }
                        if history { notes.append("depended on " + lines[other].line.history) }
                    }
                    draft.parent = parents[index]?.index.flatMap { places[$0] }
                    draft.header.parent = parents[index]?.id
                    if history {
                        for (child, parent) in parents.enumerated() where parent?.index == index && places[child] == nil
                        {
                            notes.append("had the child " + lines[child].line.history)
                        }
                    }
                    draft.notes = notes.flatMap { Bus.noteText(by: by, Array($0.utf8)) }
                    plan.drafts.append(draft)
                }
            }
            return plan
        }

        private func at<T>(_ number: Int, _ body: () throws -> T) throws -> T {
            do { return try body() } catch let failure as Failure {
                throw Failure(failure.kind, "line \(number): \(failure.message)")
            }
        }

        /// Whether a task of the file that has ended is above this one.
        private func isBelowEnded(_ index: Int, _ parents: [Int?]) -> Bool {
            var seen: Set<Int> = [index]
            var up = parents[index]
            while let parent = up, seen.insert(parent).inserted {
                if lines[parent].line.ended != nil { return true }
                up = parents[parent]
            }
            return false
        }

        /// A task of the file, by its place, or one that exists, by its id.
        private func find(_ reference: Reference) throws -> (index: Int?, id: Int?) {
            if let index = labels[reference.label] { return (index, nil) }
            guard case .number(let n) = reference, labels.isEmpty else { return (nil, try Names.id(reference.label)) }
            guard lines.indices.contains(n) else {
                throw Failure.usage("no task \(n) in this file: it has \(lines.count), counted from 0")
            }
            return (n, nil)
        }

        private static func reason(_ error: Error) -> String {
            switch error as? DecodingError {
            case .keyNotFound(let key, _): return "no \(key.stringValue)"
            case .typeMismatch(_, let context), .valueNotFound(_, let context):
                return "wrong type of \(context.codingPath.map(\.stringValue).joined(separator: "."))"
            default: return "bad JSON"
            }
        }

        private func header(_ line: Line) throws -> TaskHeader {
            var header = TaskHeader(title: try tool.line(line.title))
            if let priority = line.priority {
                guard (0...4).contains(priority) else { throw Failure.usage("bad priority \(priority), use 0 to 4") }
                header.priority = priority
            }
            header.body = Array((line.body ?? "").utf8)
            header.role = try line.role.map(Names.role)
            header.program = try line.program.map { try TaskOptions.program($0, tool) }
            // A reservation for a limited time is not imported.
            header.to = try line.toUntil == nil ? line.to.map(Names.caller) : nil
            header.verify = try line.verify.map { try tool.line($0, what: "command") }
            header.plan = line.plan ?? false
            header.merge = line.merge ?? true
            header.source = line.id.map { String(Digest.of(Array("\($0.label)\n\(line.title)".utf8)).prefix(16)) }
            if let text = line.defer {
                guard let time = Time.point(text) else { throw Failure.usage("bad time '\(Names.shown(text))'") }
                header.deferred = time
            }
            return header
        }
    }
}
