import ShoalCore
import ShoalFormats
import Testing

@Suite struct CanonicalJSONTests {
    @Test(arguments: Vectors.canonicalJSON.accepted.indices)
    func `a canonical document is read, and printed as it was`(index: Int) throws {
        let vector = Vectors.canonicalJSON.accepted[index]
        let bytes = [UInt8](hex: vector.hex)
        var reader = CanonicalJSONReader(bytes)
        var writer = CanonicalJSONWriter()
        try copyValue(from: &reader, to: &writer)
        try reader.finish()
        #expect(writer.bytes == bytes, "\(vector.name)")

        var skipping = CanonicalJSONReader(bytes)
        try skipping.skipValue()
        try skipping.finish()
    }

    @Test(arguments: Vectors.canonicalJSON.refused.indices)
    func `a document that is not canonical is refused at the byte that is wrong`(index: Int) {
        let vector = Vectors.canonicalJSON.refused[index]
        var reader = CanonicalJSONReader([UInt8](hex: vector.hex))
        let error = #expect(throws: CanonicalJSONError.self, "\(vector.name)") {
            try reader.skipValue()
            try reader.finish()
        }
        #expect(error?.offset == vector.offset, "\(vector.name): \(error.map(String.init(describing:)) ?? "")")
    }

    @Test func `reading a value as another kind says which kinds`() {
        var reader = CanonicalJSONReader(Array(#"{"a":1}"#.utf8))
        let error = #expect(throws: CanonicalJSONError.self) { try reader.readInteger() }
        #expect(error?.description == "byte 0: an integer is expected, not an object")
    }

    @Test func `a document cut anywhere is refused`() throws {
        let document = Array(#"{"a":[1,-20,"b\n",{"c":"é"}],"d":{}}"#.utf8)
        for length in document.indices {
            var reader = CanonicalJSONReader(Array(document[..<length]))
            #expect(throws: CanonicalJSONError.self, "cut to \(length) bytes") { try reader.skipValue() }
        }
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `every integer and string survives printing and reading`(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let limit = CanonicalJSONReader.maximumInteger
            let integer = Int.random(in: -limit...limit, using: &dice)
            let scalars = (0..<Int.random(in: 0...20, using: &dice)).compactMap { _ in
                UnicodeScalar(UInt32.random(in: 0...(Bool.random(using: &dice) ? 0x7F : 0x10FFFF), using: &dice))
            }
            let text = String(String.UnicodeScalarView(scalars))
            var writer = CanonicalJSONWriter()
            writer.beginArray()
            writer.value(integer)
            writer.value(text)
            writer.end()
            var reader = CanonicalJSONReader(writer.bytes)
            try reader.enterArray()
            #expect(try reader.nextElement())
            #expect(try reader.readInteger() == integer, "seed \(seed)")
            #expect(try reader.nextElement())
            #expect(try reader.readString().utf8.elementsEqual(text.utf8), "seed \(seed)")
            #expect(try !reader.nextElement())
            try reader.finish()
        }
    }

    private func copyValue(
        from reader: inout CanonicalJSONReader,
        to writer: inout CanonicalJSONWriter
    ) throws(CanonicalJSONError) {
        switch try reader.peek() {
        case .integer: writer.value(try reader.readInteger())
        case .string: writer.value(try reader.readString())
        case .array:
            try reader.enterArray()
            writer.beginArray()
            while try reader.nextElement() { try self.copyValue(from: &reader, to: &writer) }
            writer.end()
        case .object:
            try reader.enterObject()
            writer.beginObject()
            while let key = try reader.nextKey() {
                writer.key(key)
                try self.copyValue(from: &reader, to: &writer)
            }
            writer.end()
        }
    }
}
