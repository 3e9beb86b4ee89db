import Screen
import Storage
import Testing

@testable import Bus
@testable import Top

@Suite struct ListTests {
    init() { Cells.setLocale() }

    private func agent(
        _ name: String, _ state: AgentState = .working, parent: String? = nil, since: Int = 0, source: Int = 0
    ) -> Board.Agent {
        var card = AgentCard()
        card.parent = parent
        var report = AgentReport()
        report.state = state
        report.since = since
        return Board.Agent(
            key: "\(source)/\(name)", source: source,
            view: AgentView(name: name, card: card, session: nil, report: report, want: .run, alive: true))
    }

    private func items(_ agents: [Board.Agent], _ change: (inout Desk) -> Void = { _ in }) -> [String] {
        var board = Board()
        board.agents = agents
        var desk = Desk()
        change(&desk)
        return AgentsList(board: board, desk: desk, sources: [], changes: [:], money: [:], now: 100).items().map {
            ($0.key.map { $0 } ?? "# " + $0.text) + String(repeating: "+", count: $0.indent)
        }
    }

    @Test func childrenAreBelowTheirParents() {
        #expect(items([agent("a", parent: "z"), agent("b"), agent("z")]) == ["0/b", "0/z", "0/a+"])
    }

    @Test func aCircleIsShownAllTheSame() {
        #expect(items([agent("a", parent: "b"), agent("b", parent: "a"), agent("c")]) == ["0/c", "0/a", "0/b+"])
    }

    @Test func groupsHaveHeadings() {
        let found = items([agent("a", .idle), agent("b", .working), agent("c", .idle)]) { $0.grouping = .state }
        #expect(found == ["# idle (2)", "0/a", "0/c", "# working (1)", "0/b"])
    }

    @Test func byUrgency() {
        let found = items([agent("a", .working), agent("b", .waiting), agent("c", .dead)]) {
            ($0.grouping, $0.order) = (.flat, .state)
        }
        #expect(found == ["0/b", "0/c", "0/a"])
    }

    @Test func byWhatItCosts() {
        var board = Board()
        board.agents = [agent("a"), agent("b"), agent("c")]
        var (desk, some, more) = (Desk(), Sum(), Sum())
        (desk.grouping, desk.order) = (.flat, .cost)
        some.add(5)
        more.add(7)
        let list = AgentsList(
            board: board, desk: desk, sources: [], changes: ["0/a": (1, 0), "0/b": (0, 3)],
            money: ["0/b": some, "0/c": more], now: 100)
        #expect(list.items().map(\.key) == ["0/c", "0/b", "0/a"])
        desk.order = .changed
        #expect(
            AgentsList(board: board, desk: desk, sources: [], changes: list.changes, money: list.money, now: 100)
                .items().map(\.key) == ["0/b", "0/a", "0/c"])
    }

    @Test func aFilterHasAllItsWords() {
        let found = items([agent("anna", .idle), agent("anton", .working)]) { $0.filter[.agents] = "AN idle" }
        #expect(found == ["0/anna"])
    }

    @Test func columnsThatDoNotFitAreLeftOutByWeight() {
        let table = Table(columns: [.init("a", 5...20, 3), .init("b", 5...5, 1), .init("c", 5...5, 2)])
        #expect(table.widths(100).map(\.width) == [20, 5, 5])
        #expect(table.widths(17).map(\.column.name) == ["a", "b", "c"])
        #expect(table.widths(16).map(\.column.name) == ["a", "c"])
        #expect(table.widths(3).map(\.width) == [3])
        #expect(table.widths(0).map(\.width) == [0])
    }

    @Test(arguments: 1...30) func wrappedTextLosesNothing(width: Int) {
        let text = "a word, 漢字漢字漢字, averyveryverylongword and the rest"
        let rows = Detail.wrap(text, width)
        if width > 1 {
            #expect(rows.allSatisfy { $0.width <= width })
            #expect(rows.map(\.text).joined().filter { $0 != " " } == text.filter { $0 != " " })
        }
    }

    @Test func fieldsAreWrapped() {
        #expect(
            Detail.fields([("why", "one two"), ("who", nil), ("by", "x")], 8).map(\.text) == [
                "why: one", "two", "by: x",
            ])
    }

    @Test func spansOfTime() {
        #expect(
            [0, 59, 60, 3599, 3600, 86_399, 86_400, -5].map(AgentsList.span) == [
                "0s", "59s", "1m", "59m", "1h", "23h", "1d", "0s",
            ])
    }

    @Test func totalOfAStat() {
        #expect(Changes.total(" a | 12 ++--\n 3 files changed, 10 insertions(+), 2 deletions(-)\n") == (10, 2))
        #expect(Changes.total("") == (0, 0))
    }
}

