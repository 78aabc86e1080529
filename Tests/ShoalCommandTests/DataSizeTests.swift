import Testing

@testable import ShoalCommand

/// Sizes on the command line.
struct DataSizeTests {
    @Test(arguments: [
        ("20GB", 20_000_000_000), ("512MiB", 536_870_912), ("512 MiB", 536_870_912), ("1.5kb", 1_500), ("7", 7),
        ("1TiB", 1_099_511_627_776), ("3b", 3), ("1000000TB", 1_000_000_000_000_000_000),
    ])
    func `a size is a number with a unit`(text: String, expected: Int) throws {
        #expect(try DataSize(parsing: text).bytes == expected)
    }

    @Test(arguments: ["", "GB", "much", "-1GB", "0", "0.4", "nan", "inf", "1e400", "1000001TB", "20GB/s", "2 M"])
    func `anything else is refused`(text: String) {
        #expect(throws: (any Error).self) { try DataSize(parsing: text) }
    }
}
