import Logging
import ShoalCore
import ShoalFormats
import ShoalStore
import ShoalSwarm
import ShoalTransport
import ShoalWire

/// Chunks and hash lists on their way up.
extension EffectRunner {
    func serve(
        _ connection: ConnectionID,
        _ request: UInt32,
        _ swarm: SwarmHandle,
        _ shard: ShardIndex,
        _ chunk: ChunkIndex
    ) {
        guard let model = self.model(of: swarm) else {
            return self.loop.post(.chunkUnreadable(connection, request: request, chunk: chunk))
        }
        let (token, buffer) = self.uploads.begin(connection, request: request, chunk: chunk)
        // A shard that is being evicted is not begun any more; the mesh has been told, or is about to be.
        guard let lease = model.stored.leaseForUpload(shard) else { return self.abandon(token) }
        let start = ContinuousClock.now
        let isBegun = self.submit(for: swarm) {
            defer { lease.close() }
            do throws(StoreError) {
                let size = try model.stored.read(chunk, of: shard, into: buffer.bytes)
                self.metrics.transfers.read(since: start)
                let headers = self.headers(of: chunk, size: size, request: request, swarm: swarm)
                let isSent = self.uploads.handOver(token, size: size) { self.desk(of: connection) != nil }
                guard isSent else { return self.abandon(token) }
                let outgoing = OutgoingChunk(headers: headers, payload: buffer, size: size)
                guard !self.lanes.send(connection, outgoing, token: token) else { return }
                self.transport.sendChunk(connection, outgoing, token: token)
            } catch {
                self.abandon(token)
                self.unreadable(swarm, shard, error)
            }
        }
        if !isBegun { self.abandon(token) }
    }

    private func headers(of chunk: ChunkIndex, size: Int, request: UInt32, swarm: SwarmHandle) -> [UInt8] {
        stride(from: 0, to: size, by: WireLimits.framePayload).flatMap { offset in
            FrameHeader(handle: swarm.rawValue, request: request, chunk: chunk, offset: UInt32(offset)).encoded()
        }
    }

    private func abandon(_ token: UInt64) {
        guard let upload = self.uploads.finish(token) else { return }
        self.loop.post(.chunkUnreadable(upload.connection, request: upload.request, chunk: upload.chunk))
    }

    func serveHashes(_ connection: ConnectionID, _ swarm: SwarmHandle, _ shard: ShardIndex) {
        guard let model = self.model(of: swarm) else { return self.loop.post(.hashesServed(connection, swarm)) }
        let isBegun = self.submit(for: swarm) {
            defer { self.loop.post(.hashesServed(connection, swarm)) }
            var digests: [Digest] = []
            do throws(StoreError) {
                if let list = try model.stored.hashList(of: shard) {
                    digests = (0..<list.count).map { list[ChunkIndex($0)] }
                }
            } catch {
                self.logger.error(
                    "hash list unreadable",
                    metadata: ["shoal.shard": "\(shard.rawValue)", "shoal.error": "\(error)"]
                )
            }
            self.send(ControlMessage(handle: swarm.rawValue, .hashes(shard: shard, digests: digests)), to: connection)
        }
        if !isBegun { self.loop.post(.hashesServed(connection, swarm)) }
    }
}
