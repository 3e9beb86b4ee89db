import Bus
import CLinux
import Glibc
import Processes
import Storage

/// A client of a tmux server in control mode (tmux(1), CONTROL MODE): it looks at panes without a process for each
/// look. It changes no size, takes no output, and ends with this process, whose pipe it reads.
package final class ControlClient {
    /// What a look at a pane has found.
    package struct Look {
        package var pane: String
        /// Rows with their escape sequences, as `capture-pane -e` prints them.
        package var lines: [String]
        package var cursor: (row: Int, column: Int)
        package var isDead: Bool
    }

    private let pid: pid_t
    private let input: Int32
    private let output: Int32
    private var answers = Answers()
    private var isOver = false

    /// Attaches to the session that this pane is in. Throws `Failure.unsure` if tmux can't be run.
    package init(_ tmux: Tmux, pane: String) throws {
        var down: [Int32] = [-1, -1]
        var up: [Int32] = [-1, -1]
        guard pipe2(&down, O_CLOEXEC) == 0, pipe2(&up, O_CLOEXEC) == 0 else {
            throw Failure.unsure("unable to make a pipe: \(String(cString: strerror(errno)))")
        }
        var program = Program(
            tmux.command(["-C", "attach-session", "-t", pane, "-f", "no-output,ignore-size,read-only"]))
        program.environment = ["TMUX": nil]
        program.ownGroup = true
        do { pid = try program.start(stdin: down[0], stdout: up[1], stderr: -1) } catch {
            for fd in down + up { close(fd) }
            throw error
        }
        close(down[0])
        close(up[1])
        (input, output) = (down[1], up[0])
        _ = csys_nonblocking(output)
        _ = csys_nonblocking(input)
    }

    deinit {
        close(input)
        close(output)
        // At another signal it would wait for its server, which may stand still.
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    /// To be polled; `read` is to be called when it can be read.
    package var descriptor: Int32 { output }
    package var isBusy: Bool { answers.asked != nil }

    /// Asks for a look at a pane; the answer comes by `read`. One at a time.
    package func ask(_ pane: String) {
        guard !isBusy, !isOver, Tmux.isPane(pane) else { return }
        answers.ask(pane)
        // Nothing happens in the server between two commands of one line.
        let text =
            "list-panes -a -f '#{==:#{pane_id},\(pane)}' -F '#{pane_height} #{cursor_y} #{cursor_x} #{pane_dead}' ; "
            + "capture-pane -p -e -t '\(pane)'\n"
        let bytes = Array(text.utf8)
        if write(input, bytes, bytes.count) != bytes.count { isOver = true }
    }

    /// Takes what has come; a look, if it is whole. Nil without one.
    package func read() -> Look? {
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = Glibc.read(output, &chunk, chunk.count)
            if n < 0, errno == EINTR { continue }
            if n == 0 { isOver = true }
            if n <= 0 { break }
            received += chunk[..<n]
        }
        let found = answers.receive(received)
        if answers.isOver { isOver = true }
        return found
    }

    /// Whether no more will come: the server, or the session, is gone.
    package var hasEnded: Bool { isOver }
}

extension ControlClient {
    /// What tmux writes, and the looks that are in it.
    ///
    /// A pane may show anything, lines that look like the protocol's among them. So the end of a screen is told by its
    /// number of lines, which is that of the pane's rows.
    struct Answers {
        private var received: [UInt8] = []
        /// The lines of the block that is being received; nil outside of one.
        private var block: (tag: String, lines: [Substring])?
        /// What was asked and has not been answered: which pane, and whether its head has come.
        private(set) var asked: String?
        private var head: [Int]?
        /// Whether tmux has said that no more will come.
        private(set) var isOver = false

        init() {}

        mutating func ask(_ pane: String) {
            asked = pane
            head = nil
        }

        /// The last look that is whole with these bytes; nil without one.
        mutating func receive(_ bytes: [UInt8]) -> Look? {
            received += bytes
            var found: Look?
            var at = 0
            while let end = received[at...].firstIndex(of: 10) {
                if let look = take(Substring(String(decoding: received[at..<end], as: UTF8.self))) { found = look }
                at = end + 1
            }
            received.removeFirst(at)
            return found
        }

        private mutating func take(_ line: Substring) -> Look? {
            guard let open = block else {
                if line.hasPrefix("%begin ") { block = (String(line.dropFirst(7)), []) }
                if line == "%exit" || line.hasPrefix("%exit ") { isOver = true }
                return nil
            }
            let isScreen = open.lines.count < head?.first ?? 0
            let isEnd = line == "%end \(open.tag)" || line == "%error \(open.tag)"
            // An error instead of the screen, since the pane went between the two, is one line.
            guard isEnd, !isScreen || open.lines.count <= 1 && line.hasPrefix("%error") else {
                block!.lines.append(line)
                return nil
            }
            block = nil
            // Other blocks than those of our own commands are marked so.
            return open.tag.hasSuffix(" 1") ? ended(open.lines, isError: line.hasPrefix("%error")) : nil
        }

        private mutating func ended(_ lines: [Substring], isError: Bool) -> Look? {
            guard let pane = asked else { return nil }
            guard let numbers = head else {
                head = lines.first?.split(separator: " ").compactMap { Int($0) } ?? []
                return nil
            }
            asked = nil
            head = nil
            guard !isError, numbers.count == 4 else { return Look(pane: pane, lines: [], cursor: (0, 0), isDead: true) }
            return Look(
                pane: pane, lines: lines.map(String.init), cursor: (numbers[1], numbers[2]), isDead: numbers[3] != 0)
        }
    }
}
