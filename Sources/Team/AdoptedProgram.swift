import AgentPrograms
import Bus
import FoundationEssentials
import Git
import Glibc
import Processes
import Storage
import SystemPackage
import Tmux

// Adopting. A program that a person has started in a pane of their own becomes an agent as it is. Its supervisor runs
// beside it, without a terminal, and follows what the program itself writes of its state; mail is typed to it while it
// is idle. What is given at the start it can't have: hooks, an environment, a worktree of its own.
//
// The process stays the person's: no signal is ever sent to it, its pane is not marked, and when its agent is stopped
// or retired it goes on. When it ends by itself the agent rests, and is an ordinary one from its next start on, which
// goes on with the same conversation.

/// A running program that is to become an agent.
package struct Adopted {
    package var process: Tree.Process
    package var pane: String
    /// Where it works, and its conversation; not known of one that is an agent already.
    var directory = ""
    var conversation: String?

    init(process: Tree.Process, pane: String) {
        self.process = process
        self.pane = pane
    }

    /// As a card tells it; nil if the process has ended.
    init?(_ field: String) {
        let words = field.split(separator: " ").map(String.init)
        guard words.count == 4, words[2] == Host.boot, let pid = pid_t(words[0]), let process = Tree.Process(pid),
            "\(process.start)" == words[1]
        else { return nil }
        self.init(process: process, pane: words[3])
    }

    var field: String { "\(process.pid) \(process.start) \(Host.boot) \(pane)" }
}

extension AgentView {
    /// What it is of an adopted agent, while that process is there.
    package var adopted: Adopted? { card.adopted.flatMap { Adopted($0) } }
}

extension Team {
    /// What of a program's state file is of use.
    private struct Told: Decodable {
        var procStart: String?
        var version: String?
        var cwd: String?
        var sessionId: String?
    }

    /// The program that runs in a pane: a known one of a version that was tried, in this repository. Throws
    /// `Failure.usage` for a program that can't be adopted at all, `Failure.no` if none such runs there.
    package func adoptable(_ pane: String, program name: String) throws -> Adopted {
        guard let known = try known(name), known.stateFile?.contains("%p") == true else {
            throw Failure.usage(
                "a running '\(Names.shown(name))' can't be adopted: nothing is known of where it tells what it does")
        }
        let tmux = try Tmux(bus)
        guard let root = try tmux.process(of: pane) else {
            throw Failure.no("no pane '\(Names.shown(pane))' on the tmux server of this project")
        }
        for agent in try bus.agentNames().compactMap({ try bus.agent(named: $0) })
        where agent.alive && (agent.session?.pane == pane || agent.adopted?.pane == pane) {
            throw Failure.no("pane '\(pane)' is that of agent '\(agent.name)'")
        }
        for process in [Tree.Process(root)].compactMap({ $0 }) + Tree.descendants(of: root) {
            guard let bytes = try known.stateFile(of: process.pid).flatMap({ try Files.read($0) }),
                let told = try? JSONDecoder().decode(Told.self, from: Data(bytes)),
                told.procStart == "\(process.start)", let cwd = told.cwd
            else { continue }
            let version = told.version ?? "of an unknown version"
            guard known.tried.contains(version) else {
                throw Failure.no(
                    "'\(name)' \(Names.shown(version)) was not tried with this cadre, so it is not adopted; known: "
                        + "\(known.tried.joined(separator: ", "))"
                )
            }
            guard try (try? Repository.find(from: FilePath(cwd), plain: true))?.commonDirectory == bus.repository()
            else {
                throw Failure.no(
                    "the '\(name)' in pane '\(pane)' works in '\(Names.shown(cwd))', which is not in this repository")
            }
            var adopted = Adopted(process: process, pane: pane)
            adopted.directory = cwd
            adopted.conversation = told.sessionId
            return adopted
        }
        throw Failure.no("no '\(name)' that tells what it does runs in pane '\(pane)'")
    }

    /// What an adopted agent is told first, and its person.
    func welcome(_ name: String, say: (String) -> Void) throws {
        say(
            "'\(name)' was started without cadre: it has no hooks, so mail is typed to it while it is idle and what it "
                + "asks stays in its pane; cadre's verbs run in it as yours, unless with '--as \(name)'"
        )
        _ = try bus.send(
            from: "cadre", to: name, subject: "you are the agent '\(name)' of a team now",
            body: Array(
                ("Your user has made you an agent. Call cadre's verbs with '--as \(name)'; 'cadre prime --as \(name)' "
                    + "tells what there is to know.\n").utf8))
    }
}
