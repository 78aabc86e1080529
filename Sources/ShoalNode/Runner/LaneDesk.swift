import Logging
import ShoalCore
import ShoalSwarm
import ShoalTransport
import ShoalWire
import Synchronization

/// The direct lanes of a node's connections: who dials whom, which chunks are on their way, and what goes over `bulk` when a
/// lane is gone.
///
/// A chunk keeps its upload buffer until the peer has said that it has come. So nothing is lost with a lane: the peer says
/// how many frames have come, and those after them go over `bulk`, from the same buffers.
final class LaneDesk: Sendable {
    /// What lanes act through.
    struct Wiring: Sendable {
        let lanes: LaneTransport
        let send: @Sendable (LaneMessage, ConnectionID) -> Void
        /// Over `bulk`.
        let sendChunk: @Sendable (ConnectionID, OutgoingChunk, _ token: UInt64) -> Void
        let delivered: @Sendable (_ token: UInt64) -> Void
        let disconnect: @Sendable (ConnectionID, _ reason: String) -> Void
        /// Calls after so many seconds.
        let later: @Sendable (Double, @escaping @Sendable () -> Void) -> Void
    }

    /// 30 s after a lane is gone another one is tried; each time that none comes of it, after twice as long, up to 16 minutes.
    private static let retryAfter = 30.0
    private static let mostDoublings = 5
    /// 5 s between two times that a peer has us dial: else it could have us look for open ports.
    private static let dialInterval = Duration.seconds(5)
    /// 5 s: how long a peer may take to say what has come over a lane that is gone.
    private static let reckoningLimit = 5.0

    private enum Stage: Equatable {
        /// Nothing goes on.
        case idle
        /// We wait to be dialled.
        case offered
        case dialling
        case open
        /// It is gone, and the peer is to say what has come over it.
        case ended
    }

    /// A chunk that is on its way.
    private struct Sending {
        let chunk: OutgoingChunk
        let token: UInt64
    }

    private struct Lane {
        let role: PeerPath.Role
        let fingerprint: Digest
        /// Where the peer is reached; nil when that says nothing, as behind a TURN server.
        let address: String?
        var isWanted = false
        var stage = Stage.idle
        /// Frames that the peer has told to have come over this lane.
        var delivered: UInt64 = 0
        /// Those after them, the oldest first.
        var sending: [Sending] = []
        /// What the peer says has come in all, when it says so before the lane is gone here.
        var reckoning: UInt64?
        /// We did not get through, and have offered to be dialled instead.
        var isTurned = false
        /// How often no lane came of it, since one was there.
        var failures = 0
        var lastDial: Instant?
        /// Counts the attempts, so that what was planned for an earlier one is left.
        var number = 0
    }

    private let lanes = Mutex<[ConnectionID: Lane]>([:])
    private let wiring = Mutex<Wiring?>(nil)
    private let logger: Logger

    private let clock: @Sendable () -> Instant

    init(logger: Logger, clock: @escaping @Sendable () -> Instant = { NodeClock.now }) {
        self.logger = logger
        self.clock = clock
    }

    func connect(_ wiring: Wiring) { self.wiring.withLock { $0 = wiring } }

    private var wired: Wiring? { self.wiring.withLock { $0 } }

    /// Whether chunks to this peer go over a direct lane.
    func isOpen(_ connection: ConnectionID) -> Bool { self.lanes.withLock { $0[connection]?.stage == .open } }

    /// What is on its way over direct lanes, and has not been said to have come.
    var load: (chunks: Int, bytes: Int) {
        self.lanes.withLock { lanes in
            let chunks = lanes.values.flatMap(\.sending)
            return (chunks.count, chunks.reduce(0) { $0 + $1.chunk.size })
        }
    }

    // MARK: Connections

    func opened(_ connection: ConnectionID, _ path: RTCPath) {
        let lane = Lane(
            role: path.peer.role,
            fingerprint: path.peer.remoteFingerprint,
            address: path.isRelayed ? nil : Candidate.address(ofSDP: path.remoteCandidate)
        )
        self.lanes.withLock { $0[connection] = lane }
    }

