/// Why a text is no JSON, and where.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Bytes before the place.
    package let offset: Int
    package let problem: String

    package init(offset: Int, problem: String) {
        self.offset = offset
        self.problem = problem
    }

    package var description: String { "\(self.problem) at byte \(self.offset)" }
}

/// A strict pull parser for one JSON text (RFC 8259), with a bound on how deep it nests. Its length is the caller's to
/// bound.
///
/// Nothing is built but what the caller asks for, so that a hostile text costs no memory beyond its own bytes. Names
/// come in the order of the text, as often as they occur: what a name that occurs twice means is the caller's to say.
/// For JSON that must be canonical there is `CanonicalJSONReader`.
///
/// Our own, because the tracker protocol puts arbitrary bytes into strings and names, `Foundation` looks names up by
/// canonical equivalence, and pure targets do without it.
package struct JSONReader: Sendable {
    /// What a value can be.
    package enum Kind: String, Sendable {
        case object = "an object"
        case array = "an array"
        case string = "a string"
        case number = "a number"
        case bool = "true or false"
        case null = "null"
    }

    /// A number as far as programs can use it.
    package enum Number: Hashable, Sendable {
        /// Without fraction and exponent, and not too large.
        case integer(Int)
        /// Any other; infinite when the text says more than a `Double` holds.
        case fraction(Double)
    }

    /// Whose JSON it is.
    package enum Dialect: Sendable {
        case standard
        /// As Python's `json` module writes it: with the words `NaN`, `Infinity` and `-Infinity` for numbers.
        case python
    }

    /// Levels of arrays and objects. A tracker message has four, a model's configuration some six; a hostile text must
    /// not use up the stack.
    package static let maximumDepth = 16

    private let bytes: [UInt8]
    private let dialect: Dialect
    /// Bytes before the next one to read.
    package private(set) var offset = 0
    /// For each array and object that is being read, whether nothing of it was read yet.
    private var isFirst: [Bool] = []

    package init(_ bytes: [UInt8], dialect: Dialect = .standard) {
        self.bytes = bytes
        self.dialect = dialect
    }

    /// The kind of the value that comes next.
    package mutating func peek() throws(JSONError) -> Kind {
        self.skipWhitespace()
        guard let first = self.next else { throw self.error("the text ends too early") }
        switch first {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "N") where self.dialect == .python, UInt8(ascii: "I") where self.dialect == .python:
            return .number
        default: throw self.error("no value begins like this")
        }
    }

    package mutating func enterObject() throws(JSONError) { try self.enter(.object) }

    package mutating func enterArray() throws(JSONError) { try self.enter(.array) }

    /// Steps to the next member of the object that was entered last; nil at its end, which leaves it.
    package mutating func nextName() throws(JSONError) -> String? {
        guard try self.step(closing: "}", "an object needs , or }") else { return nil }
        self.skipWhitespace()
        guard self.next == UInt8(ascii: "\"") else { throw self.error("an object needs a name in quotes") }
        let name = try self.readString()
        guard self.take(":") else { throw self.error("a name needs :") }
        return name
    }

    /// Steps to the next element of the array that was entered last; false at its end, which leaves it.
    package mutating func nextElement() throws(JSONError) -> Bool {
        try self.step(closing: "]", "an array needs , or ]")
    }

    package mutating func readNull() throws(JSONError) {
        try self.require(.null)
        try self.skip("null")
    }

    package mutating func readBool() throws(JSONError) -> Bool {
        try self.require(.bool)
        let isTrue = self.next == UInt8(ascii: "t")
        try self.skip(isTrue ? "true" : "false")
        return isTrue
    }

    package mutating func readNumber() throws(JSONError) -> Number {
        try self.require(.number)
        if let word = try self.wordForANumber() { return .fraction(word) }
        let (text, isWhole) = try self.numeral()
        if isWhole, let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text) else { throw self.error("a number that cannot be read") }
        return .fraction(number)
    }

    package mutating func readString() throws(JSONError) -> String {
        try self.require(.string)
        self.offset += 1
        var text: [UInt8] = []
        while true {
            let start = self.offset
            while let byte = self.next, Self.isPlain(byte) { self.offset += 1 }
            text.append(contentsOf: self.bytes[start..<self.offset])
            switch self.next {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw self.error("a string that is no UTF-8 ends")
                }
                self.offset += 1
                return valid
            case UInt8(ascii: "\\"): text.append(contentsOf: try self.escape())
            case nil: throw self.error("a string without end")
            case .some: throw self.error("a control character that is not escaped")
            }
        }
    }

    /// Reads one value of whatever kind, with all checks, and drops it.
    package mutating func skipValue() throws(JSONError) {
        switch try self.peek() {
        case .null: try self.readNull()
        case .bool: _ = try self.readBool()
        case .number: _ = try self.readNumber()
        case .string: _ = try self.readString()
        case .array:
            try self.enterArray()
            while try self.nextElement() { try self.skipValue() }
        case .object:
            try self.enterObject()
            while try self.nextName() != nil { try self.skipValue() }
        }
    }

    /// Checks that only white space follows the value.
    package mutating func finish() throws(JSONError) {
        self.skipWhitespace()
        guard self.offset == self.bytes.count else { throw self.error("there is something behind the value") }
    }
}

