import ShoalCore
import ShoalFormats

/// Writes a GGUF file as described, right or wrong: what is not set otherwise is as it should be.
package struct GGUFFile: Sendable {
    /// A metadata value, with its type.
    package indirect enum Value: Sendable {
        case uint8(UInt8)
        case int8(Int8)
        case uint16(UInt16)
        case int16(Int16)
        case uint32(UInt32)
        case int32(Int32)
        case float32(Float)
        case bool(Bool)
        case text(String)
        case uint64(UInt64)
        case int64(Int64)
        case float64(Double)
        /// `element` is the type's number, which the values must have.
        case array(element: UInt32, [Value])
        /// Whatever bytes, as type `number`.
        case raw(number: UInt32, [UInt8])

        package var number: UInt32 {
            switch self {
            case .uint8: 0
            case .int8: 1
            case .uint16: 2
            case .int16: 3
            case .uint32: 4
            case .int32: 5
            case .float32: 6
            case .bool: 7
            case .text: 8
            case .array: 9
            case .uint64: 10
            case .int64: 11
            case .float64: 12
            case .raw(let number, _): number
            }
        }
    }

    package struct Tensor: Sendable {
        package var name: String
        package var dimensions: [UInt64]
        /// `ggml_type`.
        package var type: UInt32
        /// From the beginning of the data; behind the tensor before it, aligned, when nil.
        package var offset: UInt64?
        /// Of its data; from the table of types when nil.
        package var byteCount: Int?

        package init(_ name: String, _ dimensions: [Int], _ type: String = "F32") {
            self.name = name
            self.dimensions = dimensions.map { UInt64($0) }
            self.type = GGUFTensorType.all.first { $0.name == type }?.number ?? 0
        }

        package var size: Int {
            if let byteCount { return byteCount }
            guard let type = GGUFTensorType(self.type) else { return 0 }
            // What would not fit any file has no data.
            let most = UInt64(1 << 40)
            let elements = self.dimensions.reduce(1 as UInt64) { $0 > most || $1 > most ? .max : $0 * $1 }
            return elements > most ? 0 : Int(elements) / type.blockCount * type.blockSize
        }
    }

    package var version: UInt32 = 3
    package var metadata: [(key: String, value: Value)] = []
    package var tensors: [Tensor] = []
    /// What the data are aligned to; written into the metadata when it is not 32.
    package var alignment = 32
    /// Of the header; the right ones when nil.
    package var metadataCount: UInt64?
    package var tensorCount: UInt64?
    /// What fills the data.
    package var seed: UInt64 = 1
    /// Bytes that are missing at the end, or are too many there when negative.
    package var lackingBytes = 0
    /// Of the data, whatever tensors say; up to the end of the last one when nil.
    package var dataSize: Int?

    package init() {}

    package subscript(key: String) -> Value? {
        get { self.metadata.first { $0.key == key }?.value }
        set {
            let place = self.metadata.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): self.metadata[place].value = value
            case (let place?, nil): self.metadata.remove(at: place)
            case (nil, let value?): self.metadata.append((key, value))
            case (nil, nil): break
            }
        }
    }

    /// Everything before the data, padding included.
    package var head: [UInt8] {
        var metadata = self.metadata
        if self.alignment != 32 { metadata.append(("general.alignment", .uint32(UInt32(self.alignment)))) }
        var writer = LittleEndianWriter()
        writer.bytes += Array("GGUF".utf8)
        writer.append(self.version)
        writer.append(self.tensorCount ?? UInt64(self.tensors.count))
        writer.append(self.metadataCount ?? UInt64(metadata.count))
        for (key, value) in metadata {
            writer.append(text: key)
            writer.append(value.number)
            writer.append(value)
        }
        for (tensor, offset) in zip(self.tensors, self.offsets) {
            writer.append(text: tensor.name)
            writer.append(UInt32(tensor.dimensions.count))
            for dimension in tensor.dimensions { writer.append(dimension) }
            writer.append(tensor.type)
            writer.append(offset)
        }
        writer.bytes += [UInt8](repeating: 0, count: self.aligned(writer.bytes.count) - writer.bytes.count)
        return writer.bytes
    }

    /// Of the whole file.
    package var size: Int {
        if let dataSize { return self.head.count + dataSize }
        let ends = zip(self.tensors, self.offsets).map { Int(clamping: $1) + self.aligned($0.size) }
        return self.head.count + (ends.max() ?? 0) - self.lackingBytes
    }

    /// The head, and behind it the bytes of SplitMix64, little endian, padding too.
    package var bytes: [UInt8] { Self.bytes(head: self.head, size: self.size, seed: self.seed) }

    package static func bytes(head: [UInt8], size: Int, seed: UInt64) -> [UInt8] {
        var bytes = head
        bytes.reserveCapacity(size + 8)
        var generator = SeededGenerator(seed: seed)
        while bytes.count < size {
            withUnsafeBytes(of: generator.next().littleEndian) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(size))
    }

    private var offsets: [UInt64] {
        var next = 0
        return self.tensors.map { tensor in
            let offset = tensor.offset ?? UInt64(next)
            next = self.aligned(Int(clamping: min(offset, 1 << 62)) + tensor.size)
            return offset
        }
    }

    private func aligned(_ size: Int) -> Int { (size + self.alignment - 1) / self.alignment * self.alignment }
}

private struct LittleEndianWriter {
    var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { self.bytes.append(contentsOf: $0) }
    }

    mutating func append(text: String) {
        self.append(UInt64(text.utf8.count))
        self.bytes += Array(text.utf8)
    }

    mutating func append(_ value: GGUFFile.Value) {
        switch value {
        case .uint8(let value): self.append(value)
        case .int8(let value): self.append(value)
        case .uint16(let value): self.append(value)
        case .int16(let value): self.append(value)
        case .uint32(let value): self.append(value)
        case .int32(let value): self.append(value)
        case .float32(let value): self.append(value.bitPattern)
        case .bool(let value): self.append(UInt8(value ? 1 : 0))
        case .text(let text): self.append(text: text)
        case .uint64(let value): self.append(value)
        case .int64(let value): self.append(value)
        case .float64(let value): self.append(value.bitPattern)
        case .array(let element, let values):
            self.append(element)
            self.append(UInt64(values.count))
            for value in values { self.append(value) }
        case .raw(_, let bytes): self.bytes += bytes
        }
    }
}
