import CLinux
import Glibc
import Team

/// The terminal of a pane, given to a program and taken back from it.
struct Terminal {
    private let saved: termios

    /// The terminal on standard input; nil if there is none.
    init?() {
        guard isatty(0) == 1 else { return nil }
        var modes = termios()
        guard tcgetattr(0, &modes) == 0 else { return nil }
        saved = modes
    }

    /// Takes it back in a state that the next program can draw on, whatever the last one left: modes as they were, then
    /// CAN and ST to end an unfinished sequence, the main screen, no mouse, paste or synchronized modes, cursor shown,
    /// wrapping on, default keypad, scroll region, attributes and character set, and a new line at the bottom.
    func reset() {
        tcsetpgrp(0, getpgrp())
        var modes = saved
        tcsetattr(0, TCSANOW, &modes)
        put("\u{18}\u{1b}\\\u{1b}[?1049l\u{1b}[?1000;1002;1003;1004;1005;1006;2004;2026;2031l")
        put("\u{1b}[?25h\u{1b}[?7h\u{1b}[?6l\u{1b}[?1l\u{1b}>")
        put("\u{1b}[>4m\u{1b}[<99u\u{1b}[4l\u{1b}[r\u{1b}[0m\u{1b}(B\u{0f}\u{1b}[999;1H\r\n")
    }

    /// Begins an empty screen without a title; what was on it is what scrolled away.
    func clear() { put("\u{1b}[H\u{1b}[2J\u{1b}]2;\u{1b}\\") }

    /// A program that was suspended from its keyboard goes on below what it had drawn.
    func newLine() { put("\u{1b}[999;1H\r\n") }

    /// Prints a line of ours, without control characters.
    func say(_ line: String) { put(line + "\r\n") }

    /// When something was last written to it, seconds since the epoch (to about 8 s); nil if that can't be told.
    static func lastWritten() -> Int? {
        var st = stat()
        return fstat(1, &st) == 0 && st.st_mode & S_IFMT == S_IFCHR ? st.st_mtim.tv_sec : nil
    }

    private func put(_ text: String) { _ = write(1, text, text.utf8.count) }
}
