import CDataChannel
import Dispatch
import ShoalTransport
import ShoalWire
import Synchronization

/// One libdatachannel connection on loopback without anything of Shoal around it: the calling thread drives it, the
/// callbacks count.
final class BareConnection {
    static let frameSize = WireLimits.frameHeader + WireLimits.framePayload

    static func frameCount(ofTotal byteCount: Int) -> Int {
        (byteCount + WireLimits.framePayload - 1) / WireLimits.framePayload
    }

    /// What the callbacks write and the calling thread waits for.
    private final class Events: Sendable {
        let changed = DispatchSemaphore(value: 0)
        let isGathered = Atomic(false)
        let openChannels = Atomic(0)
        let bulkBytes = Atomic(0)
        /// The receiver's next milestone, so that the waiting thread is not woken for each frame.
        let awaitedBulkBytes = Atomic(Int.max)
        let controlMessages = Atomic(0)
        let hasEnded = Atomic(false)
    }

    private let events = Events()
    private let handle: OpaquePointer
    private var controlMessagesSeen = 0

    init() throws {
        RTCLibrary.initialize()
        var certificate = cdc_certificate()
        try Self.check(cdc_certificate_make(&certificate))
        defer {
            cdc_free(certificate.certificate_pem)
            cdc_free(certificate.key_pem)
        }
        var callbacks = Self.callbacks(context: Unmanaged.passUnretained(self.events).toOpaque())
        var made: OpaquePointer?
        let error = "127.0.0.1".withCString { address in
            var configuration = cdc_configuration()
            configuration.certificate_pem = UnsafePointer(certificate.certificate_pem)
            configuration.key_pem = UnsafePointer(certificate.key_pem)
            configuration.bind_address = address
            configuration.maximum_message = 2 * Self.frameSize
            configuration.drained_threshold = RTCLimits.bulkBuffer / 2
            return cdc_create(&configuration, &callbacks, &made)
        }
        try Self.check(error)
        guard let made else { throw BenchmarkError("libdatachannel made no connection") }
        self.handle = made
    }

    /// To be called last.
    func destroy() { cdc_destroy(self.handle) }

    func offer() throws -> String {
        try Self.check(cdc_offer(self.handle))
        return try self.localDescription()
    }

    func answer(_ offer: String) throws -> String {
        try Self.check(cdc_answer(self.handle, offer))
        return try self.localDescription()
    }

    func accept(_ answer: String) throws {
        try Self.check(cdc_accept(self.handle, answer))
    }

    func waitUntilOpen() throws {
        try self.wait { $0.openChannels.load(ordering: .acquiring) == 2 }
    }

    /// Sends frames as fast as the buffer's bound lets them go.
    func sendFrames(ofTotal byteCount: Int) throws {
        let frame = [UInt8](repeating: 0, count: Self.frameSize)
        for _ in 0..<Self.frameCount(ofTotal: byteCount) {
            try self.wait { [handle] _ in cdc_buffered(handle, CDC_BULK) + Self.frameSize <= RTCLimits.bulkBuffer }
            try frame.withUnsafeBytes { bytes in
                try Self.check(
                    cdc_send(
                        self.handle,
                        CDC_BULK,
                        bytes.baseAddress,
                        WireLimits.frameHeader,
                        bytes.baseAddress! + WireLimits.frameHeader,
                        WireLimits.framePayload
                    )
                )
            }
        }
    }

    func sendControl() throws {
        try Self.check([UInt8(1)].withUnsafeBytes { cdc_send(self.handle, CDC_CONTROL, $0.baseAddress, 1, nil, 0) })
    }

    /// Waits for one more control message.
    func waitForControl() throws {
        self.controlMessagesSeen += 1
        let expected = self.controlMessagesSeen
        try self.wait { $0.controlMessages.load(ordering: .acquiring) >= expected }
    }

    /// Waits until `byteCount` bytes have come on `bulk` since the beginning.
    func waitForBulk(_ byteCount: Int) throws {
        self.events.awaitedBulkBytes.store(byteCount, ordering: .sequentiallyConsistent)
        try self.wait { $0.bulkBytes.load(ordering: .sequentiallyConsistent) >= byteCount }
    }

    // MARK: Private

    private func localDescription() throws -> String {
        try self.wait { $0.isGathered.load(ordering: .acquiring) }
        guard let sdp = cdc_local_description(self.handle) else { throw BenchmarkError("there is no description") }
        defer { cdc_free(sdp) }
        return String(cString: sdp)
    }

    private func wait(for isThere: (Events) -> Bool) throws {
        while !isThere(self.events) {
            guard !self.events.hasEnded.load(ordering: .acquiring) else {
                throw BenchmarkError("the connection broke during the measurement")
            }
            guard self.events.changed.wait(timeout: .now() + .seconds(60)) == .success else {
                throw BenchmarkError("nothing happened on the connection for a minute")
            }
        }
    }

    private static func check(_ error: UnsafeMutablePointer<CChar>?) throws {
        guard let error else { return }
        defer { cdc_free(error) }
        throw BenchmarkError(String(cString: error))
    }

    private static func callbacks(context: UnsafeMutableRawPointer) -> cdc_callbacks {
        cdc_callbacks(
            context: context,
            gathered: { context in
                BareConnection.note(context) { $0.isGathered.store(true, ordering: .releasing) }
            },
            opened: { context, _ in
                BareConnection.note(context) { $0.openChannels.add(1, ordering: .acquiringAndReleasing) }
            },
            received: { context, channel, _, count, _ in
                guard channel == CDC_BULK else {
                    BareConnection.note(context) { $0.controlMessages.add(1, ordering: .acquiringAndReleasing) }
                    return
                }
                let events = BareConnection.events(context)
                let total = events.bulkBytes.add(count, ordering: .sequentiallyConsistent).newValue
                if total >= events.awaitedBulkBytes.load(ordering: .sequentiallyConsistent) { events.changed.signal() }
            },
            drained: { context in BareConnection.note(context) { _ in } },
            ended: { context, _ in
                BareConnection.note(context) { $0.hasEnded.store(true, ordering: .releasing) }
            }
        )
    }

    private static func note(_ context: UnsafeMutableRawPointer?, _ change: (Events) -> Void) {
        let events = self.events(context)
        change(events)
        events.changed.signal()
    }

    private static func events(_ context: UnsafeMutableRawPointer?) -> Events {
        guard let context else { preconditionFailure("libdatachannel called back without a context") }
        return Unmanaged<Events>.fromOpaque(context).takeUnretainedValue()
    }
}
