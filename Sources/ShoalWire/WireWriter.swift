package import ShoalCore

/// Puts big-endian fields behind each other.
package struct WireWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func put(_ value: some FixedWidthInteger) {
        let width = value.bitWidth / 8
        for index in (0..<width).reversed() {
            self.bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index)))
        }
    }

    package mutating func put(_ value: some FixedBytes) { self.bytes += value.bytes }

    package mutating func put(_ bytes: [UInt8]) { self.bytes += bytes }
}
