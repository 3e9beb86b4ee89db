import Glibc
import Storage
import SystemPackage

/// The process that runs the merge queue, or was the last to do so. Fields Pid, Start, Boot, Mark.
package struct Runner {
    package var record: Record

    package func isProcess(_ pid: pid_t) -> Bool {
        record.int("Pid") == Int(pid) && record["Boot"] == Host.boot
            && record["Start"] == Host.startTime(pid).map { "\($0)" }
    }
}

extension Bus {
    package func runner() throws -> Runner? { try Record.read(runnerFile).map { Runner(record: $0) } }

    /// Makes this process the runner, by the mark that it and all it starts have. Needs the runner's lock.
    package func beginRun(mark: UInt64?) throws {
        var record = Record()
        record["Pid"] = "\(getpid())"
        record["Start"] = Host.startTime(getpid()).map { "\($0)" }
        record["Boot"] = Host.boot
        record["Mark"] = mark.map { "\($0)" }
        try replace(runnerFile, with: record.bytes, sync: false)
    }
}
