import HostilePeers
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm
import ShoalWire
import TestSupport
import Testing

/// A node that serves, and peers that ask for what they may not have.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct HostileFetcherTests {
    /// Runs `script` with a peer in the swarm of a node that serves a model.
    private func withSeeder(
        ofLargeModel isLarge: Bool = false,
        configuration: MeshConfiguration = MeshConfiguration(),
        _ script: (HostilePeer, TestNode) async throws -> Void
    ) async throws {
        try await inScene { scene in
            let model = isLarge ? try scene.largeModel() : try scene.model()
            let seeder = try scene.node("seeder", configuration: configuration)
            _ = try seeder.node.add(model, link: model.link, fetches: true)
            let peer = try await scene.peer(of: seeder, in: model.link.infoHash)
            try await peer.join(model.link.joinKey)
            try await peer.messages.first("what the node has") { message in
                message.body == .bitfield(.full(count: model.manifest.shards.count)) ? () : nil
            }
            try await script(peer, seeder)
        }
    }

    @Test func `what was promised in hello is served, one chunk more is rejected`() async throws {
        try await self.withSeeder(ofLargeModel: true, configuration: MeshConfiguration().with(\.servedChunks, 2)) {
            peer,
            _ in
            peer.request(1, count: 3)
            let rejection = try await peer.rejection(of: 1)
            #expect(rejection == Rejection(id: 1, reason: .limit, framesSent: 0))
            peer.request(2, count: 2)
            try await peer.frames.wait(for: "two chunks") { frames in
                frames.count { $0.header.request == 2 } == 8 ? () : nil
            }
            #expect(!peer.frames.entries.contains { $0.header.request == 1 })
        }
    }

    @Test func `requests beyond the queue are rejected, those in it are served`() async throws {
        try await self.withSeeder(ofLargeModel: true, configuration: MeshConfiguration().with(\.servedRequests, 2)) {
            peer,
            _ in
            for id in UInt32(1)...3 { peer.request(id, first: Int(id) * 30, count: 30) }
            let rejection = try await peer.rejection(of: 3)
            #expect(rejection == Rejection(id: 3, reason: .limit, framesSent: 0))
            try await peer.frames.wait(for: "60 chunks") { $0.count == 240 ? () : nil }
            #expect(peer.frames.entries.allSatisfy { $0.header.request < 3 && $0.size == WireLimits.framePayload })
        }
    }

    @Test(arguments: [(99, 0, 1), (0, 2, 1), (0, 1, 2), (2, 511, 1)])
    func `what is not in the manifest is missing`(shard: Int, first: Int, count: Int) async throws {
        try await self.withSeeder { peer, _ in
            peer.request(1, shard: shard, first: first, count: count)
            let rejection = try await peer.rejection(of: 1)
            #expect(rejection == Rejection(id: 1, reason: .missing, framesSent: 0))
        }
    }

    @Test func `what has not arrived yet is missing`() async throws {
        try await inScene { scene in
            let model = try scene.model()
            let fetcher = try scene.node("fetcher")
            let empty = try fetcher.store.receive(manifest: model.manifestBytes, id: model.id)
            _ = try fetcher.node.add(empty, link: model.link, fetches: true)
            let peer = try await scene.peer(of: fetcher, in: model.link.infoHash)
            try await peer.join(model.link.joinKey)
            peer.request(1, count: 1)
            let rejection = try await peer.rejection(of: 1)
            #expect(rejection == Rejection(id: 1, reason: .missing, framesSent: 0))
            peer.send(.hashesRequest(shard: ShardIndex(0 as Int)), handle: HostilePeer.handle)
            let said = try await peer.everythingSaid()
            #expect(said.contains(.hashes(shard: ShardIndex(0 as Int), digests: [])))
        }
    }

    @Test func `a cancelled request ends, and the reject says how many frames it had`() async throws {
        try await self.withSeeder(ofLargeModel: true) { peer, _ in
            peer.request(1, count: 64)
            peer.request(2, first: 64, count: 64)
            try await peer.frames.first("a frame") { _ in () }
            peer.send(.cancel(id: 2), handle: HostilePeer.handle)
            let untouched = try await peer.rejection(of: 2)
            #expect(untouched.reason == .cancelled)
            peer.send(.cancel(id: 1), handle: HostilePeer.handle)
            let rejection = try await peer.rejection(of: 1)
            #expect(rejection.reason == .cancelled)
            #expect(rejection.framesSent < 256)
            let announced = Int(rejection.framesSent + untouched.framesSent)
            try await peer.frames.wait(for: "\(announced) frames") { $0.count >= announced ? () : nil }
            peer.request(3, count: 1)
            try await peer.frames.wait(for: "another chunk") { frames in
                frames.count { $0.header.request == 3 } == 4 ? () : nil
            }
            #expect(peer.frames.entries.count == announced + 4)
        }
    }

    @Test func `who asks for the manifest again and again is dropped`() async throws {
        try await self.withSeeder { peer, seeder in
            for _ in 0..<66 { peer.send(.manifestRequest(offset: 0), handle: HostilePeer.handle) }
            let parts = try await peer.everythingSaid().count { if case .manifestPart = $0 { true } else { false } }
            #expect(parts == 66)
            peer.send(.manifestRequest(offset: 0), handle: HostilePeer.handle)
            let loss = try await seeder.loss()
            #expect(loss == "it asks for the manifest again and again")
        }
    }

    @Test func `in a private swarm a wrong key opens nothing and learns nothing`() async throws {
        try await inScene { scene in
            let model = try scene.model()
            let key = try #require(SwarmKey(bytes: [UInt8](repeating: 1, count: 32)))
            let wrongKey = try #require(SwarmKey(bytes: [UInt8](repeating: 2, count: 32)))
            let link = MagnetLink(manifestID: model.id, swarmKey: key)
            let seeder = try scene.node("seeder")
            let handle = try seeder.node.add(model, link: link, fetches: true)

            // It has learnt the info hash somewhere, knows the manifest ID, and has every key but the right one.
            for secret in [model.id.joinKey(swarmKey: wrongKey), model.id.joinKey(swarmKey: nil)] {
                let peer = try await scene.peer(of: seeder, in: link.infoHash)
                try await peer.join(secret)
                for number in [HostilePeer.handle, handle.rawValue] {
                    peer.send(.manifestRequest(offset: 0), handle: number)
                    peer.send(.hashesRequest(shard: ShardIndex(0 as Int)), handle: number)
                    peer.send(.bitfield(.full(count: 3)), handle: number)
                }
                peer.request(1, count: 1)
                let said = try await peer.everythingSaid()
                #expect(said.allSatisfy { Self.isForStrangers($0) }, "\(said)")
                #expect(peer.frames.entries.isEmpty)
                #expect(await seeder.node.status(of: handle)?.peers == 0)
                await peer.leave()
            }

            let friend = try await scene.peer(of: seeder, in: link.infoHash)
            try await friend.join(link.joinKey)
            try await friend.messages.first("what the node has") { message in
                message.body == .bitfield(.full(count: 3)) ? () : nil
            }
        }
    }

    /// What a node says to everybody: who it is, and proofs that mean nothing to strangers.
    private static func isForStrangers(_ body: ControlMessage.Body) -> Bool {
        switch body {
        case .hello, .helloProof, .join, .ping, .pong: true
        default: false
        }
    }

    @Test func `messages about a swarm that was not joined mean nothing`() async throws {
        try await self.withSeeder { peer, _ in
            let before = try await peer.everythingSaid().count
            peer.send(.manifestRequest(offset: 0), handle: HostilePeer.handle + 1)
            let after = try await peer.everythingSaid().filter { if case .ping = $0 { false } else { true } }
            #expect(!after.dropFirst(before).contains { if case .manifestPart = $0 { true } else { false } })
        }
    }
}
