import Foundation
import Logging
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm

/// A node for as long as one command lasts: its home, its store, its events in words.
struct NodeSession: Sendable {
    let home: Home
    let store: ModelStore
    let node: Node
    let events: AsyncStream<NodeEvent>
    let display: ProgressDisplay
    private let trackers: [TrackerURL]
    private let told = Told()

    static func start(
        home: Home,
        store: ModelStore,
        trackers: [TrackerURL],
        authority: String?,
        network: NetworkOptions,
        logger: Logger
    ) throws -> NodeSession {
        var configuration = NodeConfiguration()
        configuration.bindAddress = network.bind
        configuration.mesh.uploadLimit = network.uploadLimit?.bytesPerSecond
        configuration.recording = network.recording.options
        configuration.trackers = trackers
        configuration.trackerAuthority = authority
        configuration.mesh.agent = "shoal/\(Version.text)"
        // The newest are kept: what ends a command comes last.
        let (events, continuation) = AsyncStream.makeStream(
            of: NodeEvent.self,
            bufferingPolicy: .bufferingNewest(1_024)
        )
        let node = try Node(home: home, store: store, configuration: configuration, logger: logger) { event in
            if event.isForPeople { continuation.yield(event) }
        }
        return NodeSession(
            home: home,
            store: store,
            node: node,
            events: events,
            display: ProgressDisplay(),
            trackers: trackers
        )
    }

    func stop() async {
        self.display.clear()
        await self.node.stop()
        self.home.close()
    }

    /// Tells people of an event, in a sentence.
    func tell(_ event: NodeEvent) {
        guard let sentence = self.sentence(for: event), self.told.isNews(event) else { return }
        self.display.say(sentence)
    }

    private func sentence(for event: NodeEvent) -> String? {
        switch event {
        case .observed(let observation): self.sentence(for: observation)
        case .found(_, let error): "warning: \(error)"
        case .described, .checking, .finished, .failed: nil
        }
    }

    private func sentence(for observation: MeshObservation) -> String? {
        switch observation {
        case .peerJoined(_, let peer, let agent): "connected to \(peer.short) (\(agent))"
        case .peerLeft(_, let peer?, let reason): "disconnected from \(peer.short): \(reason)"
        case .peerBanned(let peer, let reason): "banned \(peer.short): \(reason)"
        case .shardsLost(_, _, let reason): "warning: not all is served any more: \(reason)"
        case .trackerConnected(let index): "tracker \(self.trackers[index.rawValue]) is back"
        case .trackerLost(_, let reason, let retryIn):
            "\(reason) (next try in \(Figures.duration(retryIn.inSeconds)))"
        case .trackerWarned(let index, let text): "tracker \(self.trackers[index.rawValue]) says: \(text)"
        default: nil
        }
    }
}

extension NodeEvent {
    /// Whether a command has anything to say or do about the event.
    fileprivate var isForPeople: Bool {
        switch self {
        case .observed(.shardCompleted), .observed(.swarmOpened), .observed(.manifestArrived): false
        default: true
        }
    }
}
