import Glibc
import Storage
import SystemPackage

/// The file `merge/runner`: the process that runs the merge queue, or was the last to do so.
package struct RunnerFields: RecordFields {
    package let pid = Field<Int>("Pid")
    /// When it started, in clock ticks since that boot.
    package let start = Field<UInt64>("Start")
    package let boot = Field<String>("Boot")
    /// By which what it starts is known, see `Mark`.
    package let mark = Field<UInt64>("Mark")

    package init() {}
}
package typealias Runner = TypedRecord<RunnerFields>

extension Runner {
    package func isProcess(_ pid: pid_t) -> Bool {
        self.pid == Int(pid) && self.boot == Host.boot && self.start == Host.startTime(pid)
    }
}

extension Bus {
    package func runner() throws -> Runner? { try Runner.read(runnerFile) }

    /// Makes this process the runner, by the mark that it and all it starts have. Needs the runner's lock.
    package func beginRun(mark: UInt64?) throws {
        var runner = Runner()
        runner.pid = Int(getpid())
        runner.start = Host.startTime(getpid())
        runner.boot = Host.boot
        runner.mark = mark
        try replace(runnerFile, with: runner.bytes, sync: false)
    }
}
