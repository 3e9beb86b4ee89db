import Bus
import CLinux
import Glibc
import Storage

/// The file `environment`, of the project and of an agent. The body is `NAME=value` and NUL for each variable.
package struct EnvironmentFields: RecordFields {
    /// In octal digits.
    let umask = Field<String>("Umask")
    /// The soft limits, `NUMBER=VALUE` each (getrlimit(2)), divided by blanks.
    let limits = Field<String>("Limits")

    package init() {}
}
package typealias RecordedEnvironment = TypedRecord<EnvironmentFields>

// The one place that makes environments. What a process of cadre's starts gets the environment of that process, but:
//
//   all                  nothing of what git tells its hooks and aliases of the repository that they are called for
//   git                  no prompts, no editor, one language; see Git
//   an agent             that of who spawned it, as `recorded`, with umask and limits; and the CADRE_* that it is given
//   a gate, the runner   that of the person who started agents last, as `recorded`; a gate gets no CADRE_*, TMUX* or
//                        GIT_*
//   a tmux server        nothing of ours, and nothing of the agent program that the caller may run in
//
// Descriptors beyond 2 go to none of them, signals are as a fresh process has them; see Program.
package enum Environment {
    /// What git tells of the repository: `git rev-parse --local-env-vars`, and what it sets for one operation. A child
    /// of ours would take it for its own.
    static let ofGit: Set<String> = [
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT",
        "GIT_OBJECT_DIRECTORY", "GIT_DIR",
        "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_INTERNAL_SUPER_PREFIX", "GIT_QUARANTINE_PATH",
        "GIT_REFLOG_ACTION",
    ]

    /// When a commit was made: no two are made then.
    private static let ofOneCommit: Set<String> = ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"]

    /// How an agent program tells those it starts that they run inside it.
    private static let ofPrograms: Set<String> = [
        "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION_ID",
        "CLAUDE_CODE_CHILD_SESSION", "CLAUDE_PID",
        "CODEX_SANDBOX", "CODEX_SANDBOX_NETWORK_DISABLED", "CODEX_THREAD_ID", "CODEX_CI",
        "CODEX_INTERNAL_ORIGINATOR_OVERRIDE",
        "GEMINI_CLI", "QWEN_CODE", "OPENCODE",
    ]

    /// What is true of one shell or terminal only.
    private static let ofTerminals: Set<String> = [
        "_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "TERMCAP", "WINDOWID", "STY",
    ]

    /// What tmux tells those in a pane, and of its own server.
    private static let ofPanes: Set<String> = ["TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION"]

    /// What leads to a person's desktop and keys, and changes from login to login.
    private static let ofLogins = [
        "SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
        "DBUS_SESSION_BUS_ADDRESS",
    ]

    /// The changes for a call of tmux, which may start a server.
    package static var server: [String: String?] {
        Program.without { $0.hasPrefix("CADRE_") && $0 != "CADRE_TMUX" || ofPrograms.contains($0) }
    }

    /// The changes for a gate.
    package static var gate: [String: String?] {
        Program.without { $0.hasPrefix("CADRE_") || $0.hasPrefix("TMUX") || $0.hasPrefix("GIT_") }
    }

    // MARK: recorded

    /// This process's environment as a record for others: without the variables of cadre, git, a program or a terminal,
    /// and without names that match one of the `leaving` patterns (fnmatch(3)).
    package static func recorded(leaving patterns: [String]) -> RecordedEnvironment {
        var record = RecordedEnvironment()
        let mask = umask(0o022)
        umask(mask)
        record.umask = String(mask, radix: 8)
        record.limits = limits.compactMap { number in
            var limit = rlimit()
            guard csys_getrlimit(number, &limit) == 0 else { return nil }
            return "\(number)=\(limit.rlim_cur)"
        }.joined(separator: " ")
        // A hook of git's is told whose commit it is called for, and when that is: who commits later is somebody else.
        let inHook = getenv("GIT_AUTHOR_DATE") != nil
        record.body = entries().filter { entry in
            let name = name(of: entry)
            if ofOneCommit.contains(name) || inHook && name.hasPrefix("GIT_AUTHOR_")
                || entry == Array("GIT_EDITOR=:".utf8)
            {
                return false
            }
            return isKept(name) && !patterns.contains { fnmatch($0, name, 0) == 0 }
        }.flatMap { $0 + [0] }
        return record
    }

    /// All soft limits but RLIMIT_RTTIME, which has the mark.
    private static let limits: ClosedRange<Int32> = 0...14

    private static func isKept(_ name: String) -> Bool {
        !name.hasPrefix("CADRE_") && !name.hasPrefix("TMUX") && !ofGit.contains(name) && !ofPrograms.contains(name)
            && !ofTerminals.contains(name)
    }

    /// Gives this process and its children a recorded environment, except for cadre's own variables and those of its
    /// pane.
    package static func adopt(_ record: RecordedEnvironment) {
        let inPane = getenv("TMUX_PANE") != nil
        func isOwn(_ name: String) -> Bool {
            name.hasPrefix("CADRE_") || name.hasPrefix("TMUX") || inPane && ofPanes.contains(name)
        }
        let own = entries().filter { isOwn(name(of: $0)) }
        let given = record.body.split(separator: 0).map(Array.init).filter { !isOwn(name(of: $0)) }
        clearenv()
        for entry in own + given {
            guard let end = entry.firstIndex(of: 61) else { continue }
            setenv(cString(entry[..<end]), cString(entry[(end + 1)...]), 1)
        }
        if let mask = record.umask.flatMap({ mode_t($0, radix: 8) }) { umask(mask & 0o077) }
        for word in (record.limits ?? "").split(separator: " ") {
            let parts = word.split(separator: "=")
            guard parts.count == 2, let number = Int32(parts[0]), limits.contains(number), let soft = UInt(parts[1])
            else { continue }
            var limit = rlimit()
            guard csys_getrlimit(number, &limit) == 0 else { continue }
            limit.rlim_cur = min(rlim_t(soft), limit.rlim_max)
            _ = csys_setrlimit(number, &limit)
        }
    }

    /// The record with this process's values of what leads to the person's login.
    package static func refreshed(_ record: RecordedEnvironment, leaving patterns: [String]) -> RecordedEnvironment {
        var record = record
        let own = entries().filter { entry in
            let name = name(of: entry)
            return ofLogins.contains(name) && !patterns.contains { fnmatch($0, name, 0) == 0 }
        }
        let kept = record.body.split(separator: 0).map(Array.init).filter { !ofLogins.contains(name(of: $0)) }
        record.body = (kept + own).flatMap { $0 + [0] }
        return record
    }

    // MARK: bytes

    /// `NAME=value` of each variable of this process.
    static func entries() -> [[UInt8]] {
        var all: [[UInt8]] = []
        var at = csys_environ()
        while let entry = at?.pointee {
            all.append(Array(UnsafeRawBufferPointer(start: entry, count: strlen(entry))))
            at = at! + 1
        }
        return all
    }

    static func name(of entry: [UInt8]) -> String { String(decoding: entry.prefix { $0 != 61 }, as: UTF8.self) }

    private static func cString(_ bytes: ArraySlice<UInt8>) -> [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }
}
