import Foundation
import HostilePeers
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm
import ShoalWire
import TestSupport
import Testing

/// A node that fetches from peers who have everything and are not to be trusted with it. Whatever they do, an honest
/// seeder that comes later is enough.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct HostileSeederTests {
    /// Lets a hostile seeder do its worst until `isDone`, then sends an honest one.
    private func expectRescue(
        from conduct: Conduct,
        configuration: MeshConfiguration = MeshConfiguration(),
        isDone: (HostilePeer, TestNode) async throws -> Void
    ) async throws {
        try await inScene { scene in
            let model = try scene.model()
            let fetcher = try scene.node("fetcher", configuration: configuration)
            let handle = try fetcher.node.add(model.link)
            let infoHash = model.link.infoHash
            let peer = try await scene.peer(of: fetcher, in: infoHash, conduct: conduct, model: model)
            try await peer.join(model.link.joinKey)
            try await isDone(peer, fetcher)
            let before = await fetcher.progress(of: handle)
            #expect(before.bytes == 0, "something of a liar was kept")

            let seeder = try scene.node("seeder", visitsAlley: false)
            _ = try seeder.node.add(seeder.store.publish(path: scene.folder("source")), link: model.link, fetches: true)
            try await fetcher.finished()
            let after = await fetcher.progress(of: handle)
            #expect(after.bytes == model.manifest.totalSize)
            #expect(after.peers == 1)
            let fetched = try #require(fetcher.node.model(of: handle))
            try fetched.export(to: scene.folder("copy"))
            for name in ["a", "b", "c"] {
                let copy = try Data(contentsOf: scene.folder.url.appending(path: "copy/\(name)"))
                let source = try Data(contentsOf: scene.folder.url.appending(path: "source/\(name)"))
                #expect(copy == source)
            }
        }
    }

    /// Bytes with one bit wrong, in the last frame.
    private static let garbled: @Sendable ([UInt8]) -> [UInt8] = { bytes in
        var bytes = bytes
        bytes[bytes.count - 1] ^= 1
        return bytes
    }

    @Test func `wrong chunks are not stored, and their sender is banned at the second shard`() async throws {
        try await self.expectRescue(from: Conduct(chunk: Self.garbled)) { peer, fetcher in
            let ban = try await fetcher.ban()
            #expect(ban.node == fetcher.identity.nodeID(of: peer.identity.publicKey))
            #expect(ban.reason == "it sent wrong bytes of two shards")
            _ = try await peer.ends.first("the end of the connection") { $0 }
        }
    }

    @Test func `wrong hash lists cost their sender the same`() async throws {
        let wrong: @Sendable ([Digest]) -> [Digest] = { Array($0.reversed()) }
        try await self.expectRescue(from: Conduct(hashes: wrong)) { peer, fetcher in
            let reason = try await fetcher.ban().reason
            #expect(reason == "it sent wrong bytes of two shards")
            _ = try await peer.ends.first("the end of the connection") { $0 }
        }
    }

    @Test func `hash lists of another length cost their sender the same`() async throws {
        let wrong: @Sendable ([Digest]) -> [Digest] = { $0 + $0 }
        try await self.expectRescue(from: Conduct(hashes: wrong)) { _, fetcher in
            let reason = try await fetcher.ban().reason
            #expect(reason == "it sent wrong bytes of two shards")
        }
    }

    /// The example of `docs/protocol.md`, a valid manifest of another model.
    private static let otherManifest = """
        {"chunkSize":131072,"files":[{"path":"hello.txt",\
        "sha256":"e2acb35903e4810e6c1756c84c9ed6099df74e12742c9e14fc260501feffd866","size":12}],\
        "format":"files","layout":1,"shards":[{"extents":[[0,0,12]],"kind":"dense",\
        "root":"e2acb35903e4810e6c1756c84c9ed6099df74e12742c9e14fc260501feffd866","size":12}],"shoal":1}
        """

    @Test(arguments: [Array("{}".utf8), [0xFF], Array(otherManifest.utf8)])
    func `a manifest that is not the one of the link bans its sender`(wrong: [UInt8]) async throws {
        try await self.expectRescue(from: Conduct(manifest: { _ in wrong })) { _, fetcher in
            let reason = try await fetcher.ban().reason
            #expect(reason.hasPrefix("it sent a manifest that is not the one of the link: "), "\(reason)")
        }
    }

    @Test func `frames that do not fit their request end the connection at the third`() async throws {
        let wrong: @Sendable (FrameHeader) -> FrameHeader = { header in
            FrameHeader(handle: header.handle, request: header.request, chunk: ChunkIndex(99), offset: header.offset)
        }
        try await self.expectRescue(from: Conduct(frame: wrong)) { _, fetcher in
            let reason = try await fetcher.loss()
            #expect(reason == "it sends an impossible value in the field frame")
        }
    }

    @Test func `a peer that owes chunks and falls silent is given up`() async throws {
        try await self.expectRescue(
            from: Conduct(answersPings: false, chunk: { _ in nil }),
            configuration: MeshConfiguration()
                .with(\.busyPing, .milliseconds(50)).with(\.busySilence, .milliseconds(300))
        ) { _, fetcher in
            let reason = try await fetcher.loss()
            #expect(reason == "it is silent")
        }
    }

    @Test func `a peer that owes chunks, lives and sends none is given up`() async throws {
        try await self.expectRescue(
            from: Conduct(chunk: { _ in nil }),
            configuration: MeshConfiguration().with(\.stallLimit, .milliseconds(300))
        ) { _, fetcher in
            let reason = try await fetcher.loss()
            #expect(reason == "it owes chunks and sends none")
        }
    }

    @Test func `a peer that owes chunks, lives and sends none holds nobody up`() async throws {
        try await self.expectRescue(from: Conduct(chunk: { _ in nil })) { peer, _ in
            try await peer.messages.first("a request") { message in
                if case .request = message.body { () } else { nil }
            }
        }
    }

    @Test func `a peer that promises the manifest and never sends it holds nobody up`() async throws {
        try await self.expectRescue(from: Conduct(manifest: { _ in nil }, chunk: { _ in nil })) { peer, _ in
            try await peer.messages.first("a request for the manifest") { message in
                if case .manifestRequest = message.body { () } else { nil }
            }
        }
    }

    @Test func `a peer that promises hash lists and never sends them holds nobody up`() async throws {
        try await self.expectRescue(from: Conduct(hashes: { _ in nil }, chunk: { _ in nil })) { peer, _ in
            try await peer.messages.first("a request for hashes") { message in
                if case .hashesRequest = message.body { () } else { nil }
            }
        }
    }
}
