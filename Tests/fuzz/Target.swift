/// A parser that is given bytes of any kind, and what must hold of whatever it makes of them.
///
/// That it ends, and does not end the process, is not said in each: nothing else would come of such an input.
struct Target: Sendable {
    /// Its corpus is `corpus/NAME/`.
    let name: String
    /// Throws `Broken` for a promise that was not kept.
    let check: @Sendable ([UInt8]) throws -> Void

    static let all = [
        task, mail, entry, journal, hook, lines, checklist, configuration, program, screen, usage, git, tmux, words,
    ]
}

/// A promise that a parser did not keep.
struct Broken: Error, CustomStringConvertible {
    let description: String
}

func require(_ holds: Bool, _ promise: @autoclosure () -> String) throws {
    if !holds { throw Broken(description: promise()) }
}
