import Foundation
import Logging
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm
import Synchronization
import TestSupport

import class NIOPosix.MultiThreadedEventLoopGroup

@testable import Shoal

/// Where users of the library play: a tracker, a seeder of a small model with experts, and the nodes that a test starts.
final class Hall: Sendable {
    /// Three shards of two chunks: one dense, two of which are experts'.
    static let files = (0..<3).map { Weights.bytes(200_000, seed: UInt64($0)) }

    let folder: TemporaryFolder
    let tracker: TrackerServer
    let seeder: Node
    /// Of the model, with the tracker in it.
    let link: String
    private let home: Home
    private let others = Mutex<[LocalNode]>([])

    fileprivate init(uploadLimit: Int?) async throws {
        self.folder = try TemporaryFolder()
        self.tracker = try await TrackerServer.start(group: MultiThreadedEventLoopGroup.singleton)
        for (name, bytes) in zip(["a", "b", "c"], Self.files) { _ = try self.folder.write("source/\(name)", bytes) }
        let library = try ModelStore(home: try Home(path: self.folder("library")))
        let plain = try library.publish(path: self.folder("source"))
        self.home = try Home(path: self.folder("seeder"))
        let store = try ModelStore(home: self.home)
        let model = try Self.withExperts(plain, in: store)
        var configuration = NodeConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.trackers = [self.tracker.url]
        configuration.mesh.uploadLimit = uploadLimit
        self.seeder = try Node(
            home: self.home,
            store: store,
            configuration: configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onEvent: { _ in }
        )
        let link = MagnetLink(manifestID: model.id, trackers: [self.tracker.url.description])
        _ = try self.seeder.add(model, link: link, fetches: false)
        self.link = link.text
    }

    /// The same bytes under a manifest that calls two of the shards experts.
    private static func withExperts(_ plain: StoredModel, in store: ModelStore) throws -> StoredModel {
        let text = String(decoding: plain.manifestBytes, as: UTF8.self)
            .replacing(
                "{\"chunkSize\":131072,",
                with: """
                    {"chunkSize":131072,"experts":{"layers":3,"map":{"2.0":[[1,0,200000]],\
                    "2.1":[[2,150000,50000],[2,0,150000]]},"perLayer":2,"used":1},
                    """
            )
            .replacing("[[1,0,200000]],\"kind\":\"dense\"", with: "[[1,0,200000]],\"kind\":\"expert\"")
            .replacing("[[2,0,200000]],\"kind\":\"dense\"", with: "[[2,0,200000]],\"kind\":\"expert\"")
        let bytes = Array(text.utf8)
        let model = try store.receive(manifest: bytes, id: ManifestID(Digest(sha256Of: bytes)))
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Cutting.chunkSize, alignment: 8)
        defer { scratch.deallocate() }
        for (position, shard) in plain.manifest.shards.enumerated() {
            guard let list = try plain.hashList(of: ShardIndex(position)) else { continue }
            try model.install(list, for: ShardIndex(position))
            for chunk in 0..<shard.chunkCount {
                let count = try plain.read(ChunkIndex(chunk), of: ShardIndex(position), into: scratch)
                let written = UnsafeRawBufferPointer(rebasing: scratch[..<count])
                guard try model.write(ChunkIndex(chunk), of: ShardIndex(position), bytes: written) == .verified else {
                    throw StoreError(.corrupt, "the seeder's model is not what it should be")
                }
            }
        }
        return model
    }

    var modelID: String { String(self.link.dropFirst("magnet:?xt=urn:sha256:".count).prefix(64)) }

    /// A node of the library, stopped at the end of the test at the latest.
    func node(_ name: String = "reader") async throws -> LocalNode {
        var options = LocalNode.Options(home: self.folder(name))
        options.bindAddress = "127.0.0.1"
        let node = try await LocalNode.start(options)
        self.others.withLock { $0.append(node) }
        return node
    }

    /// Stops a node before the test ends.
    func stop(_ node: LocalNode) async {
        self.others.withLock { $0.removeAll { $0 === node } }
        await node.stop()
    }

    fileprivate func end() async {
        for node in self.others.withLock({ $0 }) { await node.stop() }
        await self.seeder.stop()
        self.home.close()
        await self.tracker.shutdown()
    }
}

/// Plays a test in a hall of its own, and clears it however the test ends.
func inHall(uploadLimit: Int? = nil, _ test: (Hall) async throws -> Void) async throws {
    let hall = try await Hall(uploadLimit: uploadLimit)
    let outcome = await Result { try await test(hall) }
    await hall.end()
    try outcome.get()
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
