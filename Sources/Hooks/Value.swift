import Bus
import Storage
import Team

/// Any JSON, as a program's hook is told what a tool is to be used on.
package indirect enum Value: Decodable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case list([Value])
    case object([String: Value])

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: Decoder) throws {
        if let fields = try? decoder.container(keyedBy: Key.self) {
            self = .object(
                try Dictionary(
                    uniqueKeysWithValues: fields.allKeys.map {
                        ($0.stringValue, try fields.decode(Value.self, forKey: $0))
                    }))
            return
        }
        if var items = try? decoder.unkeyedContainer() {
            var list: [Value] = []
            while !items.isAtEnd { list.append(try items.decode(Value.self)) }
            self = .list(list)
            return
        }
        let one = try decoder.singleValueContainer()
        if one.decodeNil() {
            self = .null
        } else if let value = try? one.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? one.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? one.decode(Double.self) {
            self = .number(value)
        } else {
            self = .string(try one.decode(String.self))
        }
    }

    /// The one text of it: without spaces, keys in the order of their bytes.
    package var canonical: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): JSON.string(value)
        case .list(let values): "[\(values.map(\.canonical).joined(separator: ","))]"
        case .object(let fields):
            "{"
                + fields.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
                .map { "\(JSON.string($0.key)):\($0.value.canonical)" }.joined(separator: ",") + "}"
        }
    }

    package subscript(key: String) -> Value? { if case .object(let fields) = self { fields[key] } else { nil } }
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var keys: [String] { if case .object(let fields) = self { fields.keys.sorted() } else { [] } }
}
