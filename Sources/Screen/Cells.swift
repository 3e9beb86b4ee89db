import CNcurses
import Glibc

/// How many columns characters take, and which of them may be drawn. To be asked once a locale is set, see `setLocale`.
package enum Cells {
    /// Has characters be those of UTF-8, whatever the user's locale is: what we read and write is UTF-8. Without the
    /// files of any such locale all but ASCII is drawn as `?`. The C function is `setlocale`.
    package static func setLocale() { _ = isSet }

    /// Done once: it is not to be done while others ask.
    private static let isSet: Void = {
        for name in ["", "C.UTF-8", "C.utf8", "en_US.UTF-8"] where setlocale(LC_CTYPE, name) != nil {
            if String(cString: nl_langinfo(Int32(CODESET))) == "UTF-8" { return }
        }
    }()

    /// The text as it may be drawn, and its columns. Control characters become `?`, tabs blanks; what only changes how
    /// others are joined or turned around is left out, since terminals differ in what they make of it; what the locale
    /// does not know becomes `?`.
    package static func clean(_ text: String) -> (text: String, columns: Int) {
        // Mostly it is plain ASCII.
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return (text, text.utf8.count) }
        var out = String.UnicodeScalarView()
        var columns = 0
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 9:
                out.append(contentsOf: "    ".unicodeScalars.prefix(4 - columns % 4))
                columns += 4 - columns % 4
                continue
            // Joiners, directions, selectors of variants, tones, tags.
            case 0xad, 0x200b...0x200f, 0x202a...0x202e, 0x2060...0x206f, 0xfe00...0xfe0f, 0xfeff, 0x1f3fb...0x1f3ff,
                0xe0000...0xe0fff:
                continue
            default: break
            }
            let width = scalar.value < 0x20 ? -1 : wcwidth(wchar_t(scalar.value))
            if width < 0 || width == 0 && columns == 0 {
                out.append("?")
                columns += 1
            } else {
                out.append(scalar)
                columns += Int(width)
            }
        }
        return (String(out), columns)
    }

    /// What of a clean text fits into so many columns, with a sign that it was cut.
    package static func cut(_ text: String, to columns: Int) -> (text: String, columns: Int) {
        let sign: Unicode.Scalar = width("…") == 1 ? "…" : "~"
        var out = String.UnicodeScalarView()
        var used = 0
        for scalar in text.unicodeScalars {
            let more = width(scalar)
            guard used + more < columns else { break }
            out.append(scalar)
            used += more
        }
        out.append(sign)
        return (String(out), used + 1)
    }

    /// Columns of a character that is clean.
    static func width(_ scalar: Unicode.Scalar) -> Int {
        scalar.isASCII ? 1 : max(0, Int(wcwidth(wchar_t(scalar.value))))
    }
}
