import Dispatch
package import ShoalCore
import ShoalNode
package import ShoalSignaling
import ShoalStore
import ShoalSwarm
package import ShoalTransport
import ShoalWire
import Synchronization

import class NIOPosix.MultiThreadedEventLoopGroup

/// Strangers who come with many WebRTC connections at a time, and do with each of them what they came for.
///
/// As many attempts as there are places go on at the same time; one that ends, is refused or gets no answer gives its place to the
/// next, until there have been as many visits as were wanted.
package final class Mob: RTCTransportDelegate {
    /// What is done with a connection that has opened.
    package enum Purpose: Sendable {
        /// Nothing is ever said on it.
        case silence
        /// It is closed at once.
        case comingAndGoing
        /// The largest control messages that there are, full of nonsense.
        case rubbish
        /// It proves a key, a new one in a folder of `homes` each time, shares no swarm, and answers pings.
        case lurking(homes: String)
    }

    /// What has come of it so far.
    package struct Tally: Hashable, Sendable {
        package var attempts = 0
        package var opened = 0
        /// Of those that had opened.
        package var ended = 0
    }

    private enum Stage {
        case gathering
        case offered
        case open
    }

    private struct Attempt {
        var stage = Stage.gathering
        let began: ContinuousClock.Instant
        var introduction: Introduction?
    }

    private struct State {
        var attempts: [ConnectionID: Attempt] = [:]
        /// Described and not announced yet.
        var offers: [(connection: ConnectionID, sdp: String)] = []
        var announced: [OfferID: ConnectionID] = [:]
        var tally = Tally()
        var lastConnection: UInt64 = 0
        var generator = SystemRandomNumberGenerator()
        let name: PeerID
        var isOver = false

        init(name: PeerID) { self.name = name }
    }

    /// 4 s: an offer that has no answer by then was not worth one.
    private static let patience = Duration.seconds(4)
    private let purpose: Purpose
    private let infoHash: InfoHash
    private let places: Int
    private let visits: Int
    private let state: Mutex<State>
    private let wiring = Mutex<(transport: RTCTransport, tracker: TrackerClient)?>(nil)
    private let onChange: @Sendable (Tally) -> Void

    /// - Parameters:
    ///   - places: how many attempts go on at a time.
    ///   - visits: how many there are in all.
    ///   - onChange: is told what has come of it, on the threads of the transport.
    package init(
        _ purpose: Purpose,
        at url: TrackerURL,
        infoHash: InfoHash,
        places: Int,
        visits: Int,
        onChange: @escaping @Sendable (Tally) -> Void = { _ in }
    ) throws {
        self.purpose = purpose
        self.infoHash = infoHash
        self.places = places
        self.visits = visits
        self.onChange = onChange
        var generator = SystemRandomNumberGenerator()
        self.state = Mutex(State(name: .random(using: &generator)))
        var configuration = RTCConfiguration()
        configuration.bindAddress = "127.0.0.1"
        let transport = try RTCTransport(configuration: configuration, delegate: self)
        let tracker = try TrackerClient(url: url, group: MultiThreadedEventLoopGroup.singleton) { [weak self] event in
            self?.hear(event)
        }
        self.wiring.withLock { $0 = (transport, tracker) }
    }

    package var tally: Tally { self.state.withLock { $0.tally } }

    /// Lets them loose.
    package func start() {
        self.wiring.withLock { $0?.tracker }?.connect()
        // A look five times a second at what has had no answer, and what can be announced together.
        let clock = DispatchSource.makeTimerSource()
        clock.schedule(deadline: .now(), repeating: .milliseconds(200))
        clock.setEventHandler { [weak self] in
            guard let self, !self.state.withLock({ $0.isOver }) else { return clock.cancel() }
            self.look()
        }
        clock.resume()
    }

    /// All of them leave. Blocks.
    package func disperse() {
        self.state.withLock { $0.isOver = true }
        let wiring = self.wiring.withLock { wiring in
            defer { wiring = nil }
            return wiring
        }
        wiring?.tracker.close()
        wiring?.transport.shutdown()
    }

    // MARK: Coming

    private func look() {
        guard let (transport, tracker) = self.wiring.withLock({ $0 }) else { return }
        let now = ContinuousClock.now
        let (late, new, announces) = self.state.withLock { state in
            let late = state.attempts.filter { $0.value.stage != .open && now - $0.value.began > Self.patience }.map(
                \.key
            )
            for connection in late { state.attempts[connection] = nil }
            let count = state.isOver ? 0 : min(self.places - state.attempts.count, self.visits - state.tally.attempts)
            let new = (0..<max(0, count)).map { _ in
                state.lastConnection += 1
                return ConnectionID(state.lastConnection)
            }
            for connection in new { state.attempts[connection] = Attempt(began: now) }
            state.tally.attempts += new.count
            return (late, new, self.announces(&state))
        }
        for connection in late { transport.close(connection, reason: "no answer") }
        for connection in new { transport.offer(connection) }
        for announce in announces { try? tracker.send(.announce(announce)) }
    }

    /// One offer with each, which the tracker has to give to somebody else: under one name, or they would meet each other.
    private func announces(_ state: inout State) -> [TrackerAnnounce] {
        defer { state.offers = [] }
        return state.offers.map { connection, sdp in
            let offer = TrackerOffer(offerID: .random(using: &state.generator), sdp: sdp)
            state.announced[offer.offerID] = connection
            return TrackerAnnounce(
                infoHash: self.infoHash,
                peerID: state.name,
                event: .started,
                left: 1,
                offers: [offer]
            )
        }
    }

    private func hear(_ event: TrackerClient.Event) {
        switch event {
        case .message(.answer(_, _, let offerID, let sdp)):
            let connection = self.state.withLock { $0.announced.removeValue(forKey: offerID) }
            if let connection { self.wiring.withLock { $0?.transport }?.accept(connection, answer: sdp) }
        case .closed:
            if !self.state.withLock({ $0.isOver }) { self.wiring.withLock { $0?.tracker }?.connect() }
        default: break
        }
    }

    // MARK: The transport's news

    package func described(_ connection: ConnectionID, sdp: String) {
        self.state.withLock { state in
            guard state.attempts[connection] != nil else { return }
            state.attempts[connection]?.stage = .offered
            state.offers.append((connection, sdp))
        }
    }

    package func opened(_ connection: ConnectionID, path: RTCPath) {
        let tally = self.state.withLock { state in
            state.attempts[connection]?.stage = .open
            state.tally.opened += 1
            return state.tally
        }
        let transport = self.wiring.withLock { $0?.transport }
        switch self.purpose {
        case .silence: break
        case .comingAndGoing: transport?.close(connection, reason: "seen enough")
        case .lurking(let homes):
            // Without a folder nothing is said.
            guard let identity = try? Self.identity(home: "\(homes)/\(connection.rawValue)") else { break }
            let introduction = Introduction(of: identity, on: path)
            self.state.withLock { $0.attempts[connection]?.introduction = introduction }
            transport?.sendControl(connection, ControlMessage(.hello(introduction.hello)).encoded())
        case .rubbish:
            let rubbish = [UInt8](repeating: 0xEE, count: WireLimits.controlMessage)
            for _ in 0..<16 { transport?.sendControl(connection, rubbish) }
        }
        self.onChange(tally)
    }

    private static func identity(home path: String) throws -> NodeIdentity {
        let home = try Home(path: path)
        defer { home.close() }
        return try NodeIdentity.load(home: home.path)
    }

    package func closed(_ connection: ConnectionID, reason: String) {
        let tally = self.state.withLock { state in
            if state.attempts.removeValue(forKey: connection)?.stage == .open { state.tally.ended += 1 }
            return state.tally
        }
        self.onChange(tally)
    }

    package func receivedControl(_ connection: ConnectionID, _ message: RawSpan) {
        guard let introduction = self.state.withLock({ $0.attempts[connection]?.introduction }) else { return }
        // The node is honest: what cannot be read is what a test then misses.
        guard let reply = (try? ControlMessage(decoding: message)).flatMap({ introduction.reply(to: $0.body) }) else {
            return
        }
        self.wiring.withLock { $0?.transport }?.sendControl(connection, ControlMessage(reply).encoded())
    }
    package func receivedFrame(_ connection: ConnectionID, _ frame: RawSpan) {}
    package func chunkSent(_ connection: ConnectionID, token: UInt64) {}
}
