import Bus
import CLinux
import Glibc
import Processes
import Storage
import SystemPackage
import Team

// An upgrade under a running agent. The supervisor becomes the new executable in its place (execve(2)): its process id,
// its children, the terminal, the signals that wait and the lock `alive`, whose descriptor is kept open for it, stay,
// so that neither the program nor anybody on the bus notices. The new one knows by its call which descriptor and which
// child these are, reads the rest from the bus, and follows the program from there on.
//
//   who tells     the two that watch see the directory of the executable change, and signal everybody (SIGCONT);
//                 whoever watches next does so again, since they are the first to go
//   when          between two programs, or in a session once its program has started, nothing is half typed into it and
//                 no verb runs for it; of a program that does one turn and ends, between two turns
//   whether       the new executable tells its version; one that can't is left alone until it changes again
//
// Where a newer cadre has changed the bus's format (see `Bus.isOutgrown`) nothing is written any more, also not how the
// program ends: it is ended, and we become the new executable, or end with 75, which nobody counts.
extension Supervisor {
    /// Becomes the executable that has replaced ours, if it can be done now; returns if it can't.
    func succeed() {
        guard isReplaced, order == nil, isQuiet else { return }
        guard let (new, written) = Supervisor.successor else {
            isReplaced = false
            return
        }
        if let broken, broken == (new, written) {
            isReplaced = false
            return
        }
        var version = Program([new.string, "--version"])
        version.timeout = 10
        // One that can't be started, as while it is written (ETXTBSY), may be the same when it can.
        guard let said = try? version.run() else {
            isReplaced = false
            return
        }
        guard said.status == 0, said.text.hasPrefix("cadre ") else {
            broken = (new, written)
            isReplaced = false
            return
        }
        become(new, child: child)
    }

    /// The executable that has replaced ours, and when it was written, in nanoseconds.
    static var successor: (path: FilePath, written: Int)? {
        guard let path = Installation.successor, let st = try? Files.status(path, following: true) else { return nil }
        return (path, st.st_mtim.tv_sec * 1_000_000_000 + st.st_mtim.tv_nsec)
    }

    /// Nothing is under way that only we know of.
    private var isQuiet: Bool {
        if child == 0 { return true }
        if case .starting = phase { return false }
        guard let agent = try? team.agent(name), !isByTurns(agent) else { return false }
        return following?.isQuiet ?? true && serving?.isIdle ?? true
    }

    /// The C functions are `execv` and `fcntl` (FD_CLOEXEC). Returns if it can't be run.
    private func become(_ new: FilePath, child: pid_t) {
        var words = CommandLine.arguments
        if let at = words.firstIndex(of: "--succeeds") { words.removeSubrange(at...min(at + 1, words.count - 1)) }
        words += ["--succeeds", "\(alive.rawValue),\(child)"]
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        _ = fcntl(alive.rawValue, F_SETFD, 0)
        _ = new.withPlatformString { execv($0, &argv) }
        _ = fcntl(alive.rawValue, F_SETFD, FD_CLOEXEC)
        isReplaced = false
    }

    /// Where the bus is a newer cadre's by now, and our program has ended: becomes that, or throws what says so.
    func leaveIfOutgrown() throws {
        guard bus.isOutgrown else { return }
        isReplaced = true
        succeed()
        try alive.close()
        throw bus.outgrown
    }
}

extension ProgramMonitor {
    /// Nothing that was pasted waits for the turn that it begins, and no news waits to be believed.
    var isQuiet: Bool {
        let isTaken =
            waking.pasted.map { Time.monotonic() < $0.time + MailWaker.patience } ?? false
            && (try? bus.conversation(name)?.handed) != .some(nil)
        return said == nil && !isTaken
    }
}
