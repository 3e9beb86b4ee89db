import ArgumentParser

// A way around the option parser, which takes 8 million instructions, 2 ms, to read `heartbeat`. A verb that programs
// call all the time declares its options once more, as `words`. A command line that has only these, each spelled in
// full and given once, is read here. The parser reads every other one (an error, help, joined values, `--`), and writes
// every message. A test makes sure that both read the same.

/// A verb that is read the short way where that can be.
package protocol HotVerb: Verb {
    var common: Common { get set }
    static var words: [Word<Self>] { get }
}

/// An option or an argument, and what writes it: nil, false or none where it is not given.
package enum Word<Root> {
    case flag([String], (inout Root, Bool) -> Void)
    case option([String], (inout Root, String?) -> Void)
    case list([String], (inout Root, [String]) -> Void)
    /// An argument that must be there, one that may, and all others.
    case first((inout Root, String) -> Void)
    case second((inout Root, String?) -> Void)
    case rest(least: Int, (inout Root, [String]) -> Void)
    /// Sets option groups to their defaults; stands before the options of those groups.
    case preset((inout Root) -> Void)

    var names: [String] {
        switch self {
        case .flag(let names, _), .option(let names, _), .list(let names, _): names
        default: []
        }
    }

    fileprivate var isFlag: Bool { if case .flag = self { true } else { false } }
    fileprivate var isList: Bool { if case .list = self { true } else { false } }

    /// Writes it, from the values that were given to it or the arguments that are left; false if there are not enough.
    fileprivate func write(_ root: inout Root, _ given: [String]?, _ left: inout ArraySlice<String>) -> Bool {
        switch self {
        case .flag(_, let set): set(&root, given != nil)
        case .option(_, let set): set(&root, given?.last)
        case .list(_, let set): set(&root, given ?? [])
        case .first(let set):
            guard let value = left.popFirst() else { return false }
            set(&root, value)
        case .second(let set): set(&root, left.popFirst())
        case .rest(let least, let set):
            guard left.count >= least else { return false }
            set(&root, Array(left))
            left = []
        case .preset(let set): set(&root)
        }
        return true
    }
}

extension HotVerb {
    /// The verb as these arguments have it; nil if they are for the parser.
    package static func quick(_ arguments: ArraySlice<String>) -> Self? {
        let (own, common) = (Self.words, Common.words)
        let options = own.map { ($0.names, $0.isFlag, $0.isList) } + common.map { ($0.names, $0.isFlag, $0.isList) }
        var given = [[String]?](repeating: nil, count: options.count)
        var values: [String] = []
        var rest = arguments
        while let argument = rest.popFirst() {
            guard let first = argument.utf8.first else { return nil }
            guard first == UInt8(ascii: "-") else {
                values.append(argument)
                continue
            }
            let end = argument.utf8.firstIndex(of: UInt8(ascii: "="))
            let name = end.map { String(argument[..<$0]) } ?? argument
            guard end == nil || name.hasPrefix("--"), let n = options.firstIndex(where: { $0.0.contains(name) }),
                given[n] == nil || options[n].2
            else { return nil }
            var value = ""
            if options[n].1 {
                guard end == nil else { return nil }
            } else if let end {
                value = String(argument[argument.utf8.index(after: end)...])
                guard !value.isEmpty else { return nil }
            } else {
                value = rest.popFirst() ?? ""
                guard !value.isEmpty, !value.hasPrefix("-") else { return nil }
            }
            given[n] = (given[n] ?? []) + [value]
        }

        var verb = Self()
        var group = Common()
        var left = values[...]
        for n in own.indices {
            guard own[n].write(&verb, given[n], &left) else { return nil }
        }
        for n in common.indices { _ = common[n].write(&group, given[own.count + n], &left) }
        verb.common = group
        return left.isEmpty ? verb : nil
    }
}

extension Look {
    /// As no option is given.
    package static var plain: Look {
        var look = Look()
        look.color = .auto
        return look
    }
}
