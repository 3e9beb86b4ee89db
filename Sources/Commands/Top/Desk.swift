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

enum Order: String, CaseIterable { case name, state, since, task, mail, changed, context, cost }
enum Grouping: String, CaseIterable { case tree, state, role, project, flat }

/// The state of the screen that does not come from the bus: what the person has selected, scrolled and typed.
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
    /// Whether a diff leaves out what was marked as seen.
    var sinceSeen = false
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
