import Screen

/// All keys, in as many columns as there is room for.
enum Help {
    static func rows(_ frame: Frame, _ keys: Keys, scroll: inout Int) -> [Row] {
        let lines = keys.bindings.filter { !$0.keys.isEmpty }.map { binding -> Row in
            var row = Row()
            row.add(binding.keys.map(\.name).joined(separator: " "), columns: 16, .bold)
            row.add(binding.help)
            if let views = binding.views {
                row.add("  " + View.allCases.filter(views.contains).map(\.rawValue).joined(separator: ", "), .dim)
            }
            return row
        }
        var out = [
            Row(
                " keys; \(keys.key("help") ?? "?") or \(keys.key("back") ?? "Escape") leads back; cadre.key.ACTION in "
                    + "the configuration gives others",
                .bold), Row(),
        ]
        let room = max(1, frame.rows - out.count)
        let columns = max(1, min(frame.columns / 60, (lines.count + room - 1) / room))
        let each = (lines.count + columns - 1) / columns
        scroll = min(max(0, scroll), max(0, each - room))
        for n in scroll..<min(each, scroll + room) {
            var row = Row(" ")
            for column in 0..<columns where n + column * each < lines.count {
                row.pad(to: 1 + column * (frame.columns / columns))
                var cell = lines[n + column * each]
                cell.cut(frame.columns / columns - 1)
                row.add(cell)
            }
            out.append(row)
        }
        return out
    }
}
