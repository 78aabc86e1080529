/// Of a GGUF file's metadata those values that publishing looks at; vocabularies and templates are passed over.
package struct GGUFMetadata: Hashable, Sendable {
    /// A value that is kept.
    package enum Value: Hashable, Sendable {
        /// Of any of the eight integer types, if it fits.
        case integer(Int)
        /// At most ``keptTextByteCount`` bytes of UTF-8.
        case text(String)
        /// An array of integers, at most ``keptArrayCount``.
        case integers([Int])
        /// Of another type, or larger than anything that would be looked at.
        case other
    }

    /// 255: what a manifest takes as an architecture.
    static let keptTextByteCount = 255

    /// 4,096: one for each layer of the deepest model imaginable.
    static let keptArrayCount = 4_096

    /// 300: an architecture of 255 bytes and a key behind it. A longer key is none of ours.
    private static let keptKeyByteCount = 300

    private static let keptKeys: Set = [
        "general.architecture", "general.type", "general.alignment", "general.file_type",
        "split.no", "split.count", "split.tensors.count",
    ]

    /// What follows the architecture, which may come later than these.
    private static let keptSuffixes = [".context_length", ".expert_count", ".expert_used_count"]

    private var values: [String: Value] = [:]

    init() {}

    /// Whether the value of `key` is looked at.
    static func keeps(_ key: String) -> Bool {
        guard key.utf8.count <= self.keptKeyByteCount else { return false }
        return self.keptKeys.contains(key) || self.keptSuffixes.contains { key.hasSuffix($0) }
    }

    package internal(set) subscript(key: String) -> Value? {
        get { self.values[key] }
        set { self.values[key] = newValue }
    }

    package func integer(_ key: String) -> Int? {
        guard case .integer(let value) = self[key] else { return nil }
        return value
    }

    package func text(_ key: String) -> String? {
        guard case .text(let value) = self[key] else { return nil }
        return value
    }

    /// `general.architecture`.
    package var architecture: String? { self.text("general.architecture") }

    /// The value of `<architecture>.<key>`.
    package func ofArchitecture(_ key: String) -> Value? { self.architecture.flatMap { self["\($0).\(key)"] } }
}
