import Foundation
import ShoalCore
import ShoalFormats

/// A manifest in words.
struct ManifestSummary {
    let lines: [String]

    init(_ manifest: Manifest, id: String) {
        var lines = [
            "manifest  \(id)",
            "format    \(manifest.format.rawValue), layout 1",
            "size      \(Figures.bytes(manifest.totalSize)) (\(manifest.totalSize) bytes)",
        ]
        if !manifest.model.isEmpty { lines.append("model     \(Self.model(manifest.model))") }
        lines.append("shards    \(Self.shards(manifest))")
        if let experts = manifest.experts { lines += Self.experts(experts, of: manifest) }
        lines.append("files     \(manifest.files.count)")
        for file in manifest.files {
            lines.append("  \(file.sha256.hex)  \(Figures.bytes(file.size))  \(file.path)")
        }
        self.lines = lines
    }

    private static func model(_ model: Manifest.Model) -> String {
        let parts = [
            model.architecture, model.quantization,
            model.parameters.map { "\(Figures.count($0)) parameters" },
            model.contextLength.map { "\($0) tokens of context" },
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    private static func shards(_ manifest: Manifest) -> String {
        let kinds: [Manifest.Shard.Kind] = [.header, .dense, .expert]
        let parts = kinds.compactMap { kind -> String? in
            let count = manifest.shards.count { $0.kind == kind }
            return count == 0 ? nil : "\(count) \(kind.rawValue)"
        }
        return "\(manifest.shards.count) (\(parts.joined(separator: ", ")))"
    }

    /// How many experts, how large they are, and what that means for who fetches only what a token needs.
    private static func experts(_ experts: Manifest.Experts, of manifest: Manifest) -> [String] {
        let sizes = experts.map.mapValues { $0.reduce(0) { $0 + $1.length } }
        let total = sizes.values.reduce(0, +)
        let layers = Set(sizes.keys.map(\.layer)).count
        let range = [sizes.values.min() ?? 0, sizes.values.max() ?? 0].map { Figures.bytes($0) }
        let each = range[0] == range[1] ? range[0] : range.joined(separator: " to ")
        let rest = manifest.totalSize - manifest.shards.reduce(0) { $0 + ($1.kind == .expert ? $1.size : 0) }
        let perToken = rest + total / max(1, sizes.count) * experts.used * layers
        return [
            "experts   \(sizes.count) in \(layers) layers, \(each) each",
            "          \(Figures.bytes(total)) together, \(Figures.share(total, of: manifest.totalSize)) of the model",
            "          \(experts.used) used in each layer: a token needs \(Figures.bytes(perToken)), "
                + Figures.share(perToken, of: manifest.totalSize),
        ]
    }
}
