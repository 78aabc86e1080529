import ShoalCore
import ShoalFormats

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Hashes the user's files: every chunk, every shard, every whole file, reading each byte once and using every core.
///
/// Digests of chunks go straight into the file of hash lists, so memory does not grow with the model.
struct SourceHasher: Sendable {
    private let tree: SourceTree
    private let plan: LayoutPlan
    private let hashes: Descriptor
    private let meter: ProgressMeter
    /// For each file of the plan the shards that are cut from it, ascending by offset.
    private let shardsOfFile: [[Int]]
    /// For each shard the number of its first chunk.
    private let firstChunks: [Int]

    /// `tree` has the files of `plan` in the same order. Each shard is one extent, as it is in format `files`.
    init(tree: SourceTree, plan: LayoutPlan, hashes: Descriptor, progress: ProgressHandler?) {
        self.tree = tree
        self.plan = plan
        self.hashes = hashes
        self.meter = ProgressMeter(total: plan.totalSize, handler: progress)
        var shardsOfFile = [[Int]](repeating: [], count: plan.files.count)
        var firstChunks: [Int] = []
        var chunk = 0
        for (position, shard) in plan.shards.enumerated() {
            precondition(shard.extents.count == 1, "a plain file is cut into runs of bytes")
            shardsOfFile[shard.extents[0].file].append(position)
            firstChunks.append(chunk)
            chunk += shard.chunkCount
        }
        self.shardsOfFile = shardsOfFile
        self.firstChunks = firstChunks
    }

    /// The manifest. Fails with ``StoreError/Code/changed`` when a file changes meanwhile.
    func manifest() throws(StoreError) -> Manifest {
        let fileHashes = self.plan.files.map { _ in OrderedHash() }
        let dispenser = BlockDispenser(fileCount: self.plan.files.count) { self.blocks(of: $0) }
        try AllCores.run(count: AllCores.workers, scratch: SourceBlock.limit) { (_, scratch) throws(StoreError) in
            while let block = dispenser.take() {
                defer { dispenser.giveBack(block) }
                do throws(StoreError) {
                    try self.hash(block, fileHashes[block.file], scratch)
                } catch {
                    dispenser.close()
                    throw error
                }
            }
        }
        var roots: [Digest] = []
        for position in self.plan.shards.indices { roots.append(try self.root(of: position)) }
        let manifest = self.plan.manifest(fileDigests: fileHashes.map(\.digest), roots: roots)
        try self.meter.complete()
        return manifest
    }

    private func blocks(of file: Int) -> [SourceBlock] {
        var blocks: [SourceBlock] = []
        for shard in self.shardsOfFile[file] {
            let extent = self.plan.shards[shard].extents[0]
            for start in stride(from: 0, to: extent.length, by: SourceBlock.limit) {
                blocks.append(
                    SourceBlock(
                        file: file,
                        turn: blocks.count,
                        offset: extent.offset + start,
                        length: min(SourceBlock.limit, extent.length - start),
                        firstChunk: self.firstChunks[shard] + start / Cutting.chunkSize
                    )
                )
            }
        }
        return blocks
    }

    /// Hashes the block's chunks, and the block into its file's hash: whichever can be done first.
    private func hash(
        _ block: SourceBlock,
        _ fileHash: OrderedHash,
        _ scratch: UnsafeMutableRawBufferPointer
    ) throws(StoreError) {
        var hadTurn = false
        // Whoever waits for this turn waits in vain otherwise.
        defer { if !hadTurn { fileHash.endTurn(fileHash.wait(forTurn: block.turn)) } }

        let bytes = try self.read(block, scratch)
        if var hash = fileHash.hash(ifTurn: block.turn) {
            hash.update(bytes)
            fileHash.endTurn(hash)
            hadTurn = true
        }
        var digests: [UInt8] = []
        digests.reserveCapacity(block.length / Cutting.chunkSize * Digest.byteCount + Digest.byteCount)
        for start in stride(from: 0, to: bytes.count, by: Cutting.chunkSize) {
            let chunk = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + Cutting.chunkSize, bytes.count)])
            digests += Digest(sha256Of: chunk.bytes).bytes
        }
        try self.hashes.write(digests, at: block.firstChunk * Digest.byteCount)
        if !hadTurn {
            var hash = fileHash.wait(forTurn: block.turn)
            hash.update(bytes)
            fileHash.endTurn(hash)
            hadTurn = true
        }
        try self.meter.advance(by: block.length)
    }

    /// The block's bytes, from a file that is the same before and after.
    private func read(
        _ block: SourceBlock,
        _ scratch: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> UnsafeRawBufferPointer {
        let source = self.tree.files[block.file]
        let file = try Descriptor.open(source.location, O_RDONLY)
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[..<block.length])
        guard try file.status().identity == source.identity,
            try file.read(into: room, at: block.offset) == block.length,
            try file.status().identity == source.identity
        else {
            throw StoreError(.changed, "\(source.location) changed while it was hashed: publish it when it is complete")
        }
        return UnsafeRawBufferPointer(room)
    }

    private func root(of shard: Int) throws(StoreError) -> Digest {
        let size = self.plan.shards[shard].size
        let bytes = try self.hashes.bytes(
            at: self.firstChunks[shard] * Digest.byteCount,
            count: HashList.byteCount(ofShardOf: size)
        )
        let digests = stride(from: 0, to: bytes.count, by: Digest.byteCount).compactMap {
            Digest(bytes: bytes[$0..<min($0 + Digest.byteCount, bytes.count)])
        }
        return HashList(digests: digests).root
    }
}
