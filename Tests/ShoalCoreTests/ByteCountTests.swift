import ShoalCore
import Testing

struct ByteCountTests {
    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_049, "1.0 kB"), (1_050, "1.1 kB"), (99_949, "99.9 kB"),
        (99_950, "100 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (98_400_000, "98.4 MB"),
        (61_000_000_000, "61.0 GB"), (9_223_372_036_854_775_000, "9223372 TB"),
    ])
    func `an amount is written in its largest unit`(bytes: Int, text: String) {
        #expect(ByteCount.text(bytes) == text)
    }

    @Test func `other units scale alike`() {
        #expect(ByteCount.scaled(30_532_122_624, ["", "k", "M", "B", "T"]) == "30.5 B")
    }
}
