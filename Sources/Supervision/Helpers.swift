import CLinux
import Glibc
import Processes
import Team

// The small processes beside a supervisor.
extension Supervisor {
    /// Waits for the end of a supervisor, and ends itself a little later: tmux, which started us, then looks for what
    /// has ended. It misses a death while it waits for another program, as it does when the last one leaves a terminal
    /// (libutempter), and would not run its hook before the next death, whenever that is.
    package static func witness(of supervisor: pid_t) -> Never {
        let fd = csys_pidfd_open(supervisor)
        if fd >= 0 {
            var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            while poll(&entry, 1, -1) < 0 {}
        }
        poll(nil, 0, 100)
        exit(0)
    }

    /// The call of the step between this process, a supervisor, and a program, which it marks.
    static func step(to program: [String], mark: UInt64?) -> [String] {
        [Installation.executable.string, "supervise", "--child", "\(getpid())", mark.map { "\($0)" } ?? "0"] + program
    }

    /// Becomes the program: asks for TERM when the supervisor dies, makes sure that it has not died before, takes the
    /// mark if there is one, and execs. The C functions are `prctl` (PR_SET_PDEATHSIG) and `execvp`.
    package static func becomeChild(of supervisor: pid_t, mark: UInt64, _ arguments: [UnsafeMutablePointer<CChar>?])
        -> Never
    {
        if mark > 0 { Mark.take(mark) }
        _ = csys_set_parent_death_signal(SIGTERM)
        if getppid() != supervisor { exit(143) }
        var argv = arguments + [nil]
        execvp(argv[0]!, &argv)
        exit(errno == ENOENT ? 127 : 126)
    }
}
