import ShoalCore
import Testing

@Suite struct SeededGeneratorTests {
    /// Of SplitMix64, computed apart from this code. A simulation's seed means the same for ever.
    static let golden: [(seed: UInt64, throwsOfIt: [UInt64])] = [
        (0, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]),
        (1, [0x910A_2DEC_8902_5CC1, 0xBEEB_8DA1_658E_EC67, 0xF893_A2EE_FB32_555E]),
        (.max, [0xE4D9_7177_1B65_2C20, 0xE99F_F867_DBF6_82C9, 0x382F_F84C_B272_81E9]),
    ]

    @Test(arguments: Self.golden)
    func `a seed gives these throws`(seed: UInt64, throwsOfIt: [UInt64]) {
        var dice = SeededGenerator(seed: seed)
        #expect(throwsOfIt.map { _ in dice.next() } == throwsOfIt)
    }

    @Test func `a copy throws what the original throws`() {
        var dice = SeededGenerator(seed: 9)
        _ = dice.next()
        var copy = dice
        #expect(dice.next() == copy.next())
    }
}
