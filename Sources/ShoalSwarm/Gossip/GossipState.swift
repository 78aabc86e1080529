import ShoalCore

/// What gossip and signals of all swarms have in common: how much may be said and listened to.
struct GossipState: Sendable {
    /// What one peer may still tell us.
    struct Allowance: Sendable {
        var messages: TokenBucket
        var signals: TokenBucket
        /// Messages beyond that, since the connection opened.
        var ignored = 0
    }

    let clock: SequenceClock
    private let configuration: GossipConfiguration
    var sessions = SortedMap<SwarmHandle, GossipSession>()
    /// In bytes: of our own changes, of what is passed on, of answers.
    var ownCredit: TokenBucket
    var relayCredit: TokenBucket
    var answerCredit: TokenBucket
    /// Signatures that may be verified, whoever made them.
    var verifications: TokenBucket
    private var signals: TokenBucket
    private var allowances = SortedMap<ConnectionID, Allowance>()

    init(_ configuration: GossipConfiguration, session: UInt64, at now: Instant) {
        self.configuration = configuration
        self.clock = SequenceClock(session: session, startedAt: now)
        let burst = configuration.burst
        self.ownCredit = TokenBucket(rate: configuration.ownRate, burst: burst, at: now)
        self.relayCredit = TokenBucket(rate: configuration.relayRate, burst: burst, at: now)
        self.answerCredit = TokenBucket(rate: configuration.answerRate, burst: burst, at: now)
        self.verifications = TokenBucket(
            rate: configuration.verificationRate,
            burst: configuration.verificationBurst,
            at: now
        )
        self.signals = TokenBucket(
            rate: configuration.signalTotalRate,
            burst: configuration.signalTotalBurst,
            at: now
        )
    }

    var nextDeadline: Instant? { self.sessions.values.compactMap(\.nextDeadline).min() }

    /// What becomes of a message.
    enum Admission {
        case taken
        case ignored
        /// Ignored, and once too often.
        case fault
    }

    mutating func admitGossip(from connection: ConnectionID, at now: Instant) -> Admission {
        self.admit(from: connection, at: now) { $0.messages.take(1, at: now) }
    }

    mutating func admitSignal(from connection: ConnectionID, at now: Instant) -> Admission {
        let admission = self.admit(from: connection, at: now) { $0.signals.take(1, at: now) }
        guard case .taken = admission else { return admission }
        return self.signals.take(1, at: now) ? .taken : .ignored
    }

    private mutating func admit(
        from connection: ConnectionID,
        at now: Instant,
        _ take: (inout Allowance) -> Bool
    ) -> Admission {
        if self.allowances[connection] == nil { self.allowances[connection] = self.newAllowance(at: now) }
        let perFault = self.configuration.ignoredPerFault
        return self.allowances.update(connection) { allowance in
            guard !take(&allowance) else { return .taken }
            allowance.ignored += 1
            return allowance.ignored % perFault == 0 ? .fault : .ignored
        } ?? .ignored
    }

    private func newAllowance(at now: Instant) -> Allowance {
        Allowance(
            messages: TokenBucket(
                rate: self.configuration.messageRate,
                burst: self.configuration.messageBurst,
                at: now
            ),
            signals: TokenBucket(rate: self.configuration.signalRate, burst: self.configuration.signalBurst, at: now)
        )
    }

    mutating func closed(_ connection: ConnectionID) {
        self.allowances.removeValue(forKey: connection)
        for handle in self.sessions.keys { self.left(handle, connection) }
    }

    /// The connection is no longer one of a neighbour in this swarm.
    mutating func left(_ handle: SwarmHandle, _ connection: ConnectionID) {
        self.sessions.update(handle) { session in
            guard session.neighbours.removeValue(forKey: connection) != nil else { return }
            session.table.forget(connection)
        }
    }
}
