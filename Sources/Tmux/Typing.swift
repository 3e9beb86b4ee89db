import Bus
import Storage

/// What is in a pane, and what is typed into it.
extension Tmux {
    /// What a pane shows, and what becomes of what is typed into it.
    package struct Input {
        /// Its lines, with the sequences that tell how they are drawn.
        package var drawn: String
        /// The line that the cursor is in, and whether the program lets it be seen.
        package var cursor: Int
        package var isCursorShown: Bool
        package var title: String
        /// Whether what is typed reaches the program, and it alone.
        package var isOpen: Bool
        /// When a key was pressed last at a client that shows the pane, in seconds since the epoch.
        package var lastKey: Int?
    }

    package func input(of pane: String) throws -> Input {
        guard Tmux.isPane(pane) else { throw Failure.no("no pane '\(Names.shown(pane))'") }
        let text = try attempt([
            "display-message", "-p", "-t", pane,
            "#{cursor_y} #{cursor_flag} "
                + "#{||:#{||:#{pane_dead},#{pane_in_mode}},#{||:#{pane_input_off},#{pane_synchronized}}} #{pane_title}",
            ";", "capture-pane", "-p", "-e", "-t", pane,
        ])
        guard text.status == 0 else { throw Failure.unsure("unable to look at pane '\(pane)': \(text.complaint)") }
        let parts = String(decoding: text.output, as: UTF8.self).split(
            separator: "\n", maxSplits: 1, omittingEmptySubsequences: false
        ).map(String.init)
        let head = parts[0].split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 2, head.count == 4, let cursor = Int(head[0]) else {
            throw Failure.unsure("unable to look at pane '\(pane)'")
        }
        let keys = try run(["list-clients", "-F", "#{pane_id} #{client_control_mode} #{client_activity}"]).split(
            separator: "\n"
        ).compactMap { line -> Int? in
            let words = line.split(separator: " ")
            return words.count == 3 && words[0] == pane && words[1] == "0" ? Int(words[2]) : nil
        }
        return Input(
            drawn: parts[1], cursor: cursor, isCursorShown: head[1] == "1", title: String(head[3]),
            isOpen: head[2] == "0", lastKey: keys.max())
    }

    /// Presses keys, by tmux's names for them, unless the pane has died or is in a mode.
    package func type(_ keys: [String], into pane: String) throws {
        guard Tmux.isPane(pane),
            keys.allSatisfy({
                !$0.isEmpty
                    && $0.unicodeScalars.allSatisfy {
                        ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "-"
                    }
            })
        else {
            throw Failure.usage("keys '\(Names.shown(keys.joined(separator: " ")))', use tmux's names")
        }
        try run([
            "if-shell", "-F", "-t", pane, "#{||:#{pane_dead},#{pane_in_mode}}", "",
            "send-keys -t \(pane) \(keys.joined(separator: " "))",
        ])
    }

    /// Pastes a text, bracketed where the program wants that, and presses Enter; false if the pane has died or is in a
    /// mode by then, which tmux itself looks at in the same command: to paste into a dead pane ends a server of 3.3.
    package func paste(_ text: String, into pane: String) throws -> Bool {
        guard Tmux.isPane(pane) else { return false }
        let buffer = "cadre-\(pane.dropFirst())"
        let plain = String(
            String.UnicodeScalarView(text.unicodeScalars.filter { $0 == "\n" || $0 == "\t" || !Names.isControl($0) }))
        let said = try run(
            [
                "load-buffer", "-b", buffer, "-", ";", "if-shell", "-F", "-t", pane,
                "#{||:#{||:#{pane_dead},#{pane_in_mode}},#{pane_input_off}}",
                "delete-buffer -b \(buffer) ; display-message -p busy",
                "paste-buffer -p -r -d -b \(buffer) -t \(pane) ; send-keys -t \(pane) Enter",
            ], input: Array(plain.utf8))
        return said != "busy"
    }
}
