/// One JSON value (RFC 8259).
///
/// Objects stay lists of members in the order of the text: names compare by their UTF-8, never by the canonical
/// equivalence of `String`, because trackers use binary values as names.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits.
    case integer(Int)
    /// Any other number; infinite when the text says more than a `Double` holds.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    struct Member: Sendable {
        let name: String
        let value: JSONValue
    }

    /// The value named `name`; the last one when there are several, as in JavaScript. Nil when this is no object or has
    /// no such member, or when it is null.
    subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        guard let member = members.last(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        if case .null = member.value { return nil }
        return member.value
    }

    /// The text of a string, else nil.
    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The elements of an array, else nil.
    var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members of an object, else nil.
    var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// Any number as a `Double`, else nil.
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// Any number as a count: fractions are cut off, and what lies outside is moved to 0 or `Int.max`. Else nil.
    var count: Int? {
        switch self {
        case .integer(let value): max(0, value)
        case .number(let value): value > 0 ? Int(exactly: value.rounded(.down)) ?? .max : 0
        case .null, .bool, .string, .array, .object: nil
        }
    }
}

extension JSONValue: ExpressibleByDictionaryLiteral {
    /// An object of the members that have a value.
    init(dictionaryLiteral members: (String, JSONValue?)...) {
        self = .object(members.compactMap { name, value in value.map { Member(name: name, value: $0) } })
    }
}
