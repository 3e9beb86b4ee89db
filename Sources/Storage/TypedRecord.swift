import SystemPackage

/// The keys of one kind of record, each a property of the type `Field` that is written once, here:
///
///     package struct CardFields: RecordFields {
///         package let program = Field<String>("Program")
///         package init() {}
///     }
///     package typealias AgentCard = TypedRecord<CardFields>
///
///     card.program = "claude"
///
/// A key that there is not does not compile.
package protocol RecordFields: Sendable {
    init()
}

/// A key, and what its value is.
package struct Field<Value: FieldValue>: Sendable {
    @usableFromInline let key: String
    package init(_ key: String) { self.key = key }
}

/// What a header line of a record can hold.
package protocol FieldValue: Sendable {
    /// Nil if the text is no such value.
    init?(field: String)
    /// One line; nil or "" leaves the line out.
    var field: String? { get }
}

/// A record of one kind. What is not a value of its field's type reads as nil.
///
/// A field found by its name costs some microseconds, and the first one in a process a hundred; a record of which many
/// are read, or that each call reads, has its fields as static members of its `RecordFields` (too), which
/// `record[CardFields.program]` reaches without a key path.
@dynamicMemberLookup
package struct TypedRecord<Fields: RecordFields>: Equatable {
    @usableFromInline var record: Record

    init(_ record: Record) { self.record = record }
    package init() { self.init(Record()) }

    /// Throws `Failure.unsure` that names `path` if the bytes are no whole record.
    package init(_ bytes: [UInt8], of path: FilePath) throws { try self.init(Record(bytes, of: path)) }

    /// The record that begins at `at`, which is moved behind it.
    package init(_ bytes: [UInt8], from at: inout Int, of path: FilePath) throws {
        try self.init(Record(bytes, from: &at, of: path))
    }

    package subscript<Value: FieldValue>(dynamicMember field: KeyPath<Fields, Field<Value>>) -> Value? {
        get { self[Fields()[keyPath: field]] }
        set { self[Fields()[keyPath: field]] = newValue }
    }

    /// A field that records of several kinds have, or one whose key is made of data.
    @inlinable package subscript<Value: FieldValue>(field: Field<Value>) -> Value? {
        get { record[field.key].flatMap { Value(field: $0) } }
        set { record[field.key] = newValue?.field }
    }

    /// The same for what nearly all fields are, without asking the type how it is written.
    @inlinable package subscript(field: Field<String>) -> String? {
        get { record[field.key] }
        set { record[field.key] = newValue }
    }

    /// Those of these fields that are there, as their lines have them.
    package func lines<each Value: FieldValue>(_ fields: repeat KeyPath<Fields, Field<each Value>>)
        -> [(key: String, value: String)]
    {
        var lines: [(key: String, value: String)] = []
        for key in repeat Fields()[keyPath: each fields].key {
            if let value = record[key] { lines.append((key, value)) }
        }
        return lines
    }

    /// Leaves these fields out.
    package mutating func clear<each Value: FieldValue>(_ fields: repeat KeyPath<Fields, Field<each Value>>) {
        for key in repeat Fields()[keyPath: each fields].key { record[key] = nil }
    }

    package var body: [UInt8] {
        get { record.body }
        set { record.body = newValue }
    }
    package var bytes: [UInt8] { record.bytes }

    /// The record in a file, or nil if there is no file.
    package static func read(_ path: FilePath) throws -> Self? { try Record.read(path).map { Self($0) } }
}

extension String: FieldValue {
    package init?(field: String) { self = field }
    package var field: String? { self }
}

extension FilePath: FieldValue {
    package init?(field: String) { self.init(field) }
    package var field: String? { string }
}

/// A number beyond 62 bits is none: two that were read can be added, or one taken from the other.
extension Int: FieldValue {
    package init?(field: String) {
        guard let n = Int(field), n.magnitude < 1 << 62 else { return nil }
        self = n
    }
    package var field: String? { "\(self)" }
}

extension UInt64: FieldValue {
    package init?(field: String) { self.init(field) }
    package var field: String? { "\(self)" }
}

/// As `Record` lists several values in a header.
extension [String]: FieldValue {
    package init?(field: String) { self = Record.list(field) }
    package var field: String? { Record.field(self) }
}

package enum YesNo: String, FieldValue, CaseIterable { case yes, no }

extension FieldValue where Self: RawRepresentable, RawValue == String {
    package init?(field: String) { self.init(rawValue: field) }
    package var field: String? { rawValue }
}
