package import ShoalCore

/// What two nodes say to each other of a direct lane, another way for frames beside `bulk`: `docs/protocol.md`, "The direct
/// lane".
package enum LaneMessage: Hashable, Encodable, Sendable {
    /// "Dial me at this TCP port of the address that you reach me at, and show the token." Good once, for 10 s.
    case offer(token: Nonce, port: UInt16)
    /// "I have not got through", or "not now".
    case refused
    /// The lane is gone, and so many frames of chunks came over it whole: what was sent after them has to be sent anew.
    case closed(frames: UInt64)
}

/// First byte of what a `lane` message holds.
private enum LaneMessageKind: UInt8 {
    case offer = 1
    case refused = 2
    case closed = 3
}

extension WireWriter {
    mutating func put(_ message: LaneMessage) {
        switch message {
        case .offer(let token, let port):
            self.put(LaneMessageKind.offer.rawValue)
            self.put(token)
            self.put(port)
        case .refused: self.put(LaneMessageKind.refused.rawValue)
        case .closed(let frames):
            self.put(LaneMessageKind.closed.rawValue)
            self.put(frames)
        }
    }
}

extension WireReader {
    mutating func laneMessage() throws(WireError) -> LaneMessage {
        guard let kind = LaneMessageKind(rawValue: try self.u8()) else { throw .invalid(field: "kind") }
        switch kind {
        case .offer:
            let token: Nonce = try self.fixed()
            let port = try self.u16()
            guard port > 0 else { throw .invalid(field: "port") }
            return .offer(token: token, port: port)
        case .refused: return .refused
        case .closed: return .closed(frames: try self.u64())
        }
    }
}
