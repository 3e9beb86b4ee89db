import Bus
import Git
import Processes
import Storage

/// Messages of the commits that land.
///
/// Where a message ends in trailers, ours are added to them; git tells, by interpret-trailers. It is run without any
/// configuration, and so that it takes nothing in the text for a comment or for the end of the message.
enum Message {
    /// The text with these trailers. Nothing in it counts as a trailer of ours: its own lines `Cadre-…:` are left out,
    /// all but the first, which is the subject and never a trailer.
    static func with(_ trailers: [String], _ text: [UInt8]) throws -> [UInt8] {
        var lines = withoutBlankEnds(text).split(separator: 10, omittingEmptySubsequences: false)
        lines = lines.prefix(1) + lines.dropFirst().filter { !isOurs($0) }
        // Behind this line git looks for no trailers: it is what `git commit --verbose` adds.
        let tame = Array(lines.map { $0.suffix(cut.count).elementsEqual(cut) ? [32] + $0 : $0 }.joined(separator: [10]))
        let options = ["--no-divider", "--where", "end", "--if-exists", "addIfDifferent", "--if-missing", "add"]
        if endsInWords(tame) { return tame + Array("\n\n\(trailers.joined(separator: "\n"))\n".utf8) }
        var program = Program(
            ["git", "-c", "core.commentChar=\u{1}", "interpret-trailers"] + options
                + trailers.flatMap { ["--trailer", $0] })
        program.environment = Git.environment.merging([
            "GIT_DIR": "/dev/null", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
        ]) { $1 }
        program.directory = "/"
        program.input = tame + [10]
        let result = try program.run()
        guard result.status == 0 else { throw Failure.unsure("git interpret-trailers failed: \(result.complaint)") }
        return result.output
    }

    /// Whether no trailers can be at the end of a message, nor what git takes for a part of its end and puts trailers
    /// before: then they are added behind it.
    private static func endsInWords(_ text: [UInt8]) -> Bool {
        let lines = text.split(separator: 10, omittingEmptySubsequences: false)
        // A comment, and the list of conflicts that git once added.
        let isOfGit = { (line: ArraySlice<UInt8>) in line.first == 1 || line.elementsEqual("Conflicts:".utf8) }
        guard !text.isEmpty, !lines.contains(where: isOfGit) else { return false }
        guard let blank = lines.lastIndex(where: { $0.allSatisfy(isSpace) }) else { return true }
        let picked = Array("(cherry picked from commit ".utf8)
        return lines[blank...].allSatisfy { !$0.contains(58) && !$0.starts(with: picked) }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

    /// A message without the trailers at its end, and those, one line each.
    static func parts(_ text: [UInt8]) throws -> (words: [UInt8], trailers: [[UInt8]]) {
        let text = withoutBlankEnds(text)
        let blank = text.indices.last { $0 > 0 && text[$0] == 10 && text[$0 - 1] == 10 }
        // Trailers are the last of several paragraphs.
        guard let blank, text[blank...].contains(58) else { return (text, []) }
        var program = Program([
            "git", "-c", "core.commentChar=\u{1}", "interpret-trailers", "--no-divider", "--only-trailers", "--unfold",
        ])
        program.environment = Git.environment.merging([
            "GIT_DIR": "/dev/null", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
        ]) { $1 }
        program.directory = "/"
        program.input = text + [10]
        let result = try program.run()
        guard result.status == 0 else { throw Failure.unsure("git interpret-trailers failed: \(result.complaint)") }
        let trailers = result.output.split(separator: 10).filter { !isOurs($0) }.map(Array.init)
        return result.output.isEmpty ? (text, []) : (withoutBlankEnds(Array(text[..<blank])), trailers)
    }

    static func subject(_ text: [UInt8]) -> [UInt8] { Array(text.prefix { $0 != 10 }) }

    /// As one of a list: the subject behind a star, the rest below it, moved in.
    static func item(_ text: [UInt8]) -> [UInt8] {
        let lines = text.split(separator: 10, omittingEmptySubsequences: false)
        return Array(
            lines.enumerated().map { n, line in (n == 0 ? [42, 32] : line.isEmpty ? [] : [32, 32]) + line }.joined(
                separator: [10]))
    }

    private static let cut = Array(" ------------------------ >8 ------------------------".utf8)

    /// `Cadre-WORD:`, in upper or lower case, perhaps with blanks before the colon.
    private static func isOurs(_ line: ArraySlice<UInt8>) -> Bool {
        guard String(decoding: line.prefix(6), as: UTF8.self).lowercased() == "cadre-" else { return false }
        let rest = line.dropFirst(6).drop { $0 == 45 || (48...57).contains($0) || (65...90).contains($0 & 0xdf) }
        return rest.first { $0 != 32 && $0 != 9 } == 58
    }

    static func isBlank(_ text: [UInt8]) -> Bool { withoutBlankEnds(text).isEmpty }

    /// Without blank lines at the beginning and blanks at the end.
    static func withoutBlankEnds(_ text: [UInt8]) -> [UInt8] {
        guard let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) })
        else { return [] }
        let start = text[..<first].lastIndex(of: 10).map { $0 + 1 } ?? 0
        return Array(text[start...last])
    }
}

