import Screen

enum View: String, CaseIterable {
    case agents, tasks, asks, merge, mail, day, cost

    var title: String { self == .merge ? "merge queue" : rawValue }
    /// The pages of what is chosen.
    var tabs: [Tab] {
        switch self {
        case .agents: return [.screen, .diff, .stat, .task, .mail, .log]
        case .tasks: return [.task, .log]
        case .asks: return [.ask]
        case .merge: return [.review, .task, .log]
        case .mail: return [.letter]
        case .day, .cost: return []
        }
    }
}

enum Tab: String { case screen, diff, stat, task, mail, log, ask, review, letter }

enum Order: String, CaseIterable { case name, state, since, task, mail }
enum Grouping: String, CaseIterable { case tree, state, role, project, flat }

/// What the person has chosen, of what there is: all that is not read from the bus.
struct Desk {
    var view = View.agents
    var tab: [View: Int] = [:]
    /// The row chosen in each view, by its key. It stays chosen when rows come and go above it.
    var chosen: [View: String] = [:]
    /// Where it was among the rows last, for when it is gone.
    var place: [View: Int] = [:]
    /// The first row shown.
    var first: [View: Int] = [:]
    /// How far the detail is scrolled. From the end, where the detail is a screen.
    var scroll = (rows: 0, columns: 0)
    var isZoomed = false
    var showsHelp = false
    var filter: [View: String] = [:]
    var marks: [View: Set<String>] = [:]
    var order = Order.name
    var grouping = Grouping.tree
    var showsTree = false
    var input: Input?
    /// The last word of the program: what was done, or why not.
    var message = ""

    var page: Tab? {
        let tabs = view.tabs
        return tabs.isEmpty ? nil : tabs[(tab[view] ?? 0) % tabs.count]
    }
}

/// A line that is being typed, or a question that is being answered by a key.
struct Input {
    enum Purpose: Equatable {
        case filter
        /// Handed on, with what it is for.
        case text(action: String)
        /// Only these keys count; Escape is none of them.
        case choice(action: String, keys: [String])
    }

    let purpose: Purpose
    let prompt: String
    var text = ""
    /// Characters in front of the cursor.
    var at = 0

    init(_ purpose: Purpose, _ prompt: String, _ text: String = "") {
        self.purpose = purpose
        self.prompt = prompt
        self.text = text
        at = text.unicodeScalars.count
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
