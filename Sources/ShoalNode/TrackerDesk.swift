import Dispatch
import NIOPosix
import ShoalCore
import ShoalSignaling
import ShoalSwarm
import Synchronization

/// The trackers that a node knows: their clients, by the index under which the mesh speaks of them. More come while the
/// node runs, with the models that commands add; none goes.
final class TrackerDesk: Sendable {
    /// 64 trackers: every one costs a socket, and a swarm is well announced at a few.
    static let limit = 64

    private let loop: NodeLoop
    private let configuration: TrackerClient.Configuration
    private let clients = Mutex<[TrackerClient]>([])
    /// Entered for each open tracker socket.
    private let open = DispatchGroup()

    init(loop: NodeLoop, authority: String?) {
        self.loop = loop
        var configuration = TrackerClient.Configuration()
        configuration.authorityFile = authority
        self.configuration = configuration
    }

    subscript(index: TrackerIndex) -> TrackerClient { self.clients.withLock { $0[index.rawValue] } }

    /// The place of a tracker, new or known; nil when there are too many.
    ///
    /// - Throws: ``SignalingError`` when the authority's file cannot be read.
    func index(of url: TrackerURL) throws -> TrackerIndex? {
        try self.clients.withLock { clients in
            if let position = clients.firstIndex(where: { $0.url == url }) { return TrackerIndex(position) }
            guard clients.count < Self.limit else { return nil }
            let index = TrackerIndex(clients.count)
            clients.append(try self.client(url, index))
            return index
        }
    }

    /// Returns when the trackers have our goodbyes, after a second at the latest: one that does not take its goodbye is
    /// not waited for.
    func awaitGoodbyes() { _ = self.open.wait(timeout: .now() + .seconds(1)) }

    private func client(_ url: TrackerURL, _ index: TrackerIndex) throws -> TrackerClient {
        let isOpen = Mutex(false)
        let (loop, open) = (self.loop, self.open)
        return try TrackerClient(
            url: url,
            configuration: self.configuration,
            group: MultiThreadedEventLoopGroup.singleton
        ) { event in
            switch event {
            case .connected:
                open.enter()
                isOpen.withLock { $0 = true }
                loop.post(.trackerConnected(index))
            case .message(let response): loop.post(.trackerReceived(index, response))
            case .malformed(let reason): loop.post(.trackerReceived(index, .warning(reason)))
            case .closed(let reason):
                if isOpen.withLock({ wasOpen in
                    defer { wasOpen = false }
                    return wasOpen
                }) {
                    open.leave()
                }
                loop.post(.trackerClosed(index, reason: reason))
            }
        }
    }
}
