import CDataChannel
import Foundation
import ShoalCore
import ShoalSwarm

/// One connection, as the WebRTC thread owns it. Not `Sendable`: no other thread has it.
final class RTCConnection {
    /// `describing` → `waiting` → `open` → `closing`; from each one the connection may end.
    private enum Stage {
        /// Candidates are gathered until `limit`.
        case describing(limit: Instant)
        /// Our description is out. The offerer waits for the answer for as long as its owner likes.
        case waiting
        case open
        /// Our own end: what is buffered leaves until `limit`.
        case closing(reason: String, limit: Instant)
    }

    /// What a connection's deadline was for.
    enum Overdue {
        case description
        case opening
        case closing(reason: String)
    }

    let id: ConnectionID
    let role: PeerPath.Role
    private var stage: Stage
    /// ``RTCConfiguration/openingLimit`` after both descriptions were there; nil before that, and once it is open.
    private var openingLimit: Instant?

    private let handle: OpaquePointer
    private let callbacks: RTCCallbacks
    /// What the peer's SDP named; nil before it came.
    private var remoteFingerprint: Digest?
    private var opened: RTCSignals = []
    /// At most ``RTCLimits/queuedChunks``.
    private var chunks: [(chunk: OutgoingChunk, token: UInt64)] = []
    /// Frames of the first chunk that are out.
    private var framesSent = 0

    init(
        id: ConnectionID,
        role: PeerPath.Role,
        configuration: RTCConfiguration,
        certificate: RTCCertificate,
        callbacks: RTCCallbacks,
        now: Instant
    ) throws(RTCError) {
        self.id = id
        self.role = role
        self.stage = .describing(limit: now + configuration.gatheringLimit)
        self.handle = try cdc_configuration.create(configuration, certificate, cdc_callbacks(to: callbacks))
        self.callbacks = callbacks
    }

    /// Ends everything at once; nothing of the connection is reported after this. The last thing that is called.
    func destroy() {
        self.callbacks.startDropping()
        cdc_destroy(self.handle)
    }

    // MARK: Opening

    /// Starts gathering for an offer.
    func offer() throws(RTCError) {
        try RTCLibrary.check(cdc_offer(self.handle))
    }

    /// Starts gathering for the answer to `offer`.
    func answer(_ offer: SessionDescription, openingLimit: Instant) throws(RTCError) {
        self.remoteFingerprint = offer.fingerprint
        self.openingLimit = openingLimit
        try RTCLibrary.check(cdc_answer(self.handle, offer.text))
    }

    /// Whether an answer is welcome; a second one is not.
    var awaitsAnswer: Bool {
        guard case .waiting = self.stage else { return false }
        return self.role == .initiator && self.remoteFingerprint == nil
    }

    func accept(_ answer: SessionDescription, openingLimit: Instant) throws(RTCError) {
        self.remoteFingerprint = answer.fingerprint
        self.openingLimit = openingLimit
        try RTCLibrary.check(cdc_accept(self.handle, answer.text))
    }

    /// Our description with the candidates found so far, the first time that it is asked for.
    func describe() throws(RTCError) -> String? {
        guard case .describing = self.stage else { return nil }
        self.stage = .waiting
        guard let sdp = RTCLibrary.string(cdc_local_description(self.handle)) else {
            throw RTCError("libdatachannel made no description of the connection")
        }
        return sdp
    }

    /// The way to the peer, when both channels are open for the first time.
    func open(localFingerprint: Digest) throws(RTCError) -> RTCPath? {
        guard case .waiting = self.stage, self.opened == .bothOpened else { return nil }
        var shown = [UInt8](repeating: 0, count: Digest.byteCount)
        guard cdc_remote_fingerprint(self.handle, &shown), let fingerprint = Digest(bytes: shown),
            fingerprint == self.remoteFingerprint
        else { throw RTCError(RTCReason.wrongFingerprint) }
        self.stage = .open
        self.openingLimit = nil
        let figures = self.statistics
        return RTCPath(
            peer: PeerPath(role: self.role, localFingerprint: localFingerprint, remoteFingerprint: fingerprint),
            localCandidate: figures.localCandidate,
            remoteCandidate: figures.remoteCandidate,
            isRelayed: figures.isRelayed
        )
    }

    /// Lets messages through to the delegate, those that came early first.
    func startReceiving() { self.callbacks.startPassing() }

    // MARK: Signals and deadlines

    /// Takes what happened on libdatachannel's threads.
    func takeSignals() -> RTCSignals {
        let signals = self.callbacks.takeSignals()
        self.opened.formUnion(signals.intersection(.bothOpened))
        return signals
    }

    /// When the connection wants to be looked at even if nothing happens.
    var deadline: Instant? {
        switch self.stage {
        case .describing(let limit): self.openingLimit.map { min($0, limit) } ?? limit
        case .waiting: self.openingLimit
        case .open: nil
        case .closing(_, let limit): limit
        }
    }

