/// Why a text is no JSON, and where.
struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Bytes before the place.
    let offset: Int
    let problem: String

    var description: String { "\(self.problem) at byte \(self.offset)" }
}

/// Reads one JSON text (RFC 8259), strictly, with a bound on how deep it nests. Its length is the caller's to bound.
///
/// Our own, because the tracker protocol puts arbitrary bytes into strings and names, and `Foundation` looks names up
/// by canonical equivalence.
struct JSONReader {
    /// Levels of arrays and objects. A tracker message has four; a hostile one must not use up the stack.
    static let maximumDepth = 16

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The value that `bytes` spell, without anything but white space around it.
    static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        var reader = JSONReader(bytes)
        let value = try reader.value()
        guard reader.position == bytes.count else { throw reader.error("there is something behind the value") }
        return value
    }

    private func error(_ problem: String) -> JSONError { JSONError(offset: self.position, problem: problem) }

    private var next: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func skipWhitespace() {
        while let byte = self.next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { self.position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: character) else { return false }
        self.position += 1
        return true
    }

    /// A value and the white space around it.
    private mutating func value() throws(JSONError) -> JSONValue {
        self.skipWhitespace()
        let value: JSONValue
        guard let first = self.next else { throw self.error("the text ends too early") }
        switch first {
        case UInt8(ascii: "{"): value = .object(try self.members())
        case UInt8(ascii: "["): value = .array(try self.elements())
        case UInt8(ascii: "\""): value = .string(try self.string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): value = try self.number()
        case UInt8(ascii: "t"): value = try self.word("true", .bool(true))
        case UInt8(ascii: "f"): value = try self.word("false", .bool(false))
        case UInt8(ascii: "n"): value = try self.word("null", .null)
        default: throw self.error("no value begins like this")
        }
        self.skipWhitespace()
        return value
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard self.bytes[self.position...].starts(with: word.utf8) else { throw self.error("unknown word") }
        self.position += word.utf8.count
        return value
    }

    private mutating func descend() throws(JSONError) {
        guard self.depth < Self.maximumDepth else { throw self.error("nested more than \(Self.maximumDepth) deep") }
        self.depth += 1
        self.position += 1
        self.skipWhitespace()
    }

    private mutating func elements() throws(JSONError) -> [JSONValue] {
        try self.descend()
        defer { self.depth -= 1 }
        var elements: [JSONValue] = []
        if self.take("]") { return elements }
        repeat { elements.append(try self.value()) } while self.take(",")
        guard self.take("]") else { throw self.error("an array needs , or ]") }
        return elements
    }

    private mutating func members() throws(JSONError) -> [JSONValue.Member] {
        try self.descend()
        defer { self.depth -= 1 }
        var members: [JSONValue.Member] = []
        if self.take("}") { return members }
        repeat {
            self.skipWhitespace()
            guard self.next == UInt8(ascii: "\"") else { throw self.error("an object needs a name in quotes") }
            let name = try self.string()
            self.skipWhitespace()
            guard self.take(":") else { throw self.error("a name needs :") }
            members.append(JSONValue.Member(name: name, value: try self.value()))
        } while self.take(",")
        guard self.take("}") else { throw self.error("an object needs , or }") }
        return members
    }
}

extension JSONReader {
    private mutating func digits() throws(JSONError) {
        let start = self.position
        while let byte = self.next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        guard self.position > start else { throw self.error("a number needs a digit") }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = self.position
        _ = self.take("-")
        if !self.take("0") { try self.digits() }
        var isWhole = true
        if self.take(".") {
            isWhole = false
            try self.digits()
        }
        if self.take("e") || self.take("E") {
            isWhole = false
            if !self.take("+") { _ = self.take("-") }
            try self.digits()
        }
        let text = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        if isWhole, let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text) else { throw self.error("a number that cannot be read") }
        return .number(number)
    }

    private mutating func string() throws(JSONError) -> String {
        self.position += 1
        var text: [UInt8] = []
        while true {
            let start = self.position
            while let byte = self.next, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                self.position += 1
            }
            text.append(contentsOf: self.bytes[start..<self.position])
            switch self.next {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw self.error("a string that is no UTF-8 ends")
                }
                self.position += 1
                return valid
            case UInt8(ascii: "\\"): try self.escape(into: &text)
            case nil: throw self.error("a string without end")
            case .some: throw self.error("a control character that is not escaped")
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        self.position += 1
        guard let kind = self.next else { throw self.error("a string without end") }
        self.position += 1
        switch Unicode.Scalar(kind) {
        case "\"", "\\", "/": text.append(kind)
        case "b": text.append(0x08)
        case "t": text.append(0x09)
        case "n": text.append(0x0A)
        case "f": text.append(0x0C)
        case "r": text.append(0x0D)
        case "u": text.append(contentsOf: String(try self.escapedScalar()).utf8)
        default: throw self.error("an unknown escape")
        }
    }

    /// The scalar behind `\u`: four digits, or a surrogate pair as RFC 8259 section 7 writes it.
    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let first = try self.fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, self.take("\\"), self.take("u") else { throw self.error("half a surrogate pair") }
        let second = try self.fourHexDigits()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00)))
        else { throw self.error("half a surrogate pair") }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = self.next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw self.error("an escape needs four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            self.position += 1
        }
        return value
    }
}
