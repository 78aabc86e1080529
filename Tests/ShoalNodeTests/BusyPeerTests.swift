import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm
import TestSupport
import Testing

/// Control messages starve behind bulk in SCTP: a peer whose channels are full must not be taken for a silent one.
@Suite(.timeLimit(.minutes(2))) struct BusyPeerTests {
    /// 48 MiB each way: thousands of frames between two pings.
    private static let size = 48 << 20

    private func publish(_ name: String, by node: TestNode, in scene: Scene, seed: UInt64) throws -> StoredModel {
        try scene.folder.write("\(name)/weights", Weights.bytes(Self.size, seed: seed))
        return try node.store.publish(path: scene.folder(name))
    }

    @Test func `peers that send to each other at full rate are never suspected`() async throws {
        try await inScene { scene in
            let left = try scene.node("left", visitsAlley: false)
            let right = try scene.node("right", visitsAlley: false)
            let leftModel = try self.publish("one", by: left, in: scene, seed: 1)
            let rightModel = try self.publish("two", by: right, in: scene, seed: 2)
            _ = left.node.add(leftModel, link: leftModel.link, fetches: false)
            _ = right.node.add(rightModel, link: rightModel.link, fetches: false)
            let wantedLeft = left.node.add(rightModel.link)
            let wantedRight = right.node.add(leftModel.link)
            try await left.finished(wantedLeft)
            try await right.finished(wantedRight)
            for node in [left, right] {
                #expect(node.doubts().isEmpty)
                #expect(await node.progress(of: node === left ? wantedLeft : wantedRight).bytes == Self.size)
            }
        }
    }
}

extension TestNode {
    /// Returns when every file of this swarm is whole.
    func finished(_ handle: SwarmHandle) async throws {
        try await self.events.first("the whole model", within: .seconds(90)) { event in
            if case .finished(handle) = event { () } else { nil }
        }
    }

    /// Peers that were suspected, banned or lost.
    func doubts() -> [MeshObservation] {
        self.events.entries.compactMap { event in
            guard case .observed(let observation) = event else { return nil }
            return switch observation {
            case .peerSuspected, .peerBanned: observation
            default: nil
            }
        }
    }
}
