import ShoalCore
import ShoalSwarm

/// What runs on the WebRTC thread: the only caller of libdatachannel. It carries out orders, looks at signals, and
/// keeps the connections' deadlines.
final class RTCWorker {
    private let configuration: RTCConfiguration
    private let certificate: RTCCertificate
    private let mailbox: RTCMailbox
    private let delegate: any RTCTransportDelegate
    /// At most ``RTCConfiguration/maximumConnections``.
    private var connections: [ConnectionID: RTCConnection] = [:]
    private var isShuttingDown = false

    init(
        configuration: RTCConfiguration,
        certificate: RTCCertificate,
        mailbox: RTCMailbox,
        delegate: any RTCTransportDelegate
    ) {
        self.configuration = configuration
        self.certificate = certificate
        self.mailbox = mailbox
        self.delegate = delegate
    }

    /// Works until it is told to shut down and the last connection is gone.
    func run() {
        while !self.isShuttingDown || !self.connections.isEmpty {
            let batch = self.mailbox.take(until: self.connections.values.compactMap(\.deadline).min())
            for order in batch.orders { self.carryOut(order) }
            for id in batch.signalled {
                if let connection = self.connections[id] { self.lookAt(connection) }
            }
            self.keepDeadlines(Instant.uptime)
        }
    }

    // MARK: Orders

    private func carryOut(_ order: RTCOrder) {
        switch order {
        case .offer(let id):
            self.create(id, role: .initiator) { connection throws(RTCError) in try connection.offer() }
        case .answer(let id, let sdp):
            self.answer(id, sdp)
        case .accept(let id, let sdp):
            self.accept(id, sdp)
        case .sendControl(let id, let message):
            self.withOpen(id) { connection throws(RTCError) in try connection.sendControl(message) }
        case .sendChunk(let id, let chunk, let token):
            self.withOpen(id) { connection throws(RTCError) in connection.queue(chunk, token: token) }
        case .close(let id, let reason):
            if let connection = self.connections[id] { self.close(connection, reason: reason) }
        case .statistics(let id, let report):
            report(self.connections[id]?.statistics)
        case .shutdown:
            self.isShuttingDown = true
            for connection in self.connections.values { self.close(connection, reason: RTCReason.shutdown) }
        }
    }

    private func answer(_ id: ConnectionID, _ sdp: String) {
        let offer: SessionDescription
        do {
            offer = try SessionDescription(sdp)
        } catch {
            self.delegate.closed(id, reason: error.message)
            return
        }
        let limit = Instant.uptime + self.configuration.openingLimit
        self.create(id, role: .responder) { connection throws(RTCError) in
            try connection.answer(offer, openingLimit: limit)
        }
    }

    private func accept(_ id: ConnectionID, _ sdp: String) {
        // Trackers deliver answers late, twice, or to nobody.
        guard let connection = self.connections[id], connection.awaitsAnswer else { return }
        let limit = Instant.uptime + self.configuration.openingLimit
        self.attempt(connection) { () throws(RTCError) in
            try connection.accept(SessionDescription(sdp), openingLimit: limit)
        }
    }

    private func create(
        _ id: ConnectionID,
        role: PeerPath.Role,
        _ start: (RTCConnection) throws(RTCError) -> Void
    ) {
        precondition(self.connections[id] == nil, "\(id) was made twice")
        guard !self.isShuttingDown else { return self.delegate.closed(id, reason: RTCReason.shutdown) }
        guard self.connections.count < self.configuration.maximumConnections else {
            return self.delegate.closed(id, reason: RTCReason.tooManyConnections)
        }
        do {
            let connection = try RTCConnection(
                id: id,
                role: role,
                configuration: self.configuration,
                certificate: self.certificate,
                callbacks: RTCCallbacks(connection: id, mailbox: self.mailbox, delegate: self.delegate),
                now: Instant.uptime
            )
            self.connections[id] = connection
            self.attempt(connection) { () throws(RTCError) in try start(connection) }
        } catch {
            self.delegate.closed(id, reason: error.message)
        }
    }

    // MARK: Signals and deadlines

    private func lookAt(_ connection: RTCConnection) {
        let signals = connection.takeSignals()
        if let reason = connection.closingReason {
            if !signals.isDisjoint(with: .ends) { self.end(connection, reason: reason) }
            return
        }
        self.attempt(connection) { () throws(RTCError) in
            if signals.contains(.gathered) { try self.describe(connection) }
            if let path = try connection.open(localFingerprint: self.certificate.fingerprint) {
                self.delegate.opened(connection.id, path: path)
                connection.startReceiving()
            }
            if let reason = RTCReason.end(by: signals) { throw RTCError(reason) }
            if signals.contains(.drained) { try self.sendFrames(connection) }
        }
    }

    private func keepDeadlines(_ now: Instant) {
        for connection in self.connections.values {
            switch connection.overdue(at: now) {
            case .description: self.attempt(connection) { () throws(RTCError) in try self.describe(connection) }
            case .opening: self.end(connection, reason: RTCReason.notOpened(within: self.configuration.openingLimit))
            case .closing(let reason): self.end(connection, reason: reason)
            case nil: break
            }
        }
    }

    private func describe(_ connection: RTCConnection) throws(RTCError) {
        if let sdp = try connection.describe() { self.delegate.described(connection.id, sdp: sdp) }
    }

    // MARK: Sending

    /// Orders for a connection that is not open are dropped: its owner has been told, or is about to be.
    private func withOpen(_ id: ConnectionID, _ body: (RTCConnection) throws(RTCError) -> Void) {
        guard let connection = self.connections[id], connection.isOpen else { return }
        self.attempt(connection) { () throws(RTCError) in try body(connection) }
    }

    private func sendFrames(_ connection: RTCConnection) throws(RTCError) {
        for token in try connection.sendFrames() { self.delegate.chunkSent(connection.id, token: token) }
    }

    // MARK: Ending

    /// Runs `body`; what it throws ends the connection.
    private func attempt(_ connection: RTCConnection, _ body: () throws(RTCError) -> Void) {
        do {
            try body()
        } catch {
            self.end(connection, reason: error.message)
        }
    }

    /// Our own wish: an open connection sends what is buffered first.
    private func close(_ connection: RTCConnection, reason: String) {
        guard connection.closingReason == nil else { return }
        guard connection.isOpen else { return self.end(connection, reason: reason) }
        connection.close(reason: reason, limit: Instant.uptime + self.configuration.closingLimit)
    }

    private func end(_ connection: RTCConnection, reason: String) {
        self.connections[connection.id] = nil
        connection.destroy()
        self.delegate.closed(connection.id, reason: reason)
    }
}
