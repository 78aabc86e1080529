import ShoalCore
import ShoalTransport
import ShoalWire
import Synchronization

/// A delegate that writes down what it is told, and lets tests wait for it.
final class Recorder: RTCTransportDelegate {
    struct Log: Sendable {
        var descriptions: [ConnectionID: String] = [:]
        var paths: [ConnectionID: RTCPath] = [:]
        var closed: [ConnectionID: [String]] = [:]
        var control: [ConnectionID: [[UInt8]]] = [:]
        /// Headers of the frames whose payload was what ``Peer/chunk(_:size:)`` makes.
        var frames: [ConnectionID: [[UInt8]]] = [:]
        var badFrames = 0
        /// How many frames were there when the first control message came.
        var framesBeforeControl: [ConnectionID: Int] = [:]
        var tokens: [UInt64] = []
        /// Names of what came for a connection after its end, or before it was open.
        var disorder: [String] = []
    }

    private struct State {
        var log = Log()
        var waiters: [Int: @Sendable (Log) -> Bool] = [:]
        var nextWaiter = 0
        var continuations: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())
    /// Called with each token, on the WebRTC thread.
    let onChunkSent = Mutex<(@Sendable (UInt64) -> Void)?>(nil)

    var log: Log { self.state.withLock { $0.log } }

    /// Waits until `pick` finds something; throws when the test is cancelled, which is how a time limit ends it.
    func wait<Value: Sendable>(for pick: @escaping @Sendable (Log) -> Value?) async throws -> Value {
        let waiter = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = self.state.withLock { state in
                    if Task.isCancelled || pick(state.log) != nil { return true }
                    state.waiters[waiter] = { pick($0) != nil }
                    state.continuations[waiter] = continuation
                    return false
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { state in
                state.waiters[waiter] = nil
                return state.continuations.removeValue(forKey: waiter)
            }?.resume()
        }
        guard let value = pick(self.log) else { throw CancellationError() }
        return value
    }

    private func note(_ change: (inout Log) -> Void) {
        let ready = self.state.withLock { state in
            change(&state.log)
            let found = state.waiters.filter { $0.value(state.log) }.keys
            return found.compactMap { waiter in
                state.waiters[waiter] = nil
                return state.continuations.removeValue(forKey: waiter)
            }
        }
        for continuation in ready { continuation.resume() }
    }

    func described(_ connection: ConnectionID, sdp: String) {
        self.note { $0.descriptions[connection] = sdp }
    }

    func opened(_ connection: ConnectionID, path: RTCPath) {
        self.note { log in
            if log.paths[connection] != nil || log.closed[connection] != nil { log.disorder.append("opened") }
            log.paths[connection] = path
        }
    }

    func closed(_ connection: ConnectionID, reason: String) {
        self.note { $0.closed[connection, default: []].append(reason) }
    }

    func receivedControl(_ connection: ConnectionID, _ message: RawSpan) {
        let bytes = message.withUnsafeBytes { [UInt8]($0) }
        self.note { log in
            if log.paths[connection] == nil || log.closed[connection] != nil { log.disorder.append("control") }
            if log.control[connection] == nil {
                log.framesBeforeControl[connection] = log.frames[connection, default: []].count
            }
            log.control[connection, default: []].append(bytes)
        }
    }

    func receivedFrame(_ connection: ConnectionID, _ frame: RawSpan) {
        let header = frame.withUnsafeBytes { [UInt8]($0.prefix(WireLimits.frameHeader)) }
        let isGood = frame.withUnsafeBytes { bytes in
            bytes.dropFirst(WireLimits.frameHeader).allSatisfy { $0 == header.first }
        }
        self.note { log in
            if log.paths[connection] == nil || log.closed[connection] != nil { log.disorder.append("frame") }
            if isGood { log.frames[connection, default: []].append(header) } else { log.badFrames += 1 }
        }
    }

    func chunkSent(_ connection: ConnectionID, token: UInt64) {
        self.note { $0.tokens.append(token) }
        self.onChunkSent.withLock { $0 }?(token)
    }
}
