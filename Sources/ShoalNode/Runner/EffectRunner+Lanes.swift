import ShoalCore
import ShoalSwarm
import ShoalTransport
import ShoalWire
import Synchronization

/// What direct lanes tell, on their threads: the desk keeps the books, the bytes come here.
extension EffectRunner: LaneTransportDelegate {
    func laneOpened(_ connection: ConnectionID) { self.lanes.laneOpened(connection) }

    func laneFailed(_ connection: ConnectionID, reason: String) { self.lanes.laneFailed(connection, reason: reason) }

    func laneClosed(_ connection: ConnectionID, received: UInt64, reason: String) {
        self.lanes.laneClosed(connection, received: received, reason: reason)
    }

    func laneDelivered(_ connection: ConnectionID, frames: UInt64) {
        self.lanes.laneDelivered(connection, frames: frames)
    }

    /// Bytes of a chunk, from TLS to their place in its slot: one copy. The mesh hears of the frame with its last part.
    func laneReceived(
        _ connection: ConnectionID,
        _ header: FrameHeader,
        payload: Int,
        part: Range<Int>,
        _ bytes: RawSpan
    ) {
        guard let desk = self.desk(of: connection) else { return }
        let isLast = part.upperBound == payload
        if isLast, !desk.admit(ConnectionDesk.frameCost) { return self.closeForFlooding(connection) }
        let (verdict, released) = desk.ledger.withLock { ledger in
            self.place(bytes, ledger.accept(header, payload: payload, part: part), of: header.request, in: &ledger)
        }
        if case .copy = verdict { self.metrics.transfers.received(part.count, over: .direct) }
        if isLast { self.told(verdict, header, connection, desk) }
        self.release(released)
    }

    /// Lets the lanes act through this runner.
    func connect(_ lanes: LaneTransport) {
        self.lanes.connect(
            LaneDesk.Wiring(
                lanes: lanes,
                send: { [weak self] message, connection in self?.send(ControlMessage(.lane(message)), to: connection) },
                sendChunk: { [weak self] connection, chunk, token in
                    self?.transport.sendChunk(connection, chunk, token: token)
                },
                delivered: { [weak self] token in self?.finish(token, over: .direct) },
                disconnect: { [weak self] connection, reason in self?.transport.close(connection, reason: reason) },
                later: { seconds, action in lanes.schedule(in: seconds, action) }
            )
        )
    }
}
