import ShoalCore
import ShoalFormats

/// Hashes the user's files: every chunk, every shard, every whole file, in the order of the files, using every core.
///
/// Each byte is read once, except those of chunks that ``SeamBook`` calls torn. Digests of chunks go straight into the
/// file of hash lists, so memory does not grow with the model.
struct SourceHasher: Sendable {
    private let tree: SourceTree
    private let plan: LayoutPlan
    private let hashes: Descriptor
    private let meter: ProgressMeter
    private let map: ChunkMap
    private let runs: SourceRuns
    private let files: [SourceFile]
    private let seams: SeamBook

    /// `tree` has the files of `plan` in the same order. `seams` is empty, but for tests.
    init(
        tree: SourceTree,
        plan: LayoutPlan,
        hashes: Descriptor,
        progress: ProgressHandler?,
        seams: SeamBook = SeamBook()
    ) {
        self.tree = tree
        self.plan = plan
        self.hashes = hashes
        self.meter = ProgressMeter(total: plan.totalSize, handler: progress)
        self.map = ChunkMap(plan.unhashedManifest)
        self.runs = SourceRuns(self.map, fileCount: plan.files.count)
        self.files = tree.files.map { SourceFile($0) }
        self.seams = seams
    }

    /// The manifest. Fails with ``StoreError/Code/changed`` when a file changes meanwhile.
    func manifest() throws(StoreError) -> Manifest {
        let dispenser = BlockDispenser(fileCount: self.plan.files.count) { self.runs.blocks(of: $0) }
        try AllCores.run(count: AllCores.workers, scratch: SourceBlock.limit) { (_, scratch) throws(StoreError) in
            while let block = dispenser.take() {
                defer { dispenser.giveBack(block) }
                do throws(StoreError) {
                    try self.hash(block, scratch)
                } catch {
                    dispenser.close()
                    throw error
                }
            }
        }
        try self.mendTornChunks()
        try self.checkUnchanged()
        var roots: [Digest] = []
        for position in self.plan.shards.indices { roots.append(try self.root(of: ShardIndex(position))) }
        let manifest = self.plan.manifest(fileDigests: self.files.map(\.hash.digest), roots: roots)
        try self.meter.complete()
        return manifest
    }

    /// Hashes the block's chunks, and the block into its file's hash: whichever can be done first.
    private func hash(_ block: SourceBlock, _ scratch: UnsafeMutableRawBufferPointer) throws(StoreError) {
        let file = self.files[block.file]
        var hadTurn = false
        // Whoever waits for this turn waits in vain otherwise.
        defer { if !hadTurn { file.hash.endTurn(file.hash.wait(forTurn: block.turn)) } }

        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[..<block.length])
        try file.read(into: room, at: block.offset)
        let bytes = UnsafeRawBufferPointer(room)
        if var hash = file.hash.hash(ifTurn: block.turn) {
            hash.update(bytes)
            file.hash.endTurn(hash)
            hadTurn = true
        }
        try self.hashChunks(of: block, bytes)
        if !hadTurn {
            var hash = file.hash.wait(forTurn: block.turn)
            hash.update(bytes)
            file.hash.endTurn(hash)
            hadTurn = true
        }
        if block.offset + block.length == self.plan.files[block.file].size { file.close() }
        try self.meter.advance(by: block.length)
    }

    private func hashChunks(of block: SourceBlock, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        // Of chunks that follow each other, written at once.
        var first = 0
        var digests: [UInt8] = []
        for piece in self.runs.pieces(of: block) {
            let part = UnsafeRawBufferPointer(rebasing: bytes[piece.range])
            let digest = piece.isWholeChunk ? Digest(sha256Of: part.bytes) : self.seams.add(piece, part)
            guard let digest else { continue }
            if piece.chunk != first + digests.count / Digest.byteCount {
                try self.hashes.write(digests, at: first * Digest.byteCount)
                digests.removeAll(keepingCapacity: true)
                first = piece.chunk
            }
            digests += digest.bytes
        }
        try self.hashes.write(digests, at: first * Digest.byteCount)
    }

    /// Reads chunks again whose pieces came in another order than theirs.
    private func mendTornChunks() throws(StoreError) {
        let torn = self.seams.torn
        try AllCores.run(count: torn.count, scratch: Cutting.chunkSize) { (item, scratch) throws(StoreError) in
            let (number, shard) = torn[item]
            let chunk = ChunkIndex(number - self.map.numbers(of: shard).lowerBound)
            for piece in self.map.pieces(of: chunk, in: shard) {
                let room = UnsafeMutableRawBufferPointer(rebasing: scratch[piece.range])
                try self.files[piece.file].read(into: room, at: piece.offset)
            }
            let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<self.map.byteCount(of: chunk, in: shard)])
            try self.hashes.write(Digest(sha256Of: bytes.bytes).bytes, at: number * Digest.byteCount)
        }
        for file in self.files { file.close() }
    }

    /// Files that were replaced while their old bytes were read are not what the manifest describes.
    private func checkUnchanged() throws(StoreError) {
        for file in self.tree.files where try FileStatus.ofEntry(at: file.location)?.identity != file.identity {
            throw file.changed
        }
    }

    private func root(of shard: ShardIndex) throws(StoreError) -> Digest {
        let size = self.plan.shards[shard.position].size
        let bytes = try self.hashes.bytes(
            at: self.map.numbers(of: shard).lowerBound * Digest.byteCount,
            count: HashList.byteCount(ofShardOf: size)
        )
        let digests = stride(from: 0, to: bytes.count, by: Digest.byteCount).compactMap {
            Digest(bytes: bytes[$0..<min($0 + Digest.byteCount, bytes.count)])
        }
        return HashList(digests: digests).root
    }
}
