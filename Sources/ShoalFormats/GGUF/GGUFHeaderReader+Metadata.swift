import ShoalCore

/// `gguf_metadata_value_type`.
private enum ValueType: UInt32 {
    case uint8 = 0
    case int8
    case uint16
    case int16
    case uint32
    case int32
    case float32
    case bool
    case string
    case array
    case uint64
    case int64
    case float64

    /// In bytes; nil for what says its own length.
    var width: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .string, .array: nil
        }
    }

    var isInteger: Bool {
        switch self {
        case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: true
        case .float32, .bool, .string, .array, .float64: false
        }
    }
}

extension GGUFHeaderReader {
    mutating func readMetadata(_ count: Int) throws(Failure) -> GGUFMetadata {
        var metadata = GGUFMetadata()
        // Digests, because keys may be long, and texts that Unicode calls equal are two keys.
        var seen: Set<Digest> = []
        for index in 0..<count {
            let field = "metadata[\(index)]"
            let key = try self.name(of: "\(field).key", limit: GGUFLimits.keyByteCount)
            guard seen.insert(Digest(sha256Of: Array(key.utf8))).inserted else {
                throw self.window.problem("\(field).key", "occurs twice")
            }
            let type = try self.valueType(of: "\(field).type")
            if GGUFMetadata.keeps(key) {
                metadata[key] = try self.value(type, of: "\(field).value")
            } else {
                try self.skip(type, of: "\(field).value")
            }
        }
        return metadata
    }

    /// A text that names something: not empty, and UTF-8.
    mutating func name(of field: @autoclosure () -> String, limit: Int) throws(Failure) -> String {
        let count = try self.window.integer(UInt64.self, of: field())
        guard (1...UInt64(limit)).contains(count) else {
            throw self.window.problem(field(), "is not 1 to \(limit) bytes long")
        }
        guard let name = String(validating: try self.window.bytes(Int(count), of: field()), as: UTF8.self) else {
            throw self.window.problem(field(), "is not UTF-8")
        }
        return name
    }

    private mutating func valueType(of field: @autoclosure () -> String) throws(Failure) -> ValueType {
        let number = try self.window.integer(UInt32.self, of: field())
        guard let type = ValueType(rawValue: number) else {
            throw self.window.problem(field(), "is \(number), which is no type of GGUF")
        }
        return type
    }

    private mutating func value(_ type: ValueType, of field: String) throws(Failure) -> GGUFMetadata.Value {
        switch type {
        case .string:
            let count = try self.textByteCount(of: field)
            guard count <= GGUFMetadata.keptTextByteCount else {
                try self.window.skip(count, of: field)
                return .other
            }
            let text = String(validating: try self.window.bytes(count, of: field), as: UTF8.self)
            return text.map { .text($0) } ?? .other
        case .array:
            let (element, count) = try self.arrayHead(of: field)
            guard element.isInteger, count <= GGUFMetadata.keptArrayCount else {
                try self.skipElements(element, count, of: field)
                return .other
            }
            var integers: [Int] = []
            var fits = true
            for _ in 0..<count {
                if let integer = try self.integer(element, of: field) { integers.append(integer) } else { fits = false }
            }
            return fits ? .integers(integers) : .other
        default:
            guard type.isInteger else {
                try self.skip(type, of: field)
                return .other
            }
            return try self.integer(type, of: field).map { .integer($0) } ?? .other
        }
    }

    /// An integer of `type`; nil when it is larger than any that means something.
    private mutating func integer(_ type: ValueType, of field: String) throws(Failure) -> Int? {
        switch type {
        case .uint8: Int(try self.window.integer(UInt8.self, of: field))
        case .int8: Int(try self.window.integer(Int8.self, of: field))
        case .uint16: Int(try self.window.integer(UInt16.self, of: field))
        case .int16: Int(try self.window.integer(Int16.self, of: field))
        case .uint32: Int(try self.window.integer(UInt32.self, of: field))
        case .int32: Int(try self.window.integer(Int32.self, of: field))
        case .uint64: Int(exactly: try self.window.integer(UInt64.self, of: field))
        case .int64: Int(try self.window.integer(Int64.self, of: field))
        case .float32, .bool, .string, .array, .float64: nil
        }
    }

    private mutating func skip(_ type: ValueType, of field: String) throws(Failure) {
        switch type {
        case .array:
            let (element, count) = try self.arrayHead(of: field)
            try self.skipElements(element, count, of: field)
        default:
            try self.skipElements(type, 1, of: field)
        }
    }

    private mutating func skipElements(_ type: ValueType, _ count: Int, of field: String) throws(Failure) {
        if let width = type.width { return try self.window.skip(count * width, of: field) }
        for _ in 0..<count { try self.window.skip(try self.textByteCount(of: field), of: field) }
    }

    private mutating func arrayHead(of field: String) throws(Failure) -> (element: ValueType, count: Int) {
        let element = try self.valueType(of: field)
        guard element != .array else { throw self.window.problem(field, "is an array of arrays") }
        let count = try self.window.integer(UInt64.self, of: field)
        guard count <= GGUFLimits.arrayCount else {
            throw self.window.problem(field, "is an array of more than \(GGUFLimits.arrayCount) elements")
        }
        return (element, Int(count))
    }

    private mutating func textByteCount(of field: String) throws(Failure) -> Int {
        let count = try self.window.integer(UInt64.self, of: field)
        guard count <= GGUFLimits.textByteCount else {
            throw self.window.problem(field, "is a text of more than \(GGUFLimits.textByteCount >> 20) MiB")
        }
        return Int(count)
    }
}
