/// What stands before the tensors' data of one GGUF file, as far as publishing wants to know; see ``GGUFHeaderReader``.
///
/// A value of this type has passed every check: bounds of ``GGUFLimits``, no name twice, tensors aligned, inside the file
/// and apart from each other.
package struct GGUFHeader: Hashable, Sendable {
    /// One entry of the tensor directory.
    package struct Tensor: Hashable, Sendable {
        /// 1 to 63 bytes of UTF-8.
        package let name: String
        /// 1 to 4, the innermost first.
        package let dimensions: [Int]
        /// `ggml_type`.
        package let typeNumber: UInt32
        /// Where its data begin in the file.
        package let offset: Int
        /// How long its data are without padding; nil when the type is not known.
        package let byteCount: Int?

        /// All dimensions multiplied: 1 to 2^63 − 1.
        package var elementCount: Int { self.dimensions.reduce(1, *) }
        package var type: GGUFTensorType? { GGUFTensorType(self.typeNumber) }
    }

    package let metadata: GGUFMetadata
    /// By offset.
    package let tensors: [Tensor]
}
