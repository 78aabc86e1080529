import ShoalCore
import ShoalSwarm
import ShoalTransport
import ShoalWire
import Synchronization

/// What WebRTC tells, on its threads: copy, post, return.
extension EffectRunner: RTCTransportDelegate {
    func described(_ connection: ConnectionID, sdp: String) { self.loop.post(.described(connection, sdp: sdp)) }

    func opened(_ connection: ConnectionID, path: RTCPath) {
        let desk = ConnectionDesk(connection)
        self.desks.withLock { $0[connection] = desk }
        self.lanes.opened(connection, path)
        self.loop.post(.opened(connection, path.peer))
    }

    func closed(_ connection: ConnectionID, reason: String) {
        let desk = self.desks.withLock { $0.removeValue(forKey: connection) }
        self.lanes.closed(connection)
        if let desk { self.release(desk.ledger.withLock { $0.closed() }) }
        for upload in self.uploads.finishAll(of: connection) {
            self.loop.post(.chunkUnreadable(connection, request: upload.request, chunk: upload.chunk))
        }
        self.loop.post(.closed(connection, reason: reason))
    }

    func receivedControl(_ connection: ConnectionID, _ message: RawSpan) {
        guard let desk = self.desk(of: connection) else { return }
        self.metrics.transfers.controlMessageReceived(message.byteCount)
        let cost = message.byteCount + ConnectionDesk.frameCost
        guard desk.admit(cost) else { return self.closeForFlooding(connection) }
        do throws(WireError) {
            self.post(.received(connection, try ControlMessage(decoding: message)), cost: cost, of: desk)
        } catch {
            self.post(.malformed(connection, error), cost: cost, of: desk)
        }
    }

    func chunkSent(_ connection: ConnectionID, token: UInt64) {
        self.finish(token, over: .webrtc)
    }

    /// The peer has a chunk, or the library does.
    func finish(_ token: UInt64, over lane: PeerReport.Lane) {
        guard let upload = self.uploads.finish(token) else { return }
        self.metrics.transfers.sent(upload.size, over: lane)
        self.loop.post(.chunkServed(upload.connection, request: upload.request, chunk: upload.chunk))
    }

    /// Posts what a peer caused, and takes it off its account once the loop has it.
    func post(_ input: MeshInput, cost: Int, of desk: ConnectionDesk) {
        self.loop.post(input, thenOnceTaken: { desk.seen(cost) })
    }

    func closeForFlooding(_ connection: ConnectionID) {
        self.transport.close(connection, reason: "it sends faster than this node can listen")
    }
}
