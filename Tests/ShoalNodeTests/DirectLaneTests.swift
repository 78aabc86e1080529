import ShoalCore
import ShoalFormats
import ShoalStore
import ShoalSwarm
import ShoalTransport
import TestSupport
import Testing

@testable import ShoalNode

/// Real nodes with direct lanes between them.
@Suite(.timeLimit(.minutes(1))) struct DirectLaneTests {
    /// Eight shards of 1 MiB.
    private func model(_ scene: Scene) throws -> String {
        for number in 0..<8 {
            try scene.folder.write("many/\(number)", Weights.bytes(1 << 20, seed: UInt64(number)))
        }
        return scene.folder("many")
    }

    private func sharing(
        _ scene: Scene,
        upload: Int? = nil,
        directLanePort: Int? = 0
    ) throws -> (seeder: TestNode, link: MagnetLink) {
        var configuration = MeshConfiguration()
        configuration.limits.upload.total = upload
        let seeder = try scene.node(
            "seeder",
            visitsAlley: false,
            configuration: configuration,
            directLanePort: directLanePort
        )
        let model = try seeder.store.publish(path: try self.model(scene))
        _ = try seeder.node.add(model, link: model.link, fetches: false)
        return (seeder, model.link)
    }

    private func lanes(_ node: TestNode) async -> [PeerReport.Lane] { await node.node.peers().map(\.lane) }

    /// How many peers a node has lost.
    private func losses(_ node: TestNode) -> Int {
        node.events.entries.count { if case .observed(.peerLeft) = $0 { true } else { false } }
    }

    @Test func `nodes move chunks over a direct lane`() async throws {
        try await inScene { scene in
            let (seeder, link) = try self.sharing(scene, upload: 8 << 20)
            let fetcher = try scene.node("fetcher", visitsAlley: false)
            let swarm = try fetcher.node.add(link)
            try await fetcher.finished(swarm)
            #expect(await self.lanes(seeder) == [.direct])
            #expect(await self.lanes(fetcher) == [.direct])
        }
    }

    @Test(arguments: [true, false]) func `a lane that is cut in the middle costs nothing`(bySeeder: Bool) async throws {
        try await inScene { scene in
            let (seeder, link) = try self.sharing(scene, upload: 4 << 20)
            let fetcher = try scene.node("fetcher", visitsAlley: false)
            let swarm = try fetcher.node.add(link)
            try await fetcher.events.first("the first shard") { event in
                if case .observed(.shardCompleted) = event { () } else { nil }
            }
            let cutter = bySeeder ? seeder : fetcher
            for peer in await cutter.node.peers() {
                #expect(peer.lane == .direct)
                cutter.node.lanes?.close(peer.status.connection, reason: "cut")
            }
            try await fetcher.finished(swarm)
            // No chunk came twice or was given up, which would have cost the connection, and the rest came over WebRTC.
            #expect(self.losses(fetcher) == 0 && self.losses(seeder) == 0)
            #expect(await self.lanes(fetcher) == [.webrtc])
            #expect(await self.lanes(seeder) == [.webrtc])
            #expect(seeder.node.runner.uploads.count == 0)
        }
    }

    @Test func `a node without lanes gets all over WebRTC`() async throws {
        try await inScene { scene in
            let (seeder, link) = try self.sharing(scene)
            let fetcher = try scene.node("fetcher", visitsAlley: false, directLanePort: nil)
            let swarm = try fetcher.node.add(link)
            try await fetcher.finished(swarm)
            #expect(await self.lanes(seeder) == [.webrtc])
            #expect(await self.lanes(fetcher) == [.webrtc])
        }
    }
}
