import Bus
import Screen
import Storage

/// The pages about the selection. A verb that prints a page runs beside the screen, and again after a change, at most
/// every other second.
final class Pages {
    private let reader: Reader
    private let jobs: Jobs
    private var known: [String: (rows: [Row], age: Int, time: Double)] = [:]
    /// When the page that is shown is to be printed again, if something has changed that it may not tell of yet.
    var due: Double?
    /// Pages that are kept.
    private static let limit = 200

    init(_ reader: Reader, _ jobs: Jobs) {
        self.reader = reader
        self.jobs = jobs
    }

    func forget() { known = [:] }

    func page(_ tab: Tab, _ view: View, _ key: String, width: Int, sinceSeen: Bool) -> [Row] {
        if known.count > Pages.limit { known = [:] }
        let detail = Detail(reader)
        guard let (words, source) = detail.command(tab, view, key, sinceSeen: sinceSeen) else {
            let name = "\(view.rawValue) \(key) \(tab.rawValue) \(width)"
            if let page = known[name], page.age == reader.age { return page.rows }
            let rows: [Row]
            do { rows = try detail.rows(tab, view, key, width: width) } catch {
                rows = [Row((error as? Failure)?.message ?? "\(error)", .color(1))]
            }
            known[name] = (rows, reader.age, 0)
            return rows
        }
        let name = "\(source.bus.root.string) \(words)"
        let page = known[name]
        let next = page.map { $0.age == reader.age ? .infinity : $0.time + 2 } ?? 0
        if next > Time.monotonic() {
            due = next < .infinity ? next : nil
        } else if !jobs.isLooking("page") {
            let age = reader.age
            jobs.look("page", words, source) { [weak self] result in
                self?.known[name] = (Detail.rows(result, of: tab), age, Time.monotonic())
            }
        }
        return page?.rows ?? [Row("…", .dim)]
    }
}
