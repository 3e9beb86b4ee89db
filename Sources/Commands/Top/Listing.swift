/// The lines of a list: which there are, and each one when it is drawn. There may be tens of thousands.
struct Listing {
    /// Nil for a heading.
    let keys: [String?]
    let item: (Int) -> Item

    init(keys: [String?], item: @escaping (Int) -> Item) {
        self.keys = keys
        self.item = item
    }

    init(_ items: [Item]) { self.init(keys: items.map(\.key)) { items[$0] } }

    /// What the width of columns goes by: all of a short list, of a long one what is shown.
    func sample(_ shown: Range<Int>) -> [Item] { (keys.count <= 300 ? keys.indices : shown).map(item) }

    func firstChoice(from place: Int) -> Int? {
        keys[min(max(0, place), keys.count)...].firstIndex { $0 != nil } ?? keys.lastIndex { $0 != nil }
    }

    /// So many choices on from one, or as far as there are any.
    func step(_ steps: Int, from place: Int) -> Int? {
        var (at, left, found) = (
            place, steps, keys.indices.contains(place) && keys[place] != nil ? Optional(place) : nil
        )
        while left != 0, keys.indices.contains(at + left.signum()) {
            at += left.signum()
            if keys[at] != nil { (found, left) = (at, left - left.signum()) }
        }
        return found ?? firstChoice(from: place)
    }
}
