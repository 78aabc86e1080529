import ShoalCore

extension JSONValue {
    /// The value that `bytes` spell, without anything but white space around it. Their number is the caller's to bound.
    init(reading bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self = try Self(next: &reader)
        try reader.finish()
    }

    /// Reads the value that comes next. As deep as ``JSONReader/maximumDepth`` and no deeper.
    private init(next reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .null:
            try reader.readNull()
            self = .null
        case .bool: self = .bool(try reader.readBool())
        case .number:
            switch try reader.readNumber() {
            case .integer(let integer): self = .integer(integer)
            case .fraction(let fraction): self = .number(fraction)
            }
        case .string: self = .string(try reader.readString())
        case .array:
            var elements: [JSONValue] = []
            try reader.enterArray()
            while try reader.nextElement() { elements.append(try Self(next: &reader)) }
            self = .array(elements)
        case .object:
            var members: [Member] = []
            try reader.enterObject()
            while let name = try reader.nextName() {
                members.append(Member(name: name, value: try Self(next: &reader)))
            }
            self = .object(members)
        }
    }
}
