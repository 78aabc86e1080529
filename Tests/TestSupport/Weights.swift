import ShoalCore

/// Bytes for tests to move about.
package enum Weights {
    /// `count` bytes that only `seed` decides; no two blocks of 64 KiB of them are equal. Quick to make, also unoptimised.
    package static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        var block = [UInt8](repeating: 0, count: 65_536)
        block.withUnsafeMutableBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                bytes.storeBytes(of: generator.next(), toByteOffset: offset, as: UInt64.self)
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + block.count)
        var number: UInt64 = 0
        while bytes.count < count {
            block.withUnsafeMutableBytes { $0.storeBytes(of: number.bigEndian, as: UInt64.self) }
            bytes += block
            number += 1
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