    func closed(_ connection: ConnectionID) {
        guard self.lanes.withLock({ $0.removeValue(forKey: connection) }) != nil else { return }
        self.wired?.lanes.close(connection, reason: "the connection has ended")
    }

    /// Both sides want a lane. Who answered the connection listens first; who offered it dials.
    func seek(_ connection: ConnectionID) {
        let listens = self.update(connection) { lane in
            lane.isWanted = lane.address != nil
            return lane.isWanted && lane.role == .responder && lane.stage == .idle
        }
        if listens == true { self.offer(connection) }
    }

    // MARK: What the peer says

    func received(_ message: LaneMessage, from connection: ConnectionID) {
        switch message {
        case .offer(let token, let port): self.receivedOffer(token, port, from: connection)
        case .refused: self.receivedRefusal(from: connection)
        case .closed(let frames): self.receivedReckoning(frames, from: connection)
        }
    }

    private func receivedOffer(_ token: Nonce, _ port: UInt16, from connection: ConnectionID) {
        guard let wired else { return }
        let target = self.update(connection) { lane -> (address: String, fingerprint: Digest)? in
            guard lane.isWanted, lane.stage == .idle, let address = lane.address else { return nil }
            let now = self.clock()
            if let last = lane.lastDial, now - last < Self.dialInterval { return nil }
            lane.lastDial = now
            lane.stage = .dialling
            lane.number += 1
            return (address, lane.fingerprint)
        }
        guard let target = target ?? nil else { return wired.send(.refused, connection) }
        wired.lanes.dial(
            connection,
            address: target.address,
            port: port,
            token: token,
            fingerprint: target.fingerprint
        )
    }

    /// The peer did not get through to us; then it is the other one's turn to listen.
    private func receivedRefusal(from connection: ConnectionID) {
        let stage = self.update(connection) { lane in
            defer { if lane.stage == .offered { lane.stage = .idle } }
            return lane.stage
        }
        switch stage {
        case .offered: self.wired?.lanes.close(connection, reason: "the peer did not get through")
        // It has never heard that the lane was ready.
        case .open, .ended: self.receivedReckoning(0, from: connection)
        default: break
        }
    }

    private func receivedReckoning(_ frames: UInt64, from connection: ConnectionID) {
        let stage = self.update(connection) { lane in
            if lane.stage == .open { lane.reckoning = frames }
            return lane.stage
        }
        switch stage {
        case .open: self.wired?.lanes.close(connection, reason: "the peer has closed it")
        case .ended: self.reckon(connection, frames)
        default: break
        }
    }

    // MARK: Chunks

    /// Sends a chunk over the direct lane. False, and nothing done, when there is none.
    func send(_ connection: ConnectionID, _ chunk: OutgoingChunk, token: UInt64) -> Bool {
        guard let wired else { return false }
        // Under the lock, so that chunks leave in the order in which they are noted.
        return self.lanes.withLock { lanes in
            guard lanes[connection]?.stage == .open else { return false }
            lanes[connection]?.sending.append(Sending(chunk: chunk, token: token))
            wired.lanes.send(connection, chunk)
            return true
        }
    }

    /// What a lane that is gone leaves: what has come is told, the rest goes over `bulk`.
    private func reckon(_ connection: ConnectionID, _ frames: UInt64) {
        guard let wired else { return }
        let outcome = self.update(connection) { lane -> (arrived: [Sending], lost: [Sending])? in
            guard frames >= lane.delivered, frames - lane.delivered <= UInt64(lane.sending.count) else { return nil }
            let count = Int(frames - lane.delivered)
            defer {
                lane.sending = []
                lane.stage = .idle
            }
            return (Array(lane.sending.prefix(count)), Array(lane.sending.dropFirst(count)))
        }
        guard let outcome = outcome ?? nil else {
            return wired.disconnect(connection, "it counts what came over the direct lane wrong")
        }
        for sending in outcome.arrived { wired.delivered(sending.token) }
        for sending in outcome.lost { wired.sendChunk(connection, sending.chunk, sending.token) }
        self.retry(connection)
    }

    // MARK: Attempts

