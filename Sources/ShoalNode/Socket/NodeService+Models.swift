import Foundation
import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalStore
import ShoalSwarm
import Synchronization

/// Models that commands have the node serve, or want to look into.
extension NodeService {
    /// 384 KiB of a manifest in a message: 512 KiB as base64.
    private static let manifestPart = 384 * 1024

    /// Serves a model of the home, or one that is published first, until the node ends.
    func seed(_ order: SeedOrder, _ answer: @escaping NodeSocket.Answer) async throws {
        let notes = Notes()
        let (model, given) = try await self.telling(answer) { board in try await self.source(order, board, notes) }
        for note in notes.all { try await answer(.note("note: \(note)")) }
        guard model.state.verifiedBytes > 0 else {
            throw NodeFailure(.failed, "nothing of that model is here any more: get it with `shoal fetch LINK`")
        }
        let trackers = try Self.trackers(order.trackers, of: given)
        var link = given
        // What is told names the trackers at which the model is found.
        link.trackers = (trackers.isEmpty ? self.node.ownTrackerURLs : trackers).map(\.description)
        link = try await self.signed(link)
        _ = try self.node.add(model, link: link, fetches: false, at: trackers)
        try await answer(
            .seeding(
                SeedReport(
                    link: link.text,
                    manifest: model.id.hex,
                    verifiedBytes: model.state.verifiedBytes,
                    totalBytes: model.manifest.totalSize,
                    shards: model.manifest.shards.count
                )
            )
        )
    }

    private func source(
        _ order: SeedOrder,
        _ board: ProgressBoard,
        _ notes: Notes
    ) async throws -> (StoredModel, MagnetLink) {
        guard let link = try self.linkOrPath(order.source) else {
            let model = try await self.publish(order.source, board, notes)
            let name = order.name ?? URL(filePath: order.source).standardizedFileURL.lastPathComponent
            return (model, MagnetLink(manifestID: model.id, name: name))
        }
        guard let model = try await self.open(link, board) else {
            throw NodeFailure(.failed, "this home has nothing of that model: get it with `shoal fetch LINK`")
        }
        return (model, link)
    }

    /// Sends the canonical bytes. Those of a model that the home does not have come from the swarm, in which the node
    /// then goes on taking part, without asking for any of the model's bytes.
    func sendManifest(_ order: ManifestOrder, _ answer: @escaping NodeSocket.Answer) async throws {
        let notes = Notes()
        let bytes = try await self.telling(answer) { board in
            guard let link = try self.linkOrPath(order.source) else {
                return try await self.publish(order.source, board, notes).manifestBytes
            }
            return try await self.described(link, order.trackers, board).manifestBytes
        }
        for note in notes.all { try await answer(.note("note: \(note)")) }
        for start in stride(from: 0, to: bytes.count, by: Self.manifestPart) {
            try await answer(.manifestPart(Data(bytes[start..<min(start + Self.manifestPart, bytes.count)])))
        }
    }

    /// The model, as far as it is here: at least its manifest, which comes from the swarm when the home has none.
    func described(_ link: MagnetLink, _ trackers: [String], _ board: ProgressBoard) async throws -> StoredModel {
        if let model = try await self.open(link, board) { return model }
        let events = self.node.listen()
        let handle = try self.node.add(
            link,
            fetches: false,
            replicates: false,
            at: try Self.trackers(trackers, of: link)
        )
        board.follow(handle)
        // It may have come before somebody listened.
        if let model = self.node.model(of: handle) { return model }
        for await event in events {
            switch event {
            case .failed(handle, let error): throw error
            case .observed(.swarmLeft(handle)): throw NodeFailure(.failed, "the model was removed meanwhile")
            case .described(handle, _): if let model = self.node.model(of: handle) { return model }
            default: break
            }
        }
        throw CancellationError()
    }

    /// The link that a source is, or nil when it is a path.
    private func linkOrPath(_ source: String) throws -> MagnetLink? {
        if source.lowercased().hasPrefix("magnet:") { return try Self.link(source) }
        try Self.requireAbsolute(source)
        return nil
    }

    private func publish(_ path: String, _ board: ProgressBoard, _ notes: Notes) async throws -> StoredModel {
        try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try self.store.publish(path: path, progress: board.handler(.hashing, isStopped)) { notes.add($0) }
        }
    }

    /// `link` with the signatures that the home keeps.
    private func signed(_ link: MagnetLink) async throws -> MagnetLink {
        try await Stoppable.run(on: self.node.chores) { _ throws(StoreError) in try self.store.signed(link) }
    }

    func open(_ link: MagnetLink, _ board: ProgressBoard) async throws -> StoredModel? {
        try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try self.store.open(link.manifestID, progress: board.handler(.examining, isStopped))
        }
    }
}

/// What publishing found worth saying, until the command can be told.
private final class Notes: Sendable {
    private let notes = Mutex<[String]>([])

    func add(_ note: String) { self.notes.withLock { $0.append(note) } }

    var all: [String] { self.notes.withLock { $0 } }
}
