import Glibc
import Storage

/// A POSIX extended regular expression, byte by byte. The C functions are `regcomp` and `regexec`.
package final class Pattern {
    private var compiled = regex_t()

    package init(_ text: String, of key: String) throws {
        guard regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0 else {
            throw Failure.usage("\(key) is '\(Names.shown(text))', not an extended regular expression")
        }
    }

    deinit { regfree(&compiled) }

    package func matches(_ line: String) -> Bool { regexec(&compiled, line, 0, nil, 0) == 0 }
}
