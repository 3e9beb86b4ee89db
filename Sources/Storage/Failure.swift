/// Why something was not done, in one line for a person, and the exit code that says which kind it was.
///
/// The line begins in lower case, has no full stop, says first what failed, and quotes its subject:
/// `unable to open 'x': Permission denied`.
package struct Failure: Error, Equatable, CustomStringConvertible {
    /// The exit codes that every verb promises.
    package enum Kind: Int32 {
        /// The answer is no: nothing ready, held by another, no such agent or task, limit reached, dirty.
        case no = 1
        /// A bad option, name or value; a cycle.
        case usage = 64
        /// A bug of ours.
        case bug = 70
        /// Could not tell, or try again: no repository, a file that can't be read, newer or damaged.
        case unsure = 75
    }

    package let kind: Kind
    package let message: String
    package var description: String { message }

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package static func no(_ message: String) -> Failure { Failure(.no, message) }
    package static func usage(_ message: String) -> Failure { Failure(.usage, message) }
    package static func unsure(_ message: String) -> Failure { Failure(.unsure, message) }
    package static func bug(_ message: String) -> Failure { Failure(.bug, message) }
}
