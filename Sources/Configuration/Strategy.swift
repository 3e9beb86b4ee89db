import Storage

/// Where work lands.
package enum MergeMode: String, CaseIterable { case local, remote, pr }

/// How work lands.
package enum Strategy: String, CaseIterable {
    /// As one commit.
    case squash
    /// As one commit that has the tip as second parent.
    case merge
    /// As the branch's own commits, one put on the other.
    case rebase

    package static let names = allCases.map(\.rawValue)

    package init(named name: String) throws {
        guard let strategy = Strategy(rawValue: name) else {
            throw Failure.usage("bad strategy '\(Names.shown(name))', use \(Strategy.names.joined(separator: ", "))")
        }
        self = strategy
    }
}
