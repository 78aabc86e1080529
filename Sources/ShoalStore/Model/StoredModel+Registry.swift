import ShoalCore
package import ShoalFormats

extension StoredModel {
    /// Why the manifest's expert registry is not what the model's headers say. Nil when it is, and as long as not all
    /// header shards are here: nothing can be said then.
    package func registryProblem() throws(StoreError) -> ManifestError? {
        let complete = self.state.complete
        let shards = self.manifest.shards
        guard shards.indices.allSatisfy({ shards[$0].kind != .header || complete[$0] }) else { return nil }
        do throws(SourceError<StoreError>) {
            return self.manifest.registryProblem(
                try SourceAnatomy.of(
                    files: self.manifest.files.map { SourceListing(path: $0.path, size: $0.size) },
                    reader: StoredHeads(model: self)
                )
            )
        } catch {
            switch error {
            case .unreadable(let error): throw error
            case .wrong(let problem):
                return ManifestError(field: "experts", problem: "cannot be compared with the files: \(problem)")
            }
        }
    }
}

/// Reads what is in header shards; elsewhere there is nothing, as if the file ended.
private struct StoredHeads: SourceReader {
    private struct Run {
        let extent: Manifest.Extent
        let shard: ShardIndex
        /// Where the extent begins in the shard.
        let shardOffset: Int
    }

    private let model: StoredModel
    /// By file, ascending by offset.
    private let runs: [Int: [Run]]

    init(model: StoredModel) {
        self.model = model
        var runs: [Int: [Run]] = [:]
        for (position, shard) in model.manifest.shards.enumerated() where shard.kind == .header {
            var shardOffset = 0
            for extent in shard.extents {
                let run = Run(extent: extent, shard: ShardIndex(position), shardOffset: shardOffset)
                runs[extent.file, default: []].append(run)
                shardOffset += extent.length
            }
        }
        self.runs = runs.mapValues { $0.sorted { $0.extent.offset < $1.extent.offset } }
    }

    func read(_ file: Int, at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
        var bytes: [UInt8] = []
        for run in self.runs[file] ?? [] {
            while bytes.count < count, run.extent.contains(offset + bytes.count) {
                let place = run.shardOffset + offset + bytes.count - run.extent.offset
                let rest = run.extent.offset + run.extent.length - offset - bytes.count
                bytes += try self.bytes(of: run.shard, at: place).prefix(min(rest, count - bytes.count))
            }
        }
        return bytes
    }

    /// The bytes of the shard from `place` to the end of the chunk that it lies in.
    private func bytes(of shard: ShardIndex, at place: Int) throws(StoreError) -> ArraySlice<UInt8> {
        let chunk = ChunkIndex(place / Cutting.chunkSize)
        var failure: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: Cutting.chunkSize) { buffer, initialized in
            do throws(StoreError) {
                initialized = try self.model.read(chunk, of: shard, into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes[(place % Cutting.chunkSize)...]
    }
}

extension Manifest.Extent {
    fileprivate func contains(_ place: Int) -> Bool { (self.offset..<self.offset + self.length).contains(place) }
}
