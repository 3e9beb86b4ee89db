import Storage
import SystemPackage

/// The file `tasks/ID/run`: where a body of the task began.
package struct BodyRunFields: RecordFields {
    /// The commit that the worktree stood on, and the tip that had come back with the task last.
    package let start = Field<String>("Start")
    package let returned = Field<String>("Returned")
    package let agent = Field<String>("Agent")

    package init() {}
}
package typealias BodyRun = TypedRecord<BodyRunFields>

// Where a run of a task's body began, until what it came to is known; see `Team.begin`.
extension Bus {
    package func run(_ id: Int) throws -> BodyRun? { try BodyRun.read(runFile(id)) }

    package func setRun(_ id: Int, start: String, returned: String?, by agent: String) throws {
        var record = BodyRun()
        record.start = start
        record.returned = returned
        record.agent = agent
        try write(record, to: runFile(id))
    }

    /// The run came to its end: handed in, given back, or failed.
    package func endRun(_ id: Int) throws { try Files.unlink(runFile(id)) }
}
