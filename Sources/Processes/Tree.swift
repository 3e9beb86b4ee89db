import Bus
import CLinux
import Glibc
import Storage
import SystemPackage

/// Process trees, as proc(5) shows them.
package enum Tree {
    /// A process of this boot: a pid alone may by now be another's.
    package struct Process: Hashable {
        package var pid: pid_t
        /// Clock ticks since boot, see `Host.startTime`.
        package var start: UInt64

        /// The process that has this pid now; nil if there is none, or only a zombie.
        package init?(_ pid: pid_t) {
            guard let start = Host.startTime(pid) else { return nil }
            self.pid = pid
            self.start = start
        }

        package var isThere: Bool { Host.startTime(pid) == start }
        /// Sends a signal, if it is still this process.
        package func signal(_ signal: Int32) { if isThere { kill(pid, signal) } }
    }

    /// All that descends from a process, by the kernel's lists of children.
    package static func descendants(of pid: pid_t) -> [Process] {
        var found: [Process] = []
        var seen: Set<pid_t> = [pid]
        var left = [pid]
        while let next = left.popLast() {
            for thread in (try? Files.list(FilePath("/proc/\(next)/task"))) ?? [] {
                guard let bytes = try? Files.read(FilePath("/proc/\(next)/task/\(thread)/children")) else { continue }
                for word in bytes.split(separator: 32) {
                    guard let child = pid_t(String(decoding: word, as: UTF8.self)), seen.insert(child).inserted else {
                        continue
                    }
                    left.append(child)
                    if let process = Process(child) { found.append(process) }
                }
            }
        }
        return found
    }

    /// Ends all that descends from the caller, which is a subreaper; returns when nothing is left, as ECHILD proves:
    /// TERM (with CONT, for what is stopped), and KILL after `grace` seconds, or as soon as `hurries` says so.
    package static func endOwn(
        grace: Double, hurries: () -> Bool = { false }, _ pause: () -> Void = { poll(nil, 0, 20) }
    ) {
        let begin = Time.monotonic()
        var isTold = false
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid > 0 { continue }
            if pid < 0, errno == ECHILD { return }
            let left = descendants(of: getpid())
            if hurries() || Time.monotonic() - begin >= grace {
                for process in left { process.signal(SIGKILL) }
            } else if !isTold {
                isTold = true
                for process in left {
                    process.signal(SIGTERM)
                    process.signal(SIGCONT)
                }
            }
            pause()
        }
    }

    /// The caller's ancestors, nearest first.
    package static func ancestors() throws -> [pid_t] { try ancestry().map(\.pid) }

    /// The same, each with the name of what it runs, at most 15 bytes.
    private static func ancestry() throws -> [(pid: pid_t, name: String)] {
        var all: [(pid: pid_t, name: String)] = []
        var pid = getppid()
        while pid > 0, !all.contains(where: { $0.pid == pid }) {
            let stat = try stat(pid)
            all.append((pid, stat?.name ?? ""))
            guard let parent = stat?.parent else { break }
            pid = parent
        }
        return all
    }

    /// Whether a process is among the caller's ancestors.
    package static func isBelow(_ ancestor: pid_t) throws -> Bool {
        var pid = getppid()
        while pid > 1 {
            if pid == ancestor { return true }
            pid = try stat(pid)?.parent ?? 0
        }
        return false
    }

    /// The caller's ancestors that are cadre's own, nearest first, of whatever version.
    package static func ancestorsOfOurs() throws -> [pid_t] {
        try ancestry().filter { $0.name.hasPrefix("cadre") || $0.name == ownName }.map(\.pid)
    }

    private static let ownName: String = {
        guard let found = realpath("/proc/self/exe", nil) else { return "cadre" }
        defer { free(found) }
        return String((String(cString: found).split(separator: "/").last ?? "cadre").prefix(15))
    }()

    /// The agent whose supervisor a process is, if it is one of this bus and alive.
    package static func supervised(by pid: pid_t, _ bus: Bus) throws -> String? {
        let words = (try Files.read(FilePath("/proc/\(pid)/cmdline")) ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard words.contains(where: { $0 == "supervise" || $0.hasSuffix("cadre-supervise") }) else { return nil }
        return try words.first { name in
            guard Names.isName(name), let session = try AgentSession.read(bus.session(name)) else { return false }
            return try session.boot == Host.boot && session.pid == Int(pid) && LivenessLock.isHeld(bus.alive(name))
        }
    }

    /// What a process runs and its parent; nil if it is gone. From proc(5)'s stat.
    private static func stat(_ pid: pid_t) throws -> (name: String, parent: pid_t?)? {
        guard let bytes = try Files.read(FilePath("/proc/\(pid)/stat")), let start = bytes.firstIndex(of: 40),
            let end = bytes.lastIndex(of: 41)
        else { return nil }
        let fields = bytes[(end + 1)...].split(separator: 32, maxSplits: 2)
        return (
            String(decoding: bytes[(start + 1)..<end], as: UTF8.self),
            fields.count > 1 ? pid_t(String(decoding: fields[1], as: UTF8.self)) : nil
        )
    }

    /// Processes whose environment has all these `NAME=value`, or that are among `holders`, with all their descendants.
    /// Leaves out living agents of this bus, which such a process may have started, and processes of other users, whose
    /// environment is not readable.
    private static func carrying(_ variables: [String], or holders: Mark.Holders?, _ bus: Bus) throws -> Set<Process> {
        guard let names = try Files.list("/proc") else {
            throw Failure.unsure("unable to look for processes: no /proc")
        }
        let wanted = variables.map { Array($0.utf8) }
        var found = Set<Process>()
        for name in names {
            guard let pid = pid_t(name), pid != getpid(), let st = try? Files.status(FilePath("/proc/\(pid)")),
                st.st_uid == geteuid()
            else { continue }
            let carries = carries(wanted, pid)
            guard carries || holders != nil, let process = Process(pid), carries || holders!.include(process) else {
                continue
            }
            found.insert(process)
            found.formUnion(descendants(of: pid))
        }
        for process in found where try supervised(by: process.pid, bus) != nil {
            found.remove(process)
            found.subtract(descendants(of: process.pid))
        }
        return found
    }

    /// Whether the caller or one of its ancestors was started with all these `NAME=value`.
    package static func isWithin(_ variables: [String]) throws -> Bool {
        let wanted = variables.map { Array($0.utf8) }
        return try ([getpid()] + ancestors()).contains { carries(wanted, $0) }
    }

    /// Whether a process was started with all these `NAME=value`; false if it is gone or not ours to see.
    private static func carries(_ wanted: [[UInt8]], _ pid: pid_t) -> Bool {
        let entries = ((try? Files.read(FilePath("/proc/\(pid)/environ"))) ?? nil ?? []).split(separator: 0)
        return wanted.allSatisfy { one in entries.contains { $0.elementsEqual(one) } }
    }

    /// Seconds between TERM and KILL. It is short, because the supervisor's end has already told these processes to
    /// end.
    private static let grace = 0.25

    /// Ends what an earlier session of an agent left running, wherever it was moved to, and returns when it is gone:
    /// what carries the agent's name and its bus in its environment, and what has the session's mark.
    package static func sweep(bus: Bus, agent: String) throws {
        try end(
            ["CADRE_AGENT=\(agent)", "CADRE_DIR=\(bus.root.string)"],
            or: try AgentSession.read(bus.session(agent)).flatMap {
                Mark.Holders($0.mark, boot: $0.boot, start: $0.start)
            }, of: agent, bus)
    }

    /// Ends all whose environment has these `NAME=value`, or that are among `holders`: TERM (with CONT, for what is
    /// stopped), and KILL for what is there `grace` seconds later. What starts meanwhile is found by looking again
    /// until nothing is left. Throws `Failure.unsure` if that takes too long, or if the caller itself is one of them.
    package static func end(_ marks: [String], or holders: Mark.Holders? = nil, of agent: String, _ bus: Bus) throws {
        let own = try Set(ancestors() + [getpid()])
        let begin = Time.monotonic()
        while true {
            let left = try carrying(marks, or: holders, bus)
            if left.isEmpty { return }
            guard !left.contains(where: { own.contains($0.pid) }) else {
                throw Failure.unsure(
                    "process \(getpid()) itself runs in the name of '\(agent)', whose supervisor is gone")
            }
            let elapsed = Time.monotonic() - begin
            guard elapsed < 10 else {
                throw Failure.unsure("process \(left.first?.pid ?? 0) of '\(agent)' does not end")
            }
            for process in left {
                if elapsed < grace {
                    process.signal(SIGTERM)
                    process.signal(SIGCONT)
                } else {
                    process.signal(SIGKILL)
                }
            }
            wait(Array(left), seconds: elapsed < grace ? grace - elapsed : 1)
        }
    }

    /// Returns when all have ended or the time is up. The C functions are `pidfd_open` and `poll`.
    package static func wait(_ processes: [Process], seconds: Double) {
        let end = Time.monotonic() + seconds
        for process in processes {
            let fd = csys_pidfd_open(process.pid)
            defer { if fd >= 0 { close(fd) } }
            var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            while process.isThere, Time.monotonic() < end {
                let left = max(1, (end - Time.monotonic()) * 1000)
                if poll(&entry, 1, Int32(fd < 0 ? min(left, 20) : left)) > 0 { break }
            }
        }
    }

    /// Processor time that a process and its descendants have used, in clock ticks: fields 14 to 17 of proc(5)'s stat.
    package static func ticks(of pid: pid_t) -> Int {
        var sum = 0
        for pid in [pid] + descendants(of: pid).map(\.pid) {
            guard let bytes = try? Files.read(FilePath("/proc/\(pid)/stat")), let end = bytes.lastIndex(of: 41) else {
                continue
            }
            let fields = bytes[(end + 1)...].split(separator: 32)
            for at in 11...14 where at < fields.count { sum += Int(String(decoding: fields[at], as: UTF8.self)) ?? 0 }
        }
        return sum
    }
}
