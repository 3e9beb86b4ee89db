import Bus
import CLinux
import Glibc
import Storage

/// A program that runs beside what its caller does: read when there is something to read, ended when it is no longer
/// wanted.
package final class Job {
    private let pid: pid_t
    private let limit: Int
    private var out: Int32
    private var err: Int32
    private var output: [UInt8] = []
    private var error: [UInt8] = []
    private var isCut = false

    /// Starts it, without standard input. Of what it prints so many bytes are kept; if it prints more it is ended
    /// there.
    package init(_ program: Program, limit: Int) throws {
        var out: [Int32] = [-1, -1]
        var err: [Int32] = [-1, -1]
        guard pipe2(&out, O_CLOEXEC | O_NONBLOCK) == 0, pipe2(&err, O_CLOEXEC | O_NONBLOCK) == 0 else {
            throw Failure.unsure("unable to make a pipe: \(String(cString: strerror(errno)))")
        }
        for fd in [out[1], err[1]] { _ = csys_blocking(fd) }
        var program = program
        program.ownGroup = true
        do { pid = try program.start(stdin: -1, stdout: out[1], stderr: err[1]) } catch {
            for fd in out + err { close(fd) }
            throw error
        }
        close(out[1])
        close(err[1])
        (self.out, self.err, self.limit) = (out[0], err[0], limit)
    }

    /// To be polled; `read` is to be called when one of them can be read.
    package var descriptors: [Int32] { [out, err].filter { $0 >= 0 } }

    /// Reads the available output. Returns the result once the program has closed its outputs; nil until then. If it
    /// printed too much, the end is missing, and the status is that of a killed program.
    package func read() -> Program.Result? {
        out = drain(out, &output)
        err = drain(err, &error)
        if output.count + error.count > limit {
            isCut = true
            kill(-pid, SIGKILL)
            kill(pid, SIGKILL)
        }
        guard isCut || out < 0 && err < 0 else { return nil }
        for fd in descriptors { close(fd) }
        (out, err) = (-1, -1)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return Program.Result(status: Program.code(status), output: Array(output.prefix(limit)), error: error)
    }

    /// Ends it; it is not to be used afterwards.
    package func cancel() {
        for fd in descriptors { close(fd) }
        (out, err) = (-1, -1)
        kill(-pid, SIGKILL)
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    /// The descriptor, or -1 once its end was read.
    private func drain(_ fd: Int32, _ into: inout [UInt8]) -> Int32 {
        guard fd >= 0 else { return -1 }
        var chunk = [UInt8](repeating: 0, count: 65536)
        while into.count <= limit {
            let n = Glibc.read(fd, &chunk, chunk.count)
            if n < 0, errno == EINTR { continue }
            if n < 0 { return fd }
            if n == 0 {
                close(fd)
                return -1
            }
            into += chunk[..<n]
        }
        return fd
    }
}
