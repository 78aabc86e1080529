package import ShoalCore
import ShoalFormats

/// Shards that another model of the home holds already: they are copied, not fetched.
extension ModelStore {
    /// Puts shards of the model in their place that are missing there and that the home holds elsewhere, under the same size
    /// and root: in another model, in a file of the user's, or twice in the same model. Every chunk is checked against the
    /// model's own hash list. Answers those that are whole now.
    ///
    /// What cannot be read where it should be is left out: then it is fetched like the rest.
    package func copyKnown(
        _ shards: Bitfield,
        of model: StoredModel,
        progress: ProgressHandler? = nil
    ) throws(StoreError) -> [ShardIndex] {
        let complete = model.state.complete
        var missing: [ShardID: [ShardIndex]] = [:]
        for position in shards.setBits where !complete[position] {
            missing[model.manifest.shards[position].id, default: []].append(ShardIndex(position))
        }
        guard !missing.isEmpty else { return [] }
        var copies: [(source: ManifestID, from: ShardIndex, to: ShardIndex)] = []
        for id in try self.modelIDs().sorted(by: { $0.hex < $1.hex }) where !missing.isEmpty {
            for (shard, name) in try self.shardsHere(of: id) {
                for target in missing.removeValue(forKey: name) ?? [] { copies.append((id, shard, target)) }
            }
        }
        let sizes = copies.map { model.manifest.shards[$0.to.position].size }
        let meter = ProgressMeter(total: sizes.reduce(0, +), handler: progress)
        var copied: [ShardIndex] = []
        for (copy, size) in zip(copies, sizes) {
            if let source = try self.open(copy.source), try source.copy(copy.from, to: copy.to, of: model) {
                copied.append(copy.to)
            }
            try meter.advance(by: size)
        }
        _ = try model.synchronize()
        return copied
    }

    /// The shards of a model that are said to be here, by what names them everywhere.
    private func shardsHere(of id: ManifestID) throws(StoreError) -> [(ShardIndex, ShardID)] {
        let manifest = if let model = self.openModel(id) { model.manifest } else { try self.manifest(of: id) }
        guard let manifest else { return [] }
        return try self.claimedShards(of: id)
            .filter { $0.position < manifest.shards.count }
            .map { ($0, manifest.shards[$0.position].id) }
    }
}

extension StoredModel {
    /// False when it could not be read, or is not what it should be.
    fileprivate func copy(_ shard: ShardIndex, to copy: ShardIndex, of model: StoredModel) throws(StoreError) -> Bool {
        let leases = [self.lease([shard]), model.lease([copy])]
        defer { for lease in leases { lease.close() } }
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Cutting.chunkSize, alignment: 4_096)
        defer { scratch.deallocate() }
        do throws(StoreError) {
            guard let list = try self.hashList(of: shard) else { return false }
            try model.install(list, for: copy)
        } catch {
            guard error.code == .diskFull || error.code == .readOnly else { return false }
            throw error
        }
        for position in 0..<self.manifest.shards[shard.position].chunkCount {
            let chunk = ChunkIndex(position)
            let bytes: UnsafeRawBufferPointer
            do throws(StoreError) {
                bytes = UnsafeRawBufferPointer(rebasing: scratch[..<(try self.read(chunk, of: shard, into: scratch))])
            } catch {
                return false
            }
            guard try model.write(chunk, of: copy, bytes: bytes) != .corrupt else { return false }
        }
        return true
    }
}
