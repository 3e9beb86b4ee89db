import Testing

@testable import Screen

@Suite struct RowTests {
    init() { Cells.setLocale() }

    @Test func whatCannotBeDrawnIsMadePlain() {
        #expect(Row("a\u{1b}[2Jb").text == "a?[2Jb")
        #expect(Row("x\u{202e}y").text == "xy")
        #expect(Row("👩\u{200d}👩").text == "👩👩")
        #expect(Row("a\tb").text == "a   b")
        #expect(Row("\u{0301}a").width == 2)
        #expect(Row("e\u{0301}").width == 1)
    }

    @Test func widthsAreThoseOfTheTerminal() {
        #expect(Row("漢字").width == 4)
        #expect(Row("ünïcödé").width == 7)
        #expect(Row("").width == 0)
    }

    @Test(arguments: 0...12) func cutNeverHalvesAWideCharacter(columns: Int) {
        var row = Row("漢a字bc漢字")
        row.cut(columns)
        #expect(row.width <= columns)
        #expect(row.width >= min(columns, 11) - 1)
        #expect(row.text.hasSuffix("…") == (columns > 0 && columns < 11))
    }

    @Test func cutKeepsStyles() {
        var row = Row("abc", .bold)
        row.add("defgh")
        row.cut(5)
        #expect(row.pieces == [.init(text: "abc", style: .bold), .init(text: "d…", style: .plain)])
    }

    @Test func droppingLeavesABlankForHalfACharacter() {
        #expect(Row("漢字x").dropping(1).text == " 字x")
        #expect(Row("abc").dropping(5).text == "")
    }

    @Test func exactColumns() {
        var row = Row()
        row.add("漢字", columns: 3)
        row.add("7", columns: 4, right: true)
        #expect(row.width == 7)
        #expect(row.text == "漢…   7")
    }
}

@Suite struct AnsiTests {
    init() { Cells.setLocale() }

    private func row(_ text: String) -> Row {
        var ansi = Ansi()
        return ansi.row(text)
    }

    @Test func coloursAreKeptAndHoldOn() {
        var ansi = Ansi()
        let first = ansi.row("\u{1b}[1;31mred")
        #expect(
            first.pieces == [
                .init(
                    text: "red",
                    style: Style {
                        $0.isBold = true
                        $0.foreground = .index(1)
                    })
            ])
        #expect(ansi.row("still").pieces[0].style.foreground == .index(1))
        #expect(ansi.row("\u{1b}[mplain").pieces[0].style == .plain)
    }

    @Test(arguments: ["38;5;200", "38:5:200"]) func palette(code: String) {
        #expect(row("\u{1b}[\(code)mx").pieces[0].style.foreground == .index(200))
    }

    @Test(arguments: ["38;2;255;0;0", "38:2::255:0:0", "38:2:255:0:0"]) func trueColourBecomesTheNearest(code: String) {
        #expect(row("\u{1b}[\(code)mx").pieces[0].style.foreground == .index(196))
    }

    @Test func greysAreGrey() { #expect(row("\u{1b}[48;2;128;128;128mx").pieces[0].style.background == .index(244)) }

    @Test(arguments: [
        "\u{1b}[2J", "\u{1b}]0;title\u{7}", "\u{1b}]8;;http://x\u{1b}\\", "\u{1b}(B", "\u{1b}[?1049h",
        "\u{1b}Pq#\u{1b}\\", "\u{1b}[999;999m", "\u{1b}[38;5m",
    ])
    func otherSequencesAreLeftOut(sequence: String) { #expect(row("a\(sequence)b").text == "ab") }

    @Test(arguments: ["\u{1b}", "\u{1b}[", "\u{1b}[1", "\u{1b}]x", "\u{1b}[38;2;1", "\u{1b}[38"])
    func whatIsCutShortIsNothing(text: String) { #expect(row("a" + text).text == "a") }

    @Test func linesOfTheAlternateCharacterSet() { #expect(row("\u{e}lqk\u{f}lqk").text == "┌─┐lqk") }
}
