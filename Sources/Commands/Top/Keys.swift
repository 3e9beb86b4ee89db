import Bus
import Configuration
import Screen
import Storage

/// What a key does, by a name that `cadre.key.NAME` in the configuration gives other keys to.
struct Binding {
    let action: String
    var keys: [Key]
    let help: String
    /// Where it holds; nil: everywhere. The first that holds is done.
    let views: Set<View>?

    init(_ action: String, _ keys: [Key], _ help: String, _ views: Set<View>? = nil) {
        self.action = action
        self.keys = keys
        self.help = help
        self.views = views
    }
}

/// The table of keys.
struct Keys {
    private(set) var bindings: [Binding]

    /// With what the user has set: names of keys, divided by blanks.
    init(_ settings: Settings?) throws {
        bindings = Keys.standard
        guard let settings else { return }
        for n in bindings.indices {
            guard let set = settings.string("key.\(bindings[n].action)") else { continue }
            bindings[n].keys = try set.split(separator: " ").map { word in
                guard let key = Key(named: String(word)) else {
                    throw Failure.usage(
                        "cadre.key.\(bindings[n].action): no key '\(Names.shown(String(word)))', use names as tmux has "
                            + "them: q, C-x, M-a, F5, PgUp"
                    )
                }
                return key
            }
        }
    }

    func action(_ key: Key, in view: View) -> String? {
        let fits = bindings.filter { $0.keys.contains(key) }
        return (fits.first { $0.views?.contains(view) == true } ?? fits.first { $0.views == nil })?.action
    }

    /// The first key of an action, as it is shown; nil if it has none.
    func key(_ action: String) -> String? { bindings.first { $0.action == action }?.keys.first?.name }

    static let standard: [Binding] = [
        Binding("view-agents", ["1"], "agents"),
        Binding("view-tasks", ["2"], "tasks"),
        Binding("view-asks", ["3"], "asks"),
        Binding("view-merge", ["4"], "merge queue"),
        Binding("view-mail", ["5"], "mail"),
        Binding("view-day", ["6"], "the day"),
        Binding("view-cost", ["7"], "cost"),
        Binding("next-tab", ["Tab", "]"], "next page of the selection"),
        Binding("previous-tab", ["BTab", "["], "previous page"),
        Binding("zoom", ["o", "Right"], "zoom the selection"),
        Binding("back", ["Escape", "Left"], "back; clears the filter"),
        Binding("down", ["j", "Down"], "next"),
        Binding("up", ["k", "Up"], "previous"),
        Binding("page-down", ["PgDn", "C-f"], "a page on"),
        Binding("page-up", ["PgUp", "C-b"], "a page back"),
        Binding("first", ["g", "Home"], "first"),
        Binding("last", ["G", "End"], "last"),
        Binding("next-column", ["l"], "next column of the board", [.tasks]),
        Binding("previous-column", ["h"], "previous column of the board", [.tasks]),
        Binding("scroll-down", ["J", "C-d"], "move the selection down"),
        Binding("scroll-up", ["K", "C-u"], "move the selection up"),
        Binding("scroll-left", ["H"], "move the selection left"),
        Binding("scroll-right", ["L"], "move the selection right"),
        Binding("next-file", ["}"], "next file of a diff"),
        Binding("previous-file", ["{"], "previous file of a diff"),
        Binding("filter", ["/"], "filter, by text"),
        Binding("sort", ["s"], "order: name, state, since, task, mail, changed, context, cost"),
        Binding("group", ["v"], "tree, role, state, project or flat; tasks as board or tree"),
        Binding("waiting", ["w"], "next that waits"),
        Binding("mark", ["Space"], "mark, to act on several"),
        Binding("mark-all", ["*"], "mark all shown, or none"),
        Binding("approve", ["y"], "approve", [.agents, .tasks, .asks, .merge]),
        Binding("reject", ["N"], "reject, with why", [.agents, .tasks, .asks, .merge]),
        Binding("answer", ["Enter", "a"], "answer", [.asks]),
        Binding("retry", ["r"], "try again", [.merge]),
        Binding("withdraw", ["X"], "remove from the queue", [.merge]),
        Binding("attach", ["Enter", "a"], "to the agent's pane", [.agents, .tasks, .merge]),
        Binding("reply", ["Enter", "a"], "reply", [.mail]),
        Binding("acknowledge", ["e"], "acknowledge", [.mail]),
        Binding("new-task", ["n"], "new task", [.tasks]),
        Binding("new", ["n"], "new agent"),
        Binding("send", ["m"], "mail to it, or to those marked"),
        Binding("broadcast", ["B"], "mail to all"),
        Binding("terminal", ["t"], "a shell in the agent's worktree", [.agents, .tasks, .merge]),
        Binding("freeze", ["z"], "freeze", [.agents]),
        Binding("resume", ["r"], "go on, or start again", [.agents]),
        Binding("stop", ["x"], "stop", [.agents]),
        Binding("park", ["p"], "park: stop, keep the branch, free the worktree", [.agents]),
        Binding("retire", ["D"], "retire", [.agents]),
        Binding("seen", ["e"], "mark its changes as seen", [.agents]),
        Binding("since", ["f"], "diff since last seen, or all", [.agents]),
        Binding("push", ["P"], "push its branch", [.agents]),
        Binding("cancel", ["X"], "cancel", [.tasks]),
        Binding("reopen", ["r"], "open again", [.tasks]),
        Binding("sooner", ["+"], "more urgent", [.tasks]),
        Binding("later", ["-"], "less urgent", [.tasks]),
        Binding("undo", ["u"], "undo the last action"),
        Binding("redraw", ["C-l"], "redraw"),
        Binding("help", ["?", "F1"], "keys"),
        Binding("quit", ["q", "C-c"], "leave"),
    ]
}
