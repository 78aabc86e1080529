import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

extension TemporaryFolder {
    var path: String { self.url.path }

    func store(_ name: String = "home") throws -> ModelStore {
        try ModelStore(home: try Home(path: self(name)))
    }
}

/// `count` bytes that only `seed` decides.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        withUnsafeBytes(of: generator.next().littleEndian) { bytes.append(contentsOf: $0) }
    }
    return Array(bytes[..<count])
}

func contents(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Changes bytes of a file in place, and its time of change with certainty (clocks of file systems are coarse).
func damage(_ path: String, at offset: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([byte ^ 0xFF]))
    try file.close()
    try touch(path)
}

/// Gives the file a time of change that it did not have, as an editor would.
func touch(_ path: String) throws {
    let old = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    let new = try #require(old).addingTimeInterval(-10)
    try FileManager.default.setAttributes([.modificationDate: new], ofItemAtPath: path)
}

/// The code of the error that `body` must throw.
func code(_ body: () throws -> Void) -> StoreError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? StoreError)?.code
    }
}

extension StoredModel {
    /// All chunks, in order.
    var chunks: [(shard: ShardIndex, chunk: ChunkIndex)] {
        self.manifest.shards.indices.flatMap { shard in
            (0..<self.manifest.shards[shard].chunkCount).map { (ShardIndex(shard), ChunkIndex($0)) }
        }
    }

    func bytes(_ chunk: ChunkIndex, of shard: ShardIndex) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: Cutting.chunkSize)
        let count = try buffer.withUnsafeMutableBytes { try self.read(chunk, of: shard, into: $0) }
        return Array(buffer[..<count])
    }

    @discardableResult
    func write(_ chunk: ChunkIndex, of shard: ShardIndex, _ bytes: [UInt8]) throws -> ChunkVerdict {
        try bytes.withUnsafeBytes { try self.write(chunk, of: shard, bytes: $0) }
    }

    /// Takes hash lists and those chunks from `other` that `isWanted` picks by their number.
    func receive(from other: StoredModel, where isWanted: (Int) -> Bool = { _ in true }) throws {
        for shard in self.missingHashLists {
            try self.install(try #require(try other.hashList(of: shard)), for: shard)
        }
        for (number, (shard, chunk)) in self.chunks.enumerated() where isWanted(number) {
            #expect(try self.write(chunk, of: shard, try other.bytes(chunk, of: shard)) == .verified)
        }
    }
}

/// A published model of a few shards and the store that serves it: 16 MiB and 300,000 bytes in one file, 200,000 bytes
/// and nothing in two others. Four shards, the last of them of two chunks.
struct Publisher {
    static let files = [
        "a/big.bin": pattern((16 << 20) + 300_000), "b.bin": pattern(200_000, seed: 2), "c-empty": [],
    ]

    let folder: TemporaryFolder
    let store: ModelStore
    let model: StoredModel

    init() throws {
        self.folder = try TemporaryFolder()
        for (name, bytes) in Self.files { try self.folder.write("source/\(name)", bytes) }
        self.store = try self.folder.store("publisher")
        self.model = try self.store.publish(path: self.folder("source"))
    }

    /// The model as another home receives it.
    func receiver(_ store: ModelStore) throws -> StoredModel {
        try store.receive(manifest: self.model.manifestBytes, id: self.model.id)
    }
}