extension Git {
    /// A commit as it was made.
    struct Original {
        var id: String
        var parents: [String]
        /// Its first parent; nil if it has none.
        var parent: String? { parents.first }
        var tree: String
        var author: String
        var email: String
        /// As `--date=raw` has it; empty if git can't make sense of it.
        var date: String
        /// In UTF-8, unless the commit lies about its encoding.
        var message: [UInt8]
    }

    /// The commits that `git log` finds with these arguments.
    func originals(_ arguments: [String]) throws -> [Original] { try marked(arguments).map(\.commit) }

    /// The same, with `--boundary` also those at which they end.
    func marked(_ arguments: [String]) throws -> [(isBoundary: Bool, commit: Original)] {
        let format = "--format=%m%x00%H%x00%P%x00%T%x00%an%x00%ae%x00%ad%x00%B"
        let output = try run(
            ["log", "-z", "--no-show-signature", "--encoding=UTF-8", "--date=raw", format] + arguments
        ).output
        guard let all = Git.marked(output) else {
            throw Failure.unsure("unable to read the commits of '\(arguments.last ?? "")'")
        }
        return all
    }

    /// What `git log` prints of them, eight fields each; nil if it is anything else.
    static func marked(_ output: [UInt8]) -> [(isBoundary: Bool, commit: Original)]? {
        // Each field is ended by a NUL.
        let fields = output.split(separator: 0, omittingEmptySubsequences: false).dropLast().map(Array.init)
        guard fields.count % 8 == 0 else { return nil }
        return stride(from: 0, to: fields.count, by: 8).map { n in
            // As git takes what is not UTF-8.
            func text(_ field: [UInt8]) -> String {
                String(validating: field, as: UTF8.self)
                    ?? String(String.UnicodeScalarView(field.map { Unicode.Scalar($0) }))
            }
            let original = Original(
                id: text(fields[n + 1]), parents: text(fields[n + 2]).split(separator: " ").map(String.init),
                tree: text(fields[n + 3]), author: text(fields[n + 4]), email: text(fields[n + 5]),
                date: text(fields[n + 6]), message: fields[n + 7])
            return (fields[n] == Array("-".utf8), original)
        }
    }
}

/// Makes commits as the user does: by that name, signed if the user signs.
struct Committer {
    private let git: Git
    private let signs: Bool
    private let identity: [String: String?]

    init(_ git: Git) throws {
        self.git = git
        signs = try git.attempt(["config", "--type=bool", "commit.gpgSign"]).text == "true"
        identity = try git.attempt(["var", "GIT_COMMITTER_IDENT"]).status == 0 ? [:] : TaskBranches.identity
    }

    /// Makes a commit, `by` its author and at that time; without one the committer is the author. The message is UTF-8.
    func commit(_ tree: String, _ parents: [String], _ message: [UInt8], by: Git.Original? = nil) throws -> String {
        var environment = identity
        if let by, !by.author.isEmpty {
            environment["GIT_AUTHOR_NAME"] = by.author
            environment["GIT_AUTHOR_EMAIL"] = by.email
            if !by.date.isEmpty { environment["GIT_AUTHOR_DATE"] = "@" + by.date }
        }
        let arguments =
            ["-c", "i18n.commitEncoding=UTF-8", "commit-tree"] + (signs ? ["-S"] : []) + [tree]
            + parents.flatMap { ["-p", $0] }
        var program = git.program(arguments, environment: environment)
        program.input = message
        program.timeout = 60
        let result = try program.run()
        guard result.status == 0 else {
            throw Failure.unsure("unable to \(signs ? "sign" : "commit"): \(result.complaint)")
        }
        return result.text
    }
}
