import Bus
import Storage

/// A report of a run as one HTML file that needs nothing else and runs nothing: who worked on what when, the tasks and
/// what they wait for, what was used. All that others wrote is text in it.
struct Report {
    let project: String
    let spans: Spans
    let tasks: [TaskView]
    /// Money and tokens by agent.
    let spent: [(agent: String, money: Sum, input: Sum, output: Sum)]
    let now: Int

    /// Tasks that a picture of them may have.
    private static let drawn = 400

    /// Text in HTML and in attributes.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(Names.isControl(scalar) ? "?" : scalar)
            }
        }
        return out
    }

    private func title(_ id: Int) -> String { tasks.first { $0.id == id }?.header.title ?? "" }

    var html: String {
        let states = State.allCases.compactMap { state in
            let count = tasks.filter { $0.state == state }.count
            return count > 0 ? "\(count) \(state.rawValue)" : nil
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width">
            <title>\(Report.escaped(project))</title>
            <style>
            body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
            table { border-collapse: collapse }
            td, th { text-align: left; padding: .2em .8em .2em 0; vertical-align: top }
            td.n, th.n { text-align: right }
            svg { font: 11px system-ui, sans-serif; max-width: 100%; height: auto } svg text { fill: #222 }
            .claimed { fill: #7bc67b } .good { fill: #8fb4e3 } .lost { fill: #e59a9a } .ready { fill: #bfe3e6 }
            .blocked, .deferred, .cancelled { fill: #ddd } .review { fill: #f0d98c }
            .done { fill: #8fb4e3 } .failed { fill: #e59a9a }
            .landed { stroke: #2a6; stroke-width: 2 } .edge { stroke: #888; fill: none }
            .child { stroke: #bbb; stroke-dasharray: 3; fill: none }
            @media (prefers-color-scheme: dark) {
            body { color: #ddd; background: #1b1b1b } svg text { fill: #ddd } svg .on { fill: #111 }
            }
            </style>
            <h1>\(Report.escaped(project))</h1>
            <p>\(Time.text(now)): \(tasks.count) tasks\(states.isEmpty ? "" : ": " + states.joined(separator: ", ")); \
            \(spans.landings.count) landed</p>
            <h2>Who worked on what</h2>
            \(timeline)
            <h2>Tasks and what they wait for</h2>
            \(graph)
            \(table)
            <h2>Cost</h2>
            \(cost)
            </html>

            """
    }

    // MARK: pictures

    /// A row for each agent, a bar for each time that it held a task, and a stroke where its work landed.
    private var timeline: String {
        guard let from = spans.all.map(\.from).min() else { return "<p>Nobody has claimed a task.</p>" }
        let to = max(spans.all.map { $0.to ?? now }.max() ?? now, spans.landings.map(\.at).max() ?? 0, from + 1)
        let (names, width, row) = (120, 1000, 22)
        func x(_ time: Int) -> Int { names + (time - from) * width / (to - from) }
        var out =
            "<svg viewBox=\"0 0 \(names + width + 10) \(spans.agents.count * row + 24)\" role=\"img\" "
            + "aria-label=\"timeline\">\n"
        for n in 0...8 {
            let time = from + (to - from) * n / 8
            out +=
                "<text x=\"\(x(time))\" y=\"12\" text-anchor=\"\(n == 8 ? "end" : "start")\">"
                + "\(Time.text(time).dropFirst(n == 0 ? 0 : 11).prefix(n == 0 ? 16 : 5))</text>\n"
        }
        for (n, agent) in spans.agents.enumerated() {
            let y = 20 + n * row
            out += "<text x=\"0\" y=\"\(y + 14)\">\(Report.escaped(agent))</text>\n"
            for span in spans.all where span.agent == agent {
                let (start, end) = (x(span.from), max(x(span.to ?? now), x(span.from) + 2))
                let label =
                    end - start > 40 ? "<text class=\"on\" x=\"\(start + 3)\" y=\"\(y + 14)\">\(span.task)</text>" : ""
                let what = "\(span.task) \(title(span.task)): \(Time.text(span.from)), \(span.end)"
                out +=
                    "<g><title>\(Report.escaped(what))</title>"
                    + "<rect class=\"\(span.to == nil ? "claimed" : span.isLost ? "lost" : "good")\" x=\"\(start)\" "
                    + "y=\"\(y)\" width=\"\(end - start)\" height=\"\(row - 4)\" rx=\"2\"/>\(label)</g>\n"
            }
            for landing in spans.landings where spans.all.last(where: { $0.task == landing.task })?.agent == agent {
                out +=
                    "<line class=\"landed\" x1=\"\(x(landing.at))\" x2=\"\(x(landing.at))\" y1=\"\(y - 1)\" "
                    + "y2=\"\(y + row - 3)\"><title>\(landing.task) landed</title></line>\n"
            }
        }
        return out + "</svg>"
    }

    /// Tasks in columns, each to the right of all that it waits for and of its parent.
    private var graph: String {
        let shown = Array(tasks.suffix(Report.drawn))
        guard !shown.isEmpty else { return "<p>There are no tasks.</p>" }
        let known = Set(shown.map(\.id))
        func above(_ task: TaskView) -> [Int] {
            (task.header.depends + [task.header.parent].compactMap { $0 }).filter(known.contains)
        }
        // A task may be changed to wait for one that is younger: so long as something moves, but not for ever.
        var column: [Int: Int] = [:]
        for _ in 0..<shown.count {
            var moved = false
            for task in shown {
                let at = (above(task).map { (column[$0] ?? 0) + 1 }.max() ?? 0)
                if column[task.id] ?? 0 < at { (column[task.id], moved) = (at, true) }
            }
            if !moved { break }
        }
        let (width, height) = (210, 26)
        var rows: [Int: Int] = [:]
        var place: [Int: (x: Int, y: Int)] = [:]
        for task in shown {
            let at = column[task.id] ?? 0
            place[task.id] = (at * (width + 40), (rows[at] ?? 0) * height)
            rows[at, default: 0] += 1
        }
        var out =
            "<svg viewBox=\"0 0 \(((rows.keys.max() ?? 0) + 1) * (width + 40)) \((rows.values.max() ?? 0) * height)\" "
            + "role=\"img\" aria-label=\"tasks\">\n"
        for task in shown {
            guard let to = place[task.id] else { continue }
            for id in above(task) {
                guard let from = place[id] else { continue }
                let (x, y, u, v) = (from.x + width, from.y + 10, to.x, to.y + 10)
                out +=
                    "<path class=\"\(task.header.depends.contains(id) ? "edge" : "child")\" d=\"M\(x) \(y)C\(x + 20) "
                    + "\(y) \(u - 20) \(v) \(u) \(v)\"/>\n"
            }
        }
        for task in shown {
            guard let at = place[task.id] else { continue }
            let text = "\(task.id) \(task.header.title)"
            out +=
                "<g><title>\(Report.escaped("\(text): \(task.state.rawValue)"))</title><rect "
                + "class=\"\(task.state.rawValue)\" x=\"\(at.x)\" y=\"\(at.y)\" width=\"\(width)\" height=\"20\" "
                + "rx=\"3\"/>"
                + "<text class=\"on\" x=\"\(at.x + 4)\" "
                + "y=\"\(at.y + 14)\">\(Report.escaped(text.count > 32 ? text.prefix(31) + "…" : text))</text></g>\n"
        }
        return out + "</svg>" + (shown.count < tasks.count ? "\n<p>The last \(shown.count) of \(tasks.count).</p>" : "")
    }

    // MARK: tables

    private static func table(_ head: [String], _ rows: [[String]], numbers: Set<Int> = []) -> String {
        func cells(_ tag: String, _ row: [String]) -> String {
            "<tr>"
                + row.enumerated().map {
                    "<\(tag)\(numbers.contains($0) ? " class=\"n\"" : "")>\(escaped($1))</\(tag)>"
                }.joined() + "</tr>\n"
        }
        return "<table>\n" + cells("th", head) + rows.map { cells("td", $0) }.joined() + "</table>"
    }

    private var table: String {
        Report.table(
            ["task", "state", "by", "title", "waits for"],
            tasks.map { task in
                let by = task.claim?.owner ?? spans.all.last { $0.task == task.id }?.agent ?? ""
                return [
                    "\(task.id)", task.state.rawValue, by, task.header.title,
                    task.header.depends.map(String.init).joined(separator: " "),
                ]
            }, numbers: [0])
    }

    private var cost: String {
        if spent.isEmpty { return "<p>Nothing is known.</p>" }
        func text(_ sum: Sum, _ shown: (Int) -> String = { "\($0)" }) -> String {
            sum.known.map { shown($0) + (sum.isPartial ? "+" : "") } ?? "unknown"
        }
        return Report.table(
            ["agent", "money", "tokens in", "tokens out"],
            spent.map { [$0.agent, text($0.money) { Money.text($0) }, text($0.input), text($0.output)] },
            numbers: [1, 2, 3])
    }
}
