import Foundation
import Logging
import ModelFixtures
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
    /// A dense tensor, and two experts in layer 2, each of three parts.
    private static let model: GGUFFile = {
        var model = GGUFFile()
        model["general.architecture"] = .text("llama")
        model["llama.block_count"] = .uint32(3)
        model["llama.expert_count"] = .uint32(2)
        model["llama.expert_used_count"] = .uint32(1)
        model.tensors = [.init("token_embd.weight", [100, 500])]
        for part in ["gate", "down", "up"] {
            model.tensors.append(.init("blk.2.ffn_\(part)_exps.weight", [128, 128, 2]))
        }
        return model
    }()
    /// The bytes of the model's only file, `model.gguf`.
    static let file = model.bytes
    static let headerSize = model.head.count
    /// The header, the dense tensor, and the two experts, of two chunks each but for the header.
    static let shards: [[UInt8]] = {
        let (dense, part) = (200_000, 128 * 128 * 4)
        let parts = headerSize + dense
        let experts = (0..<2).map { expert in
            (0..<3).flatMap { file[(parts + (2 * $0 + expert) * part)...].prefix(part) }
        }
        return [Array(file[..<headerSize]), Array(file[headerSize..<parts])] + experts
    }()

    let folder: TemporaryFolder
    let tracker: TrackerServer
    let seeder: Node
    /// Of the model, with the tracker in it.
    let link: String
    private let home: Home
    private let others = Mutex<[LocalNode]>([])

    fileprivate init(uploadLimit: Int?, liesAboutExperts: Bool) async throws {
        self.folder = try TemporaryFolder()
        self.tracker = try await TrackerServer.start(group: MultiThreadedEventLoopGroup.singleton)
        let path = try self.folder.write("source/model.gguf", Self.file)
        self.home = try Home(path: self.folder("seeder"))
        let store = try ModelStore(home: self.home)
        let published = try store.publish(path: path)
        let model = liesAboutExperts ? try Self.withSwappedExperts(published, path, in: store) : published
        var configuration = NodeConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.trackers = [self.tracker.url]
        configuration.mesh.limits.upload.total = uploadLimit
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

    /// The same bytes under a manifest that takes each of the experts for the other.
    private static func withSwappedExperts(
        _ model: StoredModel,
        _ path: String,
        in store: ModelStore
    ) throws -> StoredModel {
        let text = String(decoding: model.manifestBytes, as: UTF8.self)
            .replacing("\"2.0\":[[2,", with: "\"2.0\":[[3,")
            .replacing("\"2.1\":[[3,", with: "\"2.1\":[[2,")
        let bytes = Array(text.utf8)
        let lie = try store.receive(manifest: bytes, id: ManifestID(Digest(sha256Of: bytes)))
        _ = try store.adopt(path, into: lie)
        return lie
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
func inHall(
    uploadLimit: Int? = nil,
    liesAboutExperts: Bool = false,
    _ test: (Hall) async throws -> Void
) async throws {
    let hall = try await Hall(uploadLimit: uploadLimit, liesAboutExperts: liesAboutExperts)
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
