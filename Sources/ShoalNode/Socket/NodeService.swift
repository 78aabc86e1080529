import Foundation
import ShoalCore
import ShoalFormats
import ShoalSignaling
package import ShoalStore
import ShoalSwarm
import Synchronization

/// Does what commands of the home ask its node through the socket.
///
/// The parts: what the node is doing (here), fetches (`+Fetch`), publishing and manifests (`+Models`), what the home holds
/// (`+Home`), whether it is right (`+Verify`), how much it may take (`+Cache`) and how quickly bytes may move (`+Limits`).
package final class NodeService: Sendable {
    let node: Node
    let store: ModelStore
    private let home: String
    private let metrics: String?
    private let start = ContinuousClock.now
    private let stop = AsyncStream.makeStream(of: Never.self)

    /// - Parameters:
    ///   - home: its absolute path.
    ///   - metrics: where Prometheus finds them.
    package init(node: Node, store: ModelStore, home: String, metrics: String? = nil) {
        self.node = node
        self.store = store
        self.home = home
        self.metrics = metrics
    }

    /// Carries out one request; the answers go through `answer`, but for the last one.
    package func carryOut(_ request: NodeRequest, _ answer: @escaping NodeSocket.Answer) async throws {
        switch request {
        case .status: try await answer(.status(try await self.status()))
        case .peers: for peer in await self.peers() { try await answer(.peer(peer)) }
        case .fetch(let order): try await self.fetch(order, answer)
        case .seed(let order): try await self.seed(order, answer)
        case .manifest(let order): try await self.sendManifest(order, answer)
        case .list: for model in try await self.list() { try await answer(.model(model)) }
        case .verify(let order): try await self.verify(order, answer)
        case .remove(let order): try await self.remove(order, answer)
        case .adopt(let order): try await self.adopt(order, answer)
        case .cache(let order): try await answer(.cache(try await self.cache(order)))
        case .pin(let order): try await answer(.pinned(try await self.pin(order)))
        case .limit(let order): try await answer(.limits(try await self.limit(order)))
        case .stop: self.stop.continuation.finish()
        }
    }

    /// Returns when a command wants the node to end.
    package func awaitStop() async { for await _ in self.stop.stream {} }

    // MARK: What it is doing

    private func status() async throws -> StatusReport {
        let budget = await self.node.connectionBudget()
        let limits = LimitReport(self.node.limits)
        return StatusReport(
            node: self.node.id.hex,
            agent: self.node.agent,
            process: getpid(),
            uptimeSeconds: (ContinuousClock.now - self.start).inSeconds,
            home: self.home,
            metrics: self.metrics,
            connections: StatusReport.Connections(used: budget.used, maximum: budget.maximum),
            limits: limits.isUnlimited ? nil : limits,
            trackers: await self.node.trackerStatuses().map { StatusReport.Tracker($0.url, $0.status) },
            swarms: await self.node.swarms().map(StatusReport.Swarm.init)
        )
    }

    private func peers() async -> [PeerReport] {
        let manifests = Dictionary(
            await self.node.swarms().map { ($0.handle, $0.link.manifestID.hex) },
            uniquingKeysWith: { first, _ in first }
        )
        return await self.node.peers().map { PeerReport($0, manifests: manifests) }
    }

    // MARK: What orders name

    static func link(_ text: String) throws(NodeFailure) -> MagnetLink {
        do throws(LinkError) {
            return try MagnetLink(parsing: text)
        } catch {
            throw NodeFailure(.failed, error.problem)
        }
    }

    /// The trackers of a link that can be used, and those of an order, which must be.
    static func trackers(_ order: [String], of link: MagnetLink?) throws -> [TrackerURL] {
        // Links of other programs name trackers of other kinds; the client has said that they are passed over.
        let named = link?.trackers.compactMap { try? TrackerURL($0) } ?? []
        return try named + order.map { try TrackerURL($0) }
    }

    static func requireAbsolute(_ path: String) throws(NodeFailure) {
        guard path.hasPrefix("/") else { throw NodeFailure(.failed, "\(path) is not an absolute path") }
    }
}
