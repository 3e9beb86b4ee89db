import Storage

/// A question with options that a program asks.
struct Question {
    var text: String
    /// As the program has them, which knows its answer by them.
    var labels: [String]
    var details: [String]
    var isMany: Bool

    /// Nil if the input is of another kind.
    static func all(_ input: Value) -> [Question]? {
        guard case .list(let entries)? = input["questions"], !entries.isEmpty else { return nil }
        let questions = entries.compactMap { entry -> Question? in
            guard let text = entry["question"]?.string, case .list(let options)? = entry["options"] else { return nil }
            let labels = options.compactMap { $0["label"]?.string }
            guard labels.count == options.count else { return nil }
            let details = options.map { $0["description"]?.string ?? "" }
            return Question(
                text: text, labels: labels, details: details, isMany: entry["multiSelect"]?.canonical == "true")
        }
        return questions.count == entries.count ? questions : nil
    }

    /// The labels as an ask can offer them: plain, and without the comma that divides options.
    var options: [String] { labels.map { Names.shown($0).replacing(",", with: ";") } }

    /// An answer in the program's own words.
    func labels(of answer: [String]) -> String {
        answer.map { part in zip(options, labels).first { $0.0 == part }?.1 ?? part }.joined(separator: ", ")
    }

    /// The question, and what its options mean.
    var shown: String {
        let lines = zip(options, details).map { "  \($0)\($1.isEmpty ? "" : ": " + Names.shown($1))" }
        return Names.plain(text.utf8) + "\n" + (isMany ? "Several may be named, divided by commas:\n" : "")
            + lines.joined(separator: "\n") + "\n"
    }
}
