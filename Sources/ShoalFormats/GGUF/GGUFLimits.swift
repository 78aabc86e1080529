/// What a GGUF header may have. Generous for every model there is, and little enough that a hostile one costs neither
/// much memory nor much time: engines have overflowed on more (CVE-2024-23496, CVE-2026-27940).
package enum GGUFLimits {
    /// The versions that are read: 1 had other counts and is not written since 2023.
    package static let versions = 2...3

    /// 256 MiB: where the data must begin. The largest vocabularies take some 20 MiB.
    package static let headerByteCount = 256 << 20

    /// 65,536: metadata keys, of which models have some fifty.
    package static let metadataCount = 65_536

    /// 65,536: tensors of one file.
    package static let tensorCount = 65_536

    /// 64 KiB: the specification's bound.
    package static let keyByteCount = 65_536

    /// 16 MiB: one text, be it a chat template or a token.
    package static let textByteCount = 16 << 20

    /// 4 Mi: elements of an array; vocabularies have up to some 300,000.
    package static let arrayCount = 4 << 20

    /// 63: a tensor's name; ggml keeps 64 bytes with the zero.
    package static let tensorNameByteCount = 63

    /// 4: ggml's `GGML_MAX_DIMS`.
    package static let dimensionCount = 4

    /// What `general.alignment` may be, if it is a power of two.
    package static let alignments = 8...4_096

    /// 32 without `general.alignment`.
    package static let defaultAlignment = 32

    /// 1,024: the experts of a layer; llama.cpp takes no more. A model that has more is cut by tensors.
    package static let expertCount = 1_024
}