@Suite struct InputTests {
    private func typed(_ keys: [Key]) -> Input {
        var input = Input(.filter, "/")
        for key in keys { _ = input.take(key) }
        return input
    }

    @Test func editsAsALineEditorDoes() {
        #expect(typed(["a", "b", "Left", "X"]).text == "aXb")
        #expect(typed(["a", "Space", "b", "c", "C-w"]).text == "a ")
        #expect(typed(["a", "b", "Home", "DC", "End", "c"]).text == "bc")
        #expect(typed(["a", "b", "Left", "C-k"]).text == "a")
        #expect(typed(["a", "b", "Left", "C-u"]).text == "b")
        #expect(typed(["BSpace", "Left", "DC", "é", "漢"]).text == "é漢")
    }

    @Test func otherKeysAreNotTyped() {
        var input = Input(.filter, "/")
        let taken = input.take("F5")
        #expect(!taken)
        #expect(input.text.isEmpty)
    }
}

@Suite struct DayTests {
    init() { Cells.setLocale() }

    private func event(_ time: String, _ what: String, _ by: String, _ task: Int) -> Event {
        Event(
            Array("{\"time\":\"2026-01-01T\(time)Z\",\"event\":\"\(what)\",\"by\":\"\(by)\",\"task\":\(task)}".utf8)[
                ...])!
    }

    @Test func aSpanIsFromAClaimToItsEnd() {
        let day = Spans([
            event("10:00:00", "claimed", "bob", 1), event("10:05:00", "claimed", "eve", 2),
            event("10:10:00", "submitted", "bob", 1), event("10:11:00", "landed", "bob", 1),
            event("10:12:00", "claimed", "dan", 2),
        ])
        #expect(day.all.map(\.agent) == ["bob", "eve", "dan"])
        #expect(day.all.map(\.end) == ["submitted", "taken", "claimed"])
        #expect(day.all[0].to! - day.all[0].from == 600)
        #expect(day.all[2].to == nil)
        #expect(day.landings.map(\.task) == [1])
    }

    @Test(arguments: [
        (
            40,
            [
                " UTC           09:40       09:50",
                "one/bob        11 title 0/…",
                "two/bob                    1 title 1/1",
            ]
        ),
        (
            80,
            [
                " UTC           09:40        09:44        09:48        09:52        09:56",
                "one/bob        11 title 0/11",
                "two/bob                                        1 title 1/1",
            ]
        ),
    ])
    func barsOfSeveralProjects(width: Int, expected: [String]) {
        let one = Spans([event("09:40:00", "claimed", "bob", 11), event("09:50:00", "done", "bob", 11)])
        let two = Spans([event("09:50:00", "claimed", "bob", 1)])
        let now = Time.point("2026-01-01T10:00:00Z")!
        let rows = Day(spans: [one, two]).items(["one", "two"], now: now, width: width) { "title \($0)" }
        let texts = rows.map { item in String(item.cells[""]!.text.reversed().drop { $0 == " " }.reversed()) }
        #expect(texts == expected)
        #expect(rows.map(\.key) == [nil, "0/bob", "1/bob"])
    }

    @Test func everySpanIsSeen() {
        let now = Time.point("2026-01-01T10:00:00Z")!
        func bars(_ events: [Event]) -> String {
            Day(spans: [Spans(events)]).items(["one"], now: now, width: 75) { _ in "" }[1].cells[""]!.text
        }
        // A column is ten minutes.
        let long = bars([
            event("00:00:00", "claimed", "bob", 1), event("00:01:00", "done", "bob", 1),
            event("00:02:00", "claimed", "bob", 2), event("04:00:00", "done", "bob", 2),
        ])
        #expect(long.contains("2 "))
        let short = bars([
            event("00:00:00", "claimed", "bob", 1), event("00:01:00", "done", "bob", 1),
            event("00:02:00", "claimed", "bob", 2), event("00:03:00", "done", "bob", 2),
            event("04:00:00", "claimed", "bob", 3), event("06:00:00", "done", "bob", 3),
            event("06:01:00", "claimed", "bob", 4), event("06:02:00", "done", "bob", 4),
        ])
        #expect(short.contains("+"))
        #expect(short.contains("3 "))
    }
}
