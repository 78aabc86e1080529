package import NIOCore
import NIOSSL
import ShoalCore
package import ShoalSwarm
import Synchronization

/// A WebSocket to one tracker.
///
/// It connects when it is told to and reports what happens; when to try again is for a machine to decide. All methods
/// may be called from any thread and return at once. Events come one after the other on a thread of NIO: the callback
/// must return at once, too. A connection lives until it ends or is closed, whether anyone holds the client or not.
package final class TrackerClient: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// Name look-up and TCP.
        package var connectTimeout: Duration = .seconds(5)
        /// TLS and the WebSocket handshake, after that.
        package var upgradeTimeout: Duration = .seconds(5)
        /// Between pings; two without any sign of life in answer end the connection. Trackers and the boxes on the way
        /// drop connections after 60 s of silence and more.
        package var pingInterval: Duration = .seconds(25)
        /// PEM file of authorities to trust besides the system's.
        package var authorityFile: String?

        package init() {}
    }

    /// What happens to a connection: ``connected`` at most once, ``closed(reason:)`` exactly once and last.
    package enum Event: Hashable, Sendable {
        case connected
        case message(TrackerResponse)
        /// The tracker sent what is no message of the protocol, and why. The connection goes on.
        case malformed(reason: String)
        /// The connection ended or never came to be. The reason says what to do about it.
        case closed(reason: String)
    }

    package let url: TrackerURL
    private let configuration: Configuration
    private let tls: NIOSSLContext?
    private let group: any EventLoopGroup
    private let onEvent: @Sendable (Event) -> Void
    private let current = Mutex<TrackerConnection?>(nil)
    /// What the tracker wants to be told, by swarm (BEP 3, `tracker id`). It holds on later connections, too.
    private let trackerIDs = Mutex<[InfoHash: String]>([:])
    /// A node has fewer swarms; who names more wants our memory.
    private static let trackerIDLimit = 1_000

    /// A client that is not connected yet; an error when the authority file cannot be read.
    package init(
        url: TrackerURL,
        configuration: Configuration = Configuration(),
        group: any EventLoopGroup,
        onEvent: @escaping @Sendable (Event) -> Void
    ) throws(SignalingError) {
        self.url = url
        self.configuration = configuration
        self.tls = url.scheme == .wss ? try TLSFiles.clientContext(authorityFile: configuration.authorityFile) : nil
        self.group = group
        self.onEvent = onEvent
    }

    /// Starts a connection; while there is one, this does nothing.
    package func connect() {
        let connection = TrackerConnection(
            url: self.url,
            configuration: self.configuration,
            tls: self.tls,
            loop: self.group.next()
        ) { [self] connection, event in
            switch event {
            case .closed: self.forget(connection)
            case .message(.announced(let statistics)): self.note(statistics)
            default: break
            }
            self.onEvent(event)
        }
        let isNew = self.current.withLock { current in
            guard current == nil else { return false }
            current = connection
            return true
        }
        if isNew { connection.start() }
    }

    /// Sends a request. When there is no connection it is dropped: ``Event/closed(reason:)`` has told or will tell.
    package func send(_ request: TrackerRequest) throws(TrackerCodecError) {
        let bytes = try TrackerCodec.encode(request, trackerID: self.trackerID(for: request))
        self.current.withLock { $0 }?.send(bytes)
    }

    /// Ends the connection, if there is one, with a goodbye to the tracker.
    package func close() {
        self.current.withLock { $0 }?.close()
    }

    private func note(_ statistics: TrackerStatistics) {
        guard let trackerID = statistics.trackerID else { return }
        self.trackerIDs.withLock { known in
            guard known.count < Self.trackerIDLimit || known[statistics.infoHash] != nil else { return }
            known[statistics.infoHash] = trackerID
        }
    }

    private func trackerID(for request: TrackerRequest) -> String? {
        switch request {
        case .announce(let announce): self.trackerIDs.withLock { $0[announce.infoHash] }
        case .answer(let answer): self.trackerIDs.withLock { $0[answer.infoHash] }
        case .scrape: nil
        }
    }

    private func forget(_ connection: TrackerConnection) {
        self.current.withLock { current in
            if current === connection { current = nil }
        }
    }
}
