import ShoalCore
import ShoalFormats
import Synchronization

/// The hash lists of one model on the disk: a sparse file with the digest of chunk number n at 32 × n.
///
/// A list counts as present only when it matches its shard's root, which is checked on opening (32 bytes for each 128 KiB:
/// 15 MB for a model of 60 GB). The digests stay on the disk; only one bit for each shard is kept in memory.
final class HashFile: Sendable {
    private let file: Descriptor
    private let map: ChunkMap
    /// By shard.
    private let present: Mutex<Bitfield>

    /// Checks all lists in `file`, which is brought to its size first.
    init(_ file: Descriptor, map: ChunkMap) throws(StoreError) {
        self.file = file
        self.map = map
        var present = Bitfield(count: map.shards.count)
        let size = Self.byteCount(map)
        if try file.status().identity.size != size { try file.truncate(to: size) }
        for (position, shard) in map.shards.enumerated() {
            if shard.chunkCount == 1 {
                present[position] = true
            } else {
                present[position] = try Self.list(of: ShardIndex(position), in: file, map) != nil
            }
        }
        self.present = Mutex(present)
    }

    static func byteCount(_ map: ChunkMap) -> Int { map.chunkCount * Digest.byteCount }

    /// The shards whose list is not here, ascending. The root of a shard of one chunk is its list.
    var missing: [ShardIndex] { self.present.withLock { $0 }.clearBits.map { ShardIndex($0) } }

    /// What the chunk must hash to; nil when the list is not here.
    func digest(of chunk: ChunkIndex, in shard: ShardIndex) throws(StoreError) -> Digest? {
        if self.map.shards[shard.position].chunkCount == 1 { return self.map.shards[shard.position].root }
        guard self.present.withLock({ $0[shard.position] }) else { return nil }
        let offset = self.map.number(of: chunk, in: shard) * Digest.byteCount
        return Digest(bytes: try self.file.bytes(at: offset, count: Digest.byteCount))
    }

    /// The list of the shard, checked against the root again; nil when it is not here.
    func list(of shard: ShardIndex) throws(StoreError) -> HashList? {
        let entry = self.map.shards[shard.position]
        if entry.chunkCount == 1 { return HashList(digests: [entry.root]) }
        guard self.present.withLock({ $0[shard.position] }) else { return nil }
        return try Self.list(of: shard, in: self.file, self.map)
    }

    /// Keeps the list, if it is the shard's.
    func install(_ list: HashList, for shard: ShardIndex) throws(StoreError) {
        let entry = self.map.shards[shard.position]
        guard list.count == entry.chunkCount, list.root == entry.root else {
            throw StoreError(.wrongHashList, "this is not the hash list of \(shard): ask another peer")
        }
        if entry.chunkCount > 1 { try self.file.write(list.bytes, at: Self.offset(of: shard, self.map)) }
        self.present.withLock { $0[shard.position] = true }
    }

    func synchronize() throws(StoreError) { try self.file.synchronize() }

    private static func offset(of shard: ShardIndex, _ map: ChunkMap) -> Int {
        map.numbers(of: shard).lowerBound * Digest.byteCount
    }

    private static func list(
        of shard: ShardIndex,
        in file: Descriptor,
        _ map: ChunkMap
    ) throws(StoreError) -> HashList? {
        let entry = map.shards[shard.position]
        let bytes = try file.bytes(
            at: self.offset(of: shard, map),
            count: HashList.byteCount(ofShardOf: entry.size)
        )
        return HashList(bytes: bytes, of: entry.id)
    }
}
