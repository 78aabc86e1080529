import Foundation
import ModelFixtures
import ShoalCore

/// A model of pseudo-random bytes, which nothing on the way can compress; the same one every time.
struct BenchModel {
    /// What stands behind the head.
    private enum Content {
        case noise
        /// Zeros, with two words of noise around each multiple of so many bytes, counted from the end of the file: large
        /// shards that differ, on a small disk.
        case sparse(stride: Int)
    }

    let fileName: String
    let byteCount: Int
    private let head: [UInt8]
    private let content: Content

    /// Weights of no known format, cut by size.
    static func noise(byteCount: Int) -> BenchModel {
        BenchModel(fileName: "model.bin", byteCount: byteCount, head: [], content: .noise)
    }

    /// A mixture of experts as GGUF, each of them a shard. Of sparse ones each of the three parts of an expert begins and
    /// ends with noise, and is zero between.
    static func experts(_ shape: ExpertShape, isSparse: Bool = false) -> BenchModel {
        let file = shape.file
        return BenchModel(
            fileName: "model.gguf",
            byteCount: file.size,
            head: file.head,
            content: isSparse ? .sparse(stride: shape.partBytes) : .noise
        )
    }

    /// What the file takes of the disk.
    var allocatedBytes: Int {
        switch self.content {
        case .noise: self.byteCount
        case .sparse(let stride): self.byteCount / stride * Self.block + self.head.count
        }
    }

    /// 4 KiB, which ext4, XFS and APFS write at least.
    private static let block = 4_096

    /// Makes the file, synced: whoever measures next does not share the disk with what is still to be written.
    func write(to file: URL) throws {
        guard FileManager.default.createFile(atPath: file.path, contents: Data(self.head)) else {
            throw BenchmarkError("cannot write \(file.path)")
        }
        let handle = try FileHandle(forWritingTo: file)
        var generator = SeededGenerator(seed: 1)
        switch self.content {
        case .noise: try self.writeNoise(to: handle, &generator)
        case .sparse(let stride):
            try handle.truncate(atOffset: UInt64(self.byteCount))
            for end in Swift.stride(from: self.byteCount, to: self.head.count + 8, by: -stride) {
                try handle.seek(toOffset: UInt64(end - 8))
                let words = (0..<(end == self.byteCount ? 1 : 2)).map { _ in generator.next() }
                try handle.write(contentsOf: words.withUnsafeBytes { Data($0) })
            }
        }
        try handle.synchronize()
        try handle.close()
    }

    private func writeNoise(to handle: FileHandle, _ generator: inout SeededGenerator) throws {
        try handle.seekToEnd()
        var words = [UInt64](repeating: 0, count: 131_072)
        var left = self.byteCount - self.head.count
        while left > 0 {
            for position in words.indices { words[position] = generator.next() }
            let block = words.withUnsafeBytes { Data($0.prefix(left)) }
            try handle.write(contentsOf: block)
            left -= block.count
        }
    }
}

/// How many experts a model has, and how large they are.
struct ExpertShape {
    /// A row of 64 numbers of four bytes.
    private static let rowBytes = 256

    let layers: Int
    let perLayer: Int
    /// How many a token uses of a layer.
    let used: Int
    /// Rows of one of an expert's three parts.
    private let rows: Int

    /// - Parameter expertBytes: rounded up to whole rows.
    init(layers: Int, perLayer: Int, used: Int, expertBytes: Int) {
        self.layers = layers
        self.perLayer = perLayer
        self.used = used
        self.rows = max(1, (expertBytes + 3 * Self.rowBytes - 1) / (3 * Self.rowBytes))
    }

    var expertCount: Int { self.layers * self.perLayer }
    var partBytes: Int { self.rows * Self.rowBytes }
    var expertBytes: Int { 3 * self.partBytes }

    fileprivate var file: GGUFFile {
        var file = GGUFFile()
        file["general.architecture"] = .text("llama")
        file["llama.block_count"] = .uint32(UInt32(self.layers))
        file["llama.expert_count"] = .uint32(UInt32(self.perLayer))
        file["llama.expert_used_count"] = .uint32(UInt32(self.used))
        file.tensors.append(.init("token_embd.weight", [64, 64]))
        for layer in 0..<self.layers {
            for (part, shape) in [("gate", [64, self.rows]), ("down", [self.rows, 64]), ("up", [64, self.rows])] {
                file.tensors.append(.init("blk.\(layer).ffn_\(part)_exps.weight", shape + [self.perLayer]))
            }
        }
        return file
    }
}
