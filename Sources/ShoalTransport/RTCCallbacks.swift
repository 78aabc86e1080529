import CDataChannel
import ShoalCore
import ShoalWire
import Synchronization

/// What happened to a connection on libdatachannel's threads, until the WebRTC thread looks.
struct RTCSignals: OptionSet, Sendable {
    let rawValue: UInt32

    static let gathered = RTCSignals(rawValue: 1 << 0)
    static let controlOpened = RTCSignals(rawValue: 1 << 1)
    static let bulkOpened = RTCSignals(rawValue: 1 << 2)
    static let drained = RTCSignals(rawValue: 1 << 3)
    static let failed = RTCSignals(rawValue: 1 << 4)
    static let disconnected = RTCSignals(rawValue: 1 << 5)
    static let closed = RTCSignals(rawValue: 1 << 6)
    static let foreignChannel = RTCSignals(rawValue: 1 << 7)
    static let sentText = RTCSignals(rawValue: 1 << 8)
    static let controlTooLong = RTCSignals(rawValue: 1 << 9)
    static let frameTooLong = RTCSignals(rawValue: 1 << 10)
    static let tooEarly = RTCSignals(rawValue: 1 << 11)

    static let bothOpened: RTCSignals = [.controlOpened, .bulkOpened]
    /// The library is done with the connection.
    static let ends: RTCSignals = [.failed, .disconnected, .closed]
}

/// The part of a connection that libdatachannel's threads touch: signals are collected, messages are passed on.
final class RTCCallbacks: Sendable {
    /// What becomes of arriving messages: `early` → `passing` → `dropping`, or `early` → `dropping`.
    private enum Gate {
        /// Not reported as open yet: kept, at most ``RTCLimits/earlyMessages``.
        case early([(channel: cdc_channel, bytes: [UInt8])])
        /// To the delegate, on the thread they come on.
        case passing
        /// The connection is closing, or the peer broke a rule.
        case dropping
    }

    /// What to do about a message, once the gate is unlocked.
    private enum Decision {
        case pass
        case refuse
        case nothing
    }

    private let connection: ConnectionID
    private let mailbox: RTCMailbox
    private let delegate: any RTCTransportDelegate
    private let signals = Atomic<UInt32>(0)
    private let gate = Mutex(Gate.early([]))

    init(connection: ConnectionID, mailbox: RTCMailbox, delegate: any RTCTransportDelegate) {
        self.connection = connection
        self.mailbox = mailbox
        self.delegate = delegate
    }

    /// Tells the WebRTC thread; it has one entry for all signals that it has not taken yet.
    func raise(_ signals: RTCSignals) {
        let before = self.signals.bitwiseOr(signals.rawValue, ordering: .acquiringAndReleasing).oldValue
        if before == 0 { self.mailbox.signal(self.connection) }
    }

    func takeSignals() -> RTCSignals {
        RTCSignals(rawValue: self.signals.exchange(0, ordering: .acquiringAndReleasing))
    }

    /// Passes on what came early, then lets messages through. Keeps the order: until the last early one is out, those
    /// that arrive meanwhile join the line.
    func startPassing() {
        while true {
            let early = self.gate.withLock { gate -> [(channel: cdc_channel, bytes: [UInt8])] in
                guard case .early(let messages) = gate else { return [] }
                gate = messages.isEmpty ? .passing : .early([])
                return messages
            }
            guard !early.isEmpty else { return }
            for message in early { self.pass(message.channel, message.bytes.span.bytes) }
        }
    }

    func startDropping() {
        self.gate.withLock { $0 = .dropping }
    }

    /// A message from the library; `bytes` are valid during the call.
    func received(_ channel: cdc_channel, _ bytes: UnsafeRawBufferPointer, isText: Bool) {
        if let violation = Self.violation(channel, bytes.count, isText: isText) {
            self.startDropping()
            self.raise(violation)
            return
        }
        let decision = self.gate.withLock { gate -> Decision in
            switch gate {
            case .early(var messages) where messages.count < RTCLimits.earlyMessages:
                messages.append((channel, [UInt8](bytes)))
                gate = .early(messages)
                return .nothing
            case .early:
                gate = .dropping
                return .refuse
            case .passing:
                return .pass
            case .dropping:
                return .nothing
            }
        }
        switch decision {
        case .pass: self.pass(channel, bytes.bytes)
        case .refuse: self.raise(.tooEarly)
        case .nothing: break
        }
    }

    private func pass(_ channel: cdc_channel, _ bytes: RawSpan) {
        if channel == CDC_CONTROL {
            self.delegate.receivedControl(self.connection, bytes)
        } else {
            self.delegate.receivedFrame(self.connection, bytes)
        }
    }

    private static func violation(_ channel: cdc_channel, _ count: Int, isText: Bool) -> RTCSignals? {
        if isText { return .sentText }
        if channel == CDC_CONTROL { return count > WireLimits.controlMessage ? .controlTooLong : nil }
        return count > WireLimits.frameHeader + WireLimits.framePayload ? .frameTooLong : nil
    }
}

extension cdc_callbacks {
    /// C functions that lead to `callbacks`, which the caller keeps alive until `cdc_destroy` has returned.
    init(to callbacks: RTCCallbacks) {
        self.init(
            context: Unmanaged.passUnretained(callbacks).toOpaque(),
            gathered: { RTCCallbacks.of($0).raise(.gathered) },
            opened: { RTCCallbacks.of($0).raise($1 == CDC_CONTROL ? .controlOpened : .bulkOpened) },
            received: { context, channel, bytes, count, isText in
                let bytes = UnsafeRawBufferPointer(start: bytes, count: count)
                RTCCallbacks.of(context).received(channel, bytes, isText: isText)
            },
            drained: { RTCCallbacks.of($0).raise(.drained) },
            ended: { context, end in
                switch end {
                case CDC_END_FAILED: RTCCallbacks.of(context).raise(.failed)
                case CDC_END_FOREIGN: RTCCallbacks.of(context).raise(.foreignChannel)
                case CDC_END_CLOSED: RTCCallbacks.of(context).raise(.closed)
                default: RTCCallbacks.of(context).raise(.disconnected)
                }
            }
        )
    }
}

extension RTCCallbacks {
    /// The object behind a callback's context.
    fileprivate static func of(_ context: UnsafeMutableRawPointer?) -> RTCCallbacks {
        guard let context else { preconditionFailure("libdatachannel called back without a context") }
        return Unmanaged.fromOpaque(context).takeUnretainedValue()
    }
}
