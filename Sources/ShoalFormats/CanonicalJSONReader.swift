/// What makes bytes not canonical JSON, and where.
package struct CanonicalJSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Position of the byte that is wrong, or of the start of the string that is.
    package let offset: Int
    package let problem: String

    package var description: String { "byte \(self.offset): \(self.problem)" }
}

/// A strict pull parser for RFC 8785 (JSON Canonicalization Scheme), restricted to objects, arrays, strings and integers
/// of at most 2^53 − 1 in size.
///
/// Every value has exactly one spelling, and no other is accepted: a document that was read to ``finish()`` is, byte for
/// byte, what ``CanonicalJSONWriter`` prints for it. Nothing is built but what the caller asks for, so a hostile document
/// costs no memory beyond its own bytes.
package struct CanonicalJSONReader: Sendable {
    /// What a value can be.
    package enum Kind: String, Sendable {
        case object = "an object"
        case array = "an array"
        case string = "a string"
        case integer = "an integer"
    }

    /// Objects and arrays inside each other; a manifest needs 5.
    package static let maximumDepth = 16

    /// 2^53 − 1: every integer up to here is exact in an IEEE 754 double, which is what JavaScript has.
    package static let maximumInteger = 9_007_199_254_740_991

    /// An object or array that is being read.
    private struct Frame: Sendable {
        var isFirst = true
        var previousKey: String?
    }

    private let bytes: [UInt8]
    /// Position of the next byte to read.
    package private(set) var offset: Int
    private var frames: [Frame] = []

    /// Reads one value of `bytes`, starting at `offset`.
    package init(_ bytes: [UInt8], at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The kind of the value that comes next.
    package func peek() throws(CanonicalJSONError) -> Kind {
        switch try self.byte(else: "the document ends where a value is expected") {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            throw self.error("true, false and null are not used here")
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
            throw self.error("white space is not canonical")
        default: throw self.error("a value is expected")
        }
    }

    package mutating func enterObject() throws(CanonicalJSONError) { try self.enter(.object) }

    package mutating func enterArray() throws(CanonicalJSONError) { try self.enter(.array) }

    /// Steps to the next member of the object that was entered last; nil at its end, which leaves it.
    package mutating func nextKey() throws(CanonicalJSONError) -> String? {
        guard try self.step(closing: UInt8(ascii: "}")) else { return nil }
        let start = self.offset
        let key = try self.readString()
        if let previous = self.frames[self.frames.count - 1].previousKey {
            guard previous.utf16.lexicographicallyPrecedes(key.utf16) else {
                let isSame = previous.utf16.elementsEqual(key.utf16)
                throw CanonicalJSONError(
                    offset: start,
                    problem: isSame ? "the key occurs twice" : "the key is not in the order of UTF-16 code units"
                )
            }
        }
        self.frames[self.frames.count - 1].previousKey = key
        try self.expect(UInt8(ascii: ":"), "a colon is expected after the key")
        return key
    }

    /// Steps to the next element of the array that was entered last; false at its end, which leaves it.
    package mutating func nextElement() throws(CanonicalJSONError) -> Bool {
        try self.step(closing: UInt8(ascii: "]"))
    }

    package mutating func readInteger() throws(CanonicalJSONError) -> Int {
        try self.require(.integer)
        let start = self.offset
        let isNegative = self.bytes[self.offset] == UInt8(ascii: "-")
        if isNegative { self.offset += 1 }
        let firstDigit = self.offset
        var magnitude = 0
        while self.offset < self.bytes.count, case let digit = self.bytes[self.offset] &- UInt8(ascii: "0"), digit < 10
        {
            magnitude = magnitude * 10 + Int(digit)
            guard magnitude <= Self.maximumInteger else {
                throw CanonicalJSONError(offset: start, problem: "the integer is larger than 2^53 − 1")
            }
            self.offset += 1
        }
        guard self.offset > firstDigit else { throw self.error("a digit is expected") }
        if self.bytes[firstDigit] == UInt8(ascii: "0"), isNegative || self.offset > firstDigit + 1 {
            let problem = self.offset > firstDigit + 1 ? "a leading zero is not canonical" : "-0 is not canonical"
            throw CanonicalJSONError(offset: start, problem: problem)
        }
        if self.offset < self.bytes.count, Self.continuesANumber(self.bytes[self.offset]) {
            throw self.error("fractions and exponents are not used here")
        }
        return isNegative ? -magnitude : magnitude
    }

    package mutating func readString() throws(CanonicalJSONError) -> String {
        try self.require(.string)
        let start = self.offset
        self.offset += 1
        var unescaped: [UInt8] = []
        var runStart = self.offset
        while true {
            while self.offset < self.bytes.count, Self.isPlain(self.bytes[self.offset]) { self.offset += 1 }
            let byte = try self.byte(else: "the string has no end")
            if byte == UInt8(ascii: "\"") { break }
            guard byte == UInt8(ascii: "\\") else { throw self.error("a control character must be escaped") }
            unescaped.append(contentsOf: self.bytes[runStart..<self.offset])
            unescaped.append(try self.readEscape())
            runStart = self.offset
        }
        let tail = self.bytes[runStart..<self.offset]
        self.offset += 1
        // Escapes are ASCII and never inside a sequence, so checking the joined bytes checks the document's.
        let text =
            unescaped.isEmpty
            ? String(validating: tail, as: UTF8.self) : String(validating: unescaped + tail, as: UTF8.self)
        guard let text else { throw CanonicalJSONError(offset: start, problem: "the string is not UTF-8") }
        return text
    }

    /// Reads one value of whatever kind, with all checks, and drops it.
    package mutating func skipValue() throws(CanonicalJSONError) {
        switch try self.peek() {
        case .integer: _ = try self.readInteger()
        case .string: _ = try self.readString()
        case .array:
            try self.enterArray()
            while try self.nextElement() { try self.skipValue() }
        case .object:
            try self.enterObject()
            while try self.nextKey() != nil { try self.skipValue() }
        }
    }

    /// Checks that nothing follows the value.
    package func finish() throws(CanonicalJSONError) {
        guard self.offset == self.bytes.count else { throw self.error("bytes follow the document") }
    }
}

// MARK: - Parts

extension CanonicalJSONReader {
    private func error(_ problem: String) -> CanonicalJSONError {
        CanonicalJSONError(offset: self.offset, problem: problem)
    }

    private func byte(else problem: String) throws(CanonicalJSONError) -> UInt8 {
        guard self.offset < self.bytes.count else { throw self.error(problem) }
        return self.bytes[self.offset]
    }

    private mutating func expect(_ expected: UInt8, _ problem: String) throws(CanonicalJSONError) {
        guard try self.byte(else: problem) == expected else { throw self.error(problem) }
        self.offset += 1
    }

    private func require(_ kind: Kind) throws(CanonicalJSONError) {
        let found = try self.peek()
        guard found == kind else { throw self.error("\(kind.rawValue) is expected, not \(found.rawValue)") }
    }

    private mutating func enter(_ kind: Kind) throws(CanonicalJSONError) {
        try self.require(kind)
        guard self.frames.count < Self.maximumDepth else {
            throw self.error("objects and arrays are nested more than \(Self.maximumDepth) deep")
        }
        self.offset += 1
        self.frames.append(Frame())
    }

    /// Over the comma to the next member, or over `closing` and out.
    private mutating func step(closing: UInt8) throws(CanonicalJSONError) -> Bool {
        let byte = try self.byte(else: "the document ends inside an object or array")
        if byte == closing {
            self.offset += 1
            self.frames.removeLast()
            return false
        }
        if self.frames[self.frames.count - 1].isFirst {
            self.frames[self.frames.count - 1].isFirst = false
        } else {
            try self.expect(UInt8(ascii: ","), "a comma or the end of the object or array is expected")
        }
        return true
    }

    /// The one byte that an escape stands for: RFC 8785 section 3.2.2.2 escapes nothing that is longer.
    private mutating func readEscape() throws(CanonicalJSONError) -> UInt8 {
        let start = self.offset
        self.offset += 1
        let letter = try self.byte(else: "the string has no end")
        self.offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return letter
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "r"): return 0x0D
        default: break
        }
        let digits = self.bytes[self.offset...].prefix(4)
        if letter == UInt8(ascii: "u"), digits.count == 4,
            let control = UInt8(String(decoding: digits, as: UTF8.self), radix: 16), control < 0x20,
            CanonicalJSONWriter.escape(of: control).dropFirst(2).elementsEqual(digits)
        {
            self.offset += 4
            return control
        }
        throw CanonicalJSONError(offset: start, problem: "the escape is not the canonical one of its character")
    }

    /// True for what stands for itself inside a string: neither a control character nor `"` nor a backslash.
    private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x22 && byte != 0x5C }

    private static func continuesANumber(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
    }
}