    /// Has the peer dial us.
    private func offer(_ connection: ConnectionID) {
        guard let wired else { return }
        let fingerprint = self.update(connection) { lane -> Digest? in
            guard lane.isWanted, lane.stage == .idle else { return nil }
            lane.stage = .offered
            lane.number += 1
            return lane.fingerprint
        }
        guard let fingerprint = fingerprint ?? nil else { return }
        var system = SystemRandomNumberGenerator()
        let token = Nonce.random(using: &system)
        wired.lanes.expect(connection, token: token, fingerprint: fingerprint)
        wired.send(.offer(token: token, port: UInt16(wired.lanes.port)), connection)
    }

    /// Tries again after a while; only who answered the connection does.
    private func retry(_ connection: ConnectionID) {
        let plan = self.update(connection) { lane -> (number: Int, seconds: Double)? in
            lane.isTurned = false
            guard lane.role == .responder else { return nil }
            let doublings = min(lane.failures, Self.mostDoublings)
            lane.failures += 1
            return (lane.number, Self.retryAfter * Double(1 << doublings))
        }
        guard let plan = plan ?? nil else { return }
        self.wired?.later(plan.seconds) { [weak self] in
            guard let self else { return }
            let isDue = self.update(connection) { $0.number == plan.number && $0.stage == .idle }
            if isDue == true { self.offer(connection) }
        }
    }

    private func update<Result>(_ connection: ConnectionID, _ change: (inout Lane) -> Result) -> Result? {
        self.lanes.withLock { lanes in
            guard var lane = lanes[connection] else { return nil }
            defer { lanes[connection] = lane }
            return change(&lane)
        }
    }
}

/// What the lanes' transport tells; the frames that come go to the runner.
extension LaneDesk {
    func laneOpened(_ connection: ConnectionID) {
        self.update(connection) { lane in
            lane.stage = .open
            lane.delivered = 0
            lane.failures = 0
            lane.reckoning = nil
        }
        self.logger.debug("direct lane open", metadata: ["shoal.connection": "\(connection.rawValue)"])
    }

    func laneFailed(_ connection: ConnectionID, reason: String) {
        self.logger.debug(
            "no direct lane",
            metadata: ["shoal.connection": "\(connection.rawValue)", "shoal.reason": "\(reason)"]
        )
        let next = self.update(connection) { lane -> (wasDialling: Bool, listens: Bool) in
            let wasDialling = lane.stage == .dialling
            lane.stage = .idle
            defer { lane.isTurned = true }
            return (wasDialling, wasDialling && lane.role == .initiator && !lane.isTurned)
        }
        guard let next else { return }
        if next.wasDialling { self.wired?.send(.refused, connection) }
        // The other way round: perhaps the peer gets through to us.
        if next.listens { self.offer(connection) } else { self.retry(connection) }
    }

    func laneClosed(_ connection: ConnectionID, received: UInt64, reason: String) {
        self.logger.info(
            "direct lane gone",
            metadata: ["shoal.connection": "\(connection.rawValue)", "shoal.reason": "\(reason)"]
        )
        let lane = self.update(connection) { lane -> (reckoning: UInt64?, number: Int) in
            lane.stage = .ended
            return (lane.reckoning, lane.number)
        }
        guard let lane, let wired else { return }
        wired.send(.closed(frames: received), connection)
        if let frames = lane.reckoning { return self.reckon(connection, frames) }
        wired.later(Self.reckoningLimit) { [weak self] in
            let isOwed = self?.update(connection) { $0.number == lane.number && $0.stage == .ended }
            if isOwed == true { wired.disconnect(connection, "it does not say what came over the direct lane") }
        }
    }

    func laneDelivered(_ connection: ConnectionID, frames: UInt64) {
        let arrived = self.update(connection) { lane -> [Sending] in
            let count = min(Int(frames - lane.delivered), lane.sending.count)
            defer {
                lane.sending.removeFirst(count)
                lane.delivered = frames
            }
            return Array(lane.sending.prefix(count))
        }
        for sending in arrived ?? [] { self.wired?.delivered(sending.token) }
    }
}
