import Glibc

/// Gives the terminal back where a signal ends the process: of those that ncurses takes no care of, and of a crash.
/// What is done there is nothing but write(2) and tcsetattr(3).
enum Restoring {
    nonisolated(unsafe) private static var before = termios()
    nonisolated(unsafe) private static var isReady = false
    nonisolated(unsafe) private static var words: (UnsafeMutablePointer<UInt8>, Int)?
    /// All that end a process, see signal(7), but SIGKILL.
    private static let signals = [
        SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGUSR2, SIGALRM,
        SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGSYS, SIGIO, SIGPWR,
    ]

    /// To be called with the terminal in use; what it was like before is known from the first call on.
    static func begin() {
        if words == nil {
            // Mouse, bracketed paste and the alternate screen off, the cursor and plain characters on.
            let bytes = Array("\u{1b}[?1000;1002;1006;2004l\u{1b}[?1049l\u{1b}[?25h\u{1b}[m".utf8)
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
            copy.initialize(from: bytes, count: bytes.count)
            words = (copy, bytes.count)
        }
        isReady = true
        // Who reads what we write may be gone: write(2) says so.
        signal(SIGPIPE, SIG_IGN)
        for number in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { Restoring.leave($0) }
            action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_NODEFER
            sigaction(number, &action, nil)
        }
    }

    static func end() {
        isReady = false
        for number in signals { signal(number, SIG_DFL) }
    }

    /// The terminal's settings as they are to be again.
    static func remember() { tcgetattr(0, &before) }

    private static func leave(_ number: Int32) {
        if isReady, let (bytes, count) = words {
            _ = write(1, bytes, count)
            tcsetattr(0, TCSANOW, &before)
        }
        signal(number, SIG_DFL)
        raise(number)
    }
}
