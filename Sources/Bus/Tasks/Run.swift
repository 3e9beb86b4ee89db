import Storage
import SystemPackage

// Where a run of a task's body began, until what it came to is known; see `Team.begin`.
extension Bus {
    /// Fields Start, the commit; Returned, the tip that had come back with the task last; Agent.
    package func run(_ id: Int) throws -> Record? { try Record.read(runFile(id)) }

    package func setRun(_ id: Int, start: String, returned: String?, by agent: String) throws {
        var record = Record()
        record["Start"] = start
        record["Returned"] = returned
        record["Agent"] = agent
        try write(record, to: runFile(id))
    }

    /// The run came to its end: handed in, given back, or failed.
    package func endRun(_ id: Int) throws { try Files.unlink(runFile(id)) }
}