    /// What is to be done because it took too long.
    func overdue(at now: Instant) -> Overdue? {
        if case .closing(let reason, let limit) = self.stage { return limit <= now ? .closing(reason: reason) : nil }
        if let limit = self.openingLimit, limit <= now { return .opening }
        if case .describing(let limit) = self.stage, limit <= now { return .description }
        return nil
    }

    /// Why we are closing the connection; nil when we are not.
    var closingReason: String? {
        guard case .closing(let reason, _) = self.stage else { return nil }
        return reason
    }

    // MARK: Sending

    var isOpen: Bool {
        guard case .open = self.stage else { return false }
        return true
    }

    func sendControl(_ message: [UInt8]) throws(RTCError) {
        try RTCLibrary.check(
            message.withUnsafeBytes { cdc_send(self.handle, CDC_CONTROL, $0.baseAddress, $0.count, nil, 0) }
        )
        if cdc_buffered(self.handle, CDC_CONTROL) > RTCLimits.controlBuffer {
            throw RTCError(RTCReason.controlOverflow)
        }
    }

    /// Puts a chunk in line. Its frames leave when the connection is next looked at, after the orders that are here
    /// already: control messages go first.
    func queue(_ chunk: OutgoingChunk, token: UInt64) {
        precondition(self.chunks.count < RTCLimits.queuedChunks, "\(self.id) has too many chunks in line")
        self.chunks.append((chunk, token))
        self.callbacks.raise(.drained)
    }

    /// Sends frames until the library's buffer is full, and returns the tokens of the chunks that are out.
    ///
    /// One buffer's worth in a turn: a library that drains as fast as we fill must not keep control messages waiting.
    func sendFrames() throws(RTCError) -> [UInt64] {
        var finished: [UInt64] = []
        var bytes = 0
        while let (chunk, token) = self.chunks.first {
            let size = chunk.frameSize(self.framesSent)
            guard cdc_buffered(self.handle, CDC_BULK) + size <= RTCLimits.bulkBuffer else { return finished }
            guard bytes + size <= RTCLimits.bulkBuffer else {
                self.callbacks.raise(.drained)
                return finished
            }
            bytes += size
            try RTCLibrary.check(
                chunk.withFrame(self.framesSent) { header, payload in
                    cdc_send(
                        self.handle,
                        CDC_BULK,
                        header.baseAddress,
                        header.count,
                        payload.baseAddress,
                        payload.count
                    )
                }
            )
            self.framesSent += 1
            if self.framesSent == chunk.frameCount {
                finished.append(token)
                self.chunks.removeFirst()
                self.framesSent = 0
            }
        }
        return finished
    }

    // MARK: Closing

    /// Starts a clean end: parked chunks are dropped, what the library has is sent, messages are no longer passed on.
    func close(reason: String, limit: Instant) {
        self.stage = .closing(reason: reason, limit: limit)
        self.openingLimit = nil
        self.chunks = []
        self.callbacks.startDropping()
        cdc_close(self.handle)
    }

    // MARK: Statistics

    var statistics: RTCStatistics {
        var read = cdc_statistics()
        cdc_statistics_read(self.handle, &read)
        return RTCStatistics(
            bytesSent: read.bytes_sent,
            bytesReceived: read.bytes_received,
            roundTrip: read.round_trip < 0 ? nil : .milliseconds(read.round_trip),
            bulkBuffered: cdc_buffered(self.handle, CDC_BULK),
            queuedChunks: self.chunks.count,
            localCandidate: RTCLibrary.string(read.local_candidate) ?? "",
            remoteCandidate: RTCLibrary.string(read.remote_candidate) ?? "",
            isRelayed: read.is_relayed
        )
    }
}

extension cdc_configuration {
    /// Makes a connection; lends its strings to the library for as long as that takes.
    static func create(
        _ configuration: RTCConfiguration,
        _ certificate: RTCCertificate,
        _ callbacks: cdc_callbacks
    ) throws(RTCError) -> OpaquePointer {
        let texts = [certificate.certificatePEM, certificate.keyPEM] + configuration.iceServers
        let strings = (texts + [configuration.bindAddress].compactMap(\.self)).map { strdup($0) }
        defer { for string in strings { free(string) } }
        var settings = cdc_configuration()
        settings.certificate_pem = UnsafePointer(strings[0])
        settings.key_pem = UnsafePointer(strings[1])
        if configuration.bindAddress != nil { settings.bind_address = UnsafePointer(strings[texts.count]) }
        settings.relay_only = configuration.relayOnly
        settings.maximum_message = RTCLimits.advertisedMessage
        settings.drained_threshold = RTCLimits.bulkBufferLow
        let servers = strings[2..<texts.count].map { UnsafePointer($0) }
        settings.ice_server_count = servers.count
        var handle: OpaquePointer?
        try RTCLibrary.check(
            servers.withUnsafeBufferPointer { servers in
                settings.ice_servers = servers.baseAddress
                return withUnsafePointer(to: callbacks) { cdc_create(&settings, $0, &handle) }
            }
        )
        guard let handle else { throw RTCError("libdatachannel made no connection") }
        return handle
    }
}
