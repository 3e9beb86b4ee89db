import Bus
import Glibc
import Processes
import Screen
import Storage
import SystemPackage

/// Text that a person types, pastes or writes in an editor, and its use. It applies to the rows that were marked or
/// selected when the question came up, whatever rows come and go meanwhile.
extension Session {
    func ask(_ purpose: Input.Purpose, _ prompt: String, _ text: String = "", rows: [String]? = nil) {
        var input = Input(purpose, prompt, text)
        input.rows = rows ?? self.rows
        input.view = desk.view
        desk.input = input
    }

    func type(_ key: Key) {
        guard var input = desk.input else { return }
        input.trouble = nil
        if key == "Escape" || key == "C-c" || key == "C-g" {
            if input.purpose == .filter { desk.filter[input.view] = nil }
            desk.input = nil
            return
        }
        switch input.purpose {
        case .choice(let choices):
            guard let choice = choices[key.name] else { return }
            desk.input = nil
            if !choice.words.isEmpty { run(choice.words, on: input.rows, undo: choice.undo, after: choice.after) }
        case .text(let action) where key == "Enter":
            desk.input = nil
            typed(action, input)
        case .text where key == "C-o": edit(input)
        case .filter where key == "Enter": desk.input = nil
        case .text, .filter:
            _ = input.take(key)
            change(input)
        }
    }

    /// What is pasted is text, never keys: outside a text it does nothing.
    func paste(_ text: String) {
        guard var input = desk.input, !input.purpose.isChoice else {
            desk.message = "pasted text is no keys"
            return
        }
        input.insert(text)
        change(input)
    }

    private func change(_ input: Input) {
        desk.input = input
        if input.purpose == .filter { desk.filter[input.view] = input.text }
    }

    /// The text in the person's editor, by the shell as git does it.
    private func edit(_ input: Input) {
        let editor =
            ["VISUAL", "EDITOR"].compactMap { (name: String) in getenv(name).map { String(cString: $0) } }.first {
                !$0.isEmpty
            } ?? "vi"
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array("\(directory)/cadre-text.XXXXXX".utf8CString)
        let fd = mkstemp(&name)
        guard fd >= 0 else {
            desk.message = "unable to make a file in '\(directory)': \(String(cString: strerror(errno)))"
            return
        }
        close(fd)
        let path = FilePath(platformString: name)
        defer { unlink(name) }
        do {
            try Files.write(Array(input.text.utf8), to: path, sync: false)
            if let failed = lend(Program(["/bin/sh", "-c", "\(editor) \"$1\"", "sh", path.string])) {
                desk.input?.trouble = "your editor, '\(Names.shown(editor))', \(failed): set EDITOR"
                return
            }
            var text = String(decoding: try Files.read(path) ?? [], as: UTF8.self)
            while text.hasSuffix("\n") { text.removeLast() }
            var edited = input
            (edited.text, edited.at) = (text, text.unicodeScalars.count)
            desk.input = edited
        } catch { desk.message = (error as? Failure)?.message ?? "\(error)" }
    }

    private func typed(_ action: String, _ input: Input) {
        let (text, rows) = (input.text, input.rows)
        let source = rows.first.flatMap(Detail.parts).map { sources[$0.source] } ?? sources[0]
        switch action {
        case "reject":
            switch input.view {
            case .merge, .tasks:
                run(
                    [input.view == .merge ? "merge" : "plan", "reject"], on: rows,
                    after: text.isEmpty ? [] : ["--why", text])
            default: run(["ask", "reject"], on: rows, after: text.isEmpty ? [] : ["--", text])
            }
        case "new":
            ask(.text(action: "first-words"), "its first words, if any:", rows: rows)
            desk.input?.before = text
        case "first-words":
            // With a newline behind it, it can't be taken for a name.
            let words = (input.before ?? "").split(separator: " ").map(String.init)
            run(["spawn"] + words + (text.isEmpty ? [] : ["--", text + "\n"]), source, what: "spawn")
        case _ where text.isEmpty: desk.message = "nothing was written"
        case "answer": run(["ask", "answer"], on: rows, after: ["--", text])
        case "send": run(["send"], on: rows, after: ["--", text])
        case "broadcast": for source in sources { run(["send", "@all", "--", text], source, what: "send") }
        case "reply":
            guard let (n, id) = rows.first.flatMap(Detail.parts),
                let letter = try? sources[n].bus.message(id, of: "human")
            else {
                desk.message = "that message is gone"
                return
            }
            run(["send", letter.from, "--reply-to", id, "--", text], sources[n], what: "send")
        case "new-task": run(["task", "add", "--", text], source, what: "task")
        default: break
        }
    }
}
