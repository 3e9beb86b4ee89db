import Glibc

/// Where tests stop a process: before its n-th file operation.
///
/// `CADRE_FAULT=kill:N` kills the process before its N-th mutating operation. `CADRE_FAULT=pause:N:DIR` makes it
/// write a line to the FIFO `DIR/paused` before its N-th operation of any kind, reads and locks included, and go on
/// once the FIFO `DIR/go` gives it one. Without the variable an operation costs one comparison.
enum FaultPoint {
    enum Plan {
        case none
        case kill(Int)
        case pause(Int, String)
    }

    nonisolated(unsafe) private static var plan: Plan = {
        guard let raw = getenv("CADRE_FAULT") else { return .none }
        let parts = String(cString: raw).split(separator: ":", maxSplits: 2)
        guard parts.count >= 2, let n = Int(parts[1]) else { return .none }
        if parts[0] == "kill" { return .kill(n) }
        return parts.count == 3 ? .pause(n, String(parts[2])) : .none
    }()
    nonisolated(unsafe) private static var count = 0

    @inline(__always)
    static func point(mutating: Bool) {
        if case .none = plan { return }
        reached(mutating)
    }

    @inline(never)
    private static func reached(_ mutating: Bool) {
        switch plan {
        case .none: return
        case .kill(let n):
            guard mutating else { return }
            count += 1
            if count == n { Glibc.kill(getpid(), SIGKILL) }
        case .pause(let n, let directory):
            count += 1
            guard count == n else { return }
            plan = .none
            let out = open(directory + "/paused", O_WRONLY | O_CLOEXEC)
            _ = write(out, "\n", 1)
            close(out)
            let back = open(directory + "/go", O_RDONLY | O_CLOEXEC)
            var byte: UInt8 = 0
            _ = read(back, &byte, 1)
            close(back)
        }
    }
}