// MARK: - Structure

extension JSONReader {
    private func error(_ problem: String) -> JSONError { JSONError(offset: self.offset, problem: problem) }

    private var next: UInt8? { self.offset < self.bytes.count ? self.bytes[self.offset] : nil }

    private mutating func skipWhitespace() {
        while let byte = self.next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { self.offset += 1 }
    }

    /// Whether `character` comes next, with white space before it; then it is behind us.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        self.skipWhitespace()
        return self.takeHere(character)
    }

    private mutating func takeHere(_ character: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: character) else { return false }
        self.offset += 1
        return true
    }

    private mutating func require(_ kind: Kind) throws(JSONError) {
        let found = try self.peek()
        guard found == kind else { throw self.error("\(found.rawValue) instead of \(kind.rawValue)") }
    }

    private mutating func skip(_ word: String) throws(JSONError) {
        guard self.bytes[self.offset...].starts(with: word.utf8) else { throw self.error("unknown word") }
        self.offset += word.utf8.count
    }

    private mutating func enter(_ kind: Kind) throws(JSONError) {
        try self.require(kind)
        guard self.isFirst.count < Self.maximumDepth else {
            throw self.error("nested more than \(Self.maximumDepth) deep")
        }
        self.offset += 1
        self.isFirst.append(true)
    }

    /// Over the comma to the next member, or over `closing` and out.
    private mutating func step(closing: Unicode.Scalar, _ problem: String) throws(JSONError) -> Bool {
        let top = self.isFirst.count - 1
        if self.isFirst[top] {
            self.isFirst[top] = false
            guard !self.take(closing) else {
                self.isFirst.removeLast()
                return false
            }
            return true
        }
        if self.take(",") { return true }
        guard self.take(closing) else { throw self.error(problem) }
        self.isFirst.removeLast()
        return false
    }
}

// MARK: - Numbers and strings

extension JSONReader {
    /// What stands for itself inside a string: neither a control character nor `"` nor a backslash.
    private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x22 && byte != 0x5C }

    /// One of Python's words, if that is what comes.
    private mutating func wordForANumber() throws(JSONError) -> Double? {
        guard self.dialect == .python else { return nil }
        let words: [(String, Double)] = [("NaN", .nan), ("Infinity", .infinity), ("-Infinity", -.infinity)]
        for (word, number) in words where self.bytes[self.offset...].starts(with: word.utf8) {
            self.offset += word.utf8.count
            return number
        }
        return nil
    }

    private mutating func numeral() throws(JSONError) -> (text: String, isWhole: Bool) {
        let start = self.offset
        _ = self.takeHere("-")
        if !self.takeHere("0") { try self.digits() }
        var isWhole = true
        if self.takeHere(".") {
            isWhole = false
            try self.digits()
        }
        if self.takeHere("e") || self.takeHere("E") {
            isWhole = false
            if !self.takeHere("+") { _ = self.takeHere("-") }
            try self.digits()
        }
        return (String(decoding: self.bytes[start..<self.offset], as: UTF8.self), isWhole)
    }

    private mutating func digits() throws(JSONError) {
        let start = self.offset
        while let byte = self.next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.offset += 1 }
        guard self.offset > start else { throw self.error("a number needs a digit") }
    }

    /// The bytes that the escape stands for.
    private mutating func escape() throws(JSONError) -> [UInt8] {
        self.offset += 1
        guard let kind = self.next else { throw self.error("a string without end") }
        self.offset += 1
        switch Unicode.Scalar(kind) {
        case "\"", "\\", "/": return [kind]
        case "b": return [0x08]
        case "t": return [0x09]
        case "n": return [0x0A]
        case "f": return [0x0C]
        case "r": return [0x0D]
        case "u": return Array(String(try self.escapedScalar()).utf8)
        default: throw self.error("an unknown escape")
        }
    }

    /// The scalar behind `\u`: four digits, or a surrogate pair as RFC 8259 section 7 writes it.
    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let first = try self.fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, self.takeHere("\\"), self.takeHere("u") else { throw self.error("half a surrogate pair") }
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
            self.offset += 1
        }
        return value
    }
}
