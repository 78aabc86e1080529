/// How a tensor's numbers are stored: blocks of so many elements in so many bytes.
///
/// The table is a part of layout 1: it decides how experts are cut. A type that is not in it has a size that nobody knows
/// here; its tensor reaches to the next one, and is dense.
package struct GGUFTensorType: Hashable, Sendable {
    /// `ggml_type`, as the file has it.
    package let number: UInt32
    /// As ggml calls it, in upper case.
    package let name: String
    /// Elements of a block; a row is whole blocks.
    package let blockCount: Int
    /// Bytes of a block.
    package let blockSize: Int

    private init(_ number: UInt32, _ name: String, _ blockCount: Int, _ blockSize: Int) {
        self.number = number
        self.name = name
        self.blockCount = blockCount
        self.blockSize = blockSize
    }

    /// The type of that number; nil when layout 1 does not know it.
    package init?(_ number: UInt32) {
        guard let type = Self.byNumber[number] else { return nil }
        self = type
    }

    /// All types of layout 1, ascending. Numbers in between belonged to types that ggml removed.
    package static let all: [GGUFTensorType] = [
        .init(0, "F32", 1, 4), .init(1, "F16", 1, 2),
        .init(2, "Q4_0", 32, 18), .init(3, "Q4_1", 32, 20),
        .init(6, "Q5_0", 32, 22), .init(7, "Q5_1", 32, 24),
        .init(8, "Q8_0", 32, 34), .init(9, "Q8_1", 32, 40),
        .init(10, "Q2_K", 256, 84), .init(11, "Q3_K", 256, 110), .init(12, "Q4_K", 256, 144),
        .init(13, "Q5_K", 256, 176), .init(14, "Q6_K", 256, 210), .init(15, "Q8_K", 256, 292),
        .init(16, "IQ2_XXS", 256, 66), .init(17, "IQ2_XS", 256, 74), .init(18, "IQ3_XXS", 256, 98),
        .init(19, "IQ1_S", 256, 50), .init(20, "IQ4_NL", 32, 18), .init(21, "IQ3_S", 256, 110),
        .init(22, "IQ2_S", 256, 82), .init(23, "IQ4_XS", 256, 136),
        .init(24, "I8", 1, 1), .init(25, "I16", 1, 2), .init(26, "I32", 1, 4), .init(27, "I64", 1, 8),
        .init(28, "F64", 1, 8), .init(29, "IQ1_M", 256, 56), .init(30, "BF16", 1, 2),
        .init(34, "TQ1_0", 256, 54), .init(35, "TQ2_0", 256, 66),
        .init(39, "MXFP4", 32, 17), .init(40, "NVFP4", 64, 36), .init(41, "Q1_0", 128, 18),
    ]

    private static let byNumber = Dictionary(uniqueKeysWithValues: Self.all.map { ($0.number, $0) })
}
