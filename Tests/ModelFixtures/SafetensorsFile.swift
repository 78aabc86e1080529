import ShoalCore
import ShoalFormats

/// Writes a safetensors file as described, right or wrong: what is not set otherwise is as it should be.
package struct SafetensorsFile: Sendable {
    package struct Tensor: Sendable {
        package var name: String
        package var shape: [Int]
        /// As headers say it.
        package var type: String
        /// In bytes; what type and shape need when nil.
        package var byteCount: Int?
        /// `data_offsets`; where its data are when nil.
        package var offsets: [Int]?

        package init(_ name: String, _ shape: [Int], _ type: String = "BF16") {
            self.name = name
            self.shape = shape
            self.type = type
        }

        package var length: Int {
            let bits = SafetensorsType(rawValue: self.type)?.bitCount ?? 8
            return self.byteCount ?? self.shape.reduce(1, *) * bits / 8
        }
    }

    /// Their data follow each other in this order.
    package var tensors: [Tensor] = []
    /// `__metadata__`, as JSON; left out when nil.
    package var metadata: String? = #"{"format":"pt"}"#
    /// The order in which the header names the tensors: their own when nil.
    package var headerOrder: [Int]?
    /// The header's JSON; written from the rest when nil.
    package var json: String?
    /// The length that is said of the header; the right one when nil.
    package var headerByteCount: UInt64?
    /// Decides the data.
    package var seed: UInt64 = 1

    package init(_ tensors: [Tensor] = []) { self.tensors = tensors }

    package var bytes: [UInt8] {
        var header = Array((self.json ?? self.header).utf8)
        // The library pads to 8 bytes.
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        let length = self.headerByteCount ?? UInt64(header.count)
        var bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header
        let count = self.tensors.reduce(0) { $0 + $1.length }
        var dice = SeededGenerator(seed: self.seed)
        var noise: [UInt8] = []
        while noise.count < count {
            let word: UInt64 = dice.next()
            for byte in 0..<8 { noise.append(UInt8(truncatingIfNeeded: word >> (8 * UInt64(byte)))) }
        }
        bytes += noise.prefix(count)
        return bytes
    }

    private var header: String {
        var begin = 0
        let described = self.tensors.map { tensor in
            let offsets = tensor.offsets ?? [begin, begin + tensor.length]
            begin += tensor.length
            return #""\#(tensor.name)":{"dtype":"\#(tensor.type)","shape":\#(tensor.shape),"data_offsets":\#(offsets)}"#
        }
        let order = self.headerOrder ?? Array(described.indices)
        let members = (self.metadata.map { [#""__metadata__":\#($0)"#] } ?? []) + order.map { described[$0] }
        return "{\(members.joined(separator: ","))}"
    }
}
