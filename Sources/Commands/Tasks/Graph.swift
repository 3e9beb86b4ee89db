import ArgumentParser
import Bus
import CommandKit

extension TaskVerb {
    struct Graph: Verb {
        static let configuration = CommandConfiguration(
            commandName: "graph", abstract: "Print the dependency graph.")
        @OptionGroup var common: Common
        @Flag(name: .long, help: "Print it for Graphviz.") var dot = false
        @Flag(name: .long, help: "Print it for Mermaid.") var mermaid = false

        func run(_ tool: CommandContext) throws {
            let bus = try tool.bus()
            let (views, states) = try bus.look()
            if tool.common.quiet { return }
            if tool.common.json {
                for view in views { try TaskVerb.json(tool, bus, view, states) }
            } else if dot {
                Output.line("digraph tasks {")
                for view in views {
                    Output.line(
                        "  \(view.id) [label=\(quoted("\(view.id) \(view.header.title)")), "
                            + "class=\"\(view.state.rawValue)\"];"
                    )
                    for other in view.header.depends { Output.line("  \(other) -> \(view.id);") }
                    if let parent = view.header.parent { Output.line("  \(parent) -> \(view.id) [style=dashed];") }
                }
                Output.line("}")
            } else if mermaid {
                Output.line("graph TD")
                for view in views {
                    Output.line(
                        "  t\(view.id)[\"\(entities("\(view.id) \(view.header.title)"))\"]:::\(view.state.rawValue)")
                    for other in view.header.depends { Output.line("  t\(other) --> t\(view.id)") }
                    if let parent = view.header.parent { Output.line("  t\(parent) -.-> t\(view.id)") }
                }
            } else {
                text(views)
            }
        }

        /// A DOT string: only quotes and backslashes are special.
        private func quoted(_ text: String) -> String {
            "\"" + text.flatMap { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" } + "\""
        }

        /// Mermaid takes HTML entities, by number with `#`.
        private func entities(_ text: String) -> String {
            text.unicodeScalars.map { scalar in
                let plain =
                    scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                    || " .,:-_/".unicodeScalars.contains(scalar)
                return plain ? String(scalar) : "#\(scalar.value);"
            }.joined()
        }

        /// Epics with what is below them, and after each task what it waits for.
        private func text(_ views: [TaskView]) {
            var below: [Int: [TaskView]] = [:]
            let known = Set(views.map(\.id))
            for view in views {
                below[view.header.parent.flatMap { known.contains($0) ? $0 : nil } ?? 0, default: []].append(view)
            }
            var stack = (below[0] ?? []).reversed().map { ($0, 0) }
            while let (view, depth) = stack.popLast() {
                let after =
                    view.header.depends.isEmpty
                    ? "" : "  <- " + view.header.depends.map { "\($0)" }.joined(separator: " ")
                Output.line(
                    String(repeating: "  ", count: depth)
                        + "\(view.id) \(view.state.rawValue) \(view.header.title)\(after)")
                for child in (below[view.id] ?? []).reversed() { stack.append((child, depth + 1)) }
            }
        }
    }
}
