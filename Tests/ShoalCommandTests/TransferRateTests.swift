import Testing

@testable import ShoalCommand

/// Rates on the command line.
struct TransferRateTests {
    @Test(arguments: [
        ("2MB", 2_000_000), ("2MB/s", 2_000_000), ("512KiB", 524_288), ("512 KiB/s", 524_288), ("20Mbit", 2_500_000),
        ("1.5mb", 1_500_000), ("100000", 100_000), ("1gbit", 125_000_000), ("16384", 16_384),
        ("1000GB", 1_000_000_000_000),
    ])
    func `a rate is a number with a unit`(text: String, expected: Int) throws {
        #expect(try TransferRate(parsing: text).bytesPerSecond == expected)
    }

    @Test(arguments: ["", "MB", "fast", "-1MB", "0", "nan", "inf", "1e400", "16383", "1001GB", "2MBit/h", "2 M"])
    func `anything else is refused`(text: String) {
        #expect(throws: (any Error).self) { try TransferRate(parsing: text) }
    }
}
