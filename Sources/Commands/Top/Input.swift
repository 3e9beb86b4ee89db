import Screen

/// What a key of a question does: a verb on the rows that it is about; without words nothing.
struct Choice: Equatable {
    let words: [String]
    let after: [String]
    let undo: [String]?

    init(_ words: [String] = [], after: [String] = [], undo: [String]? = nil) {
        (self.words, self.after, self.undo) = (words, after, undo)
    }
}

/// A line that is being typed, or a question that is being answered by a key.
struct Input {
    enum Purpose: Equatable {
        case filter
        /// Handed on, with what it is for.
        case text(action: String)
        /// Only these keys count; Escape is none of them.
        case choice([String: Choice])

        var isChoice: Bool { if case .choice = self { true } else { false } }
    }

    let purpose: Purpose
    var prompt: String
    /// What went wrong with it, until the next key.
    var trouble: String?
    var text = ""
    /// Characters in front of the cursor.
    var at = 0
    /// What it is about: the rows that were marked or chosen when it began, in the view of then.
    var rows: [String] = []
    var view = View.agents
    /// What was typed before, where one text follows another.
    var before: String?
    /// Whether it asks about agents that would be lost.
    var isRetiring = false

    init(_ purpose: Purpose, _ prompt: String, _ text: String = "") {
        self.purpose = purpose
        self.prompt = prompt
        self.text = text
        at = text.unicodeScalars.count
    }

    mutating func insert(_ more: String) {
        var scalars = Array(text.unicodeScalars)
        scalars.insert(contentsOf: more.unicodeScalars, at: at)
        text = String(String.UnicodeScalarView(scalars))
        at += more.unicodeScalars.count
    }

    /// Takes a key as a line editor does; false if it is none of its.
    mutating func take(_ key: Key) -> Bool {
        var scalars = Array(text.unicodeScalars)
        defer {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            text = String(view)
        }
        switch key.name {
        case "BSpace", "C-h":
            guard at > 0 else { return true }
            scalars.remove(at: at - 1)
            at -= 1
        case "DC", "C-d": if at < scalars.count { scalars.remove(at: at) }
        case "Left", "C-b": at = max(0, at - 1)
        case "Right", "C-f": at = min(scalars.count, at + 1)
        case "Home", "C-a": at = 0
        case "End", "C-e": at = scalars.count
        case "C-u":
            scalars.removeSubrange(..<at)
            at = 0
        case "C-k": scalars.removeSubrange(at...)
        case "C-w":
            let start = at
            while at > 0, scalars[at - 1] == " " { at -= 1 }
            while at > 0, scalars[at - 1] != " " { at -= 1 }
            scalars.removeSubrange(at..<start)
        default:
            guard let typed = key.character else { return false }
            scalars.insert(contentsOf: typed.unicodeScalars, at: at)
            at += typed.unicodeScalars.count
        }
        return true
    }
}
