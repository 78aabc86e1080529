import ShoalCore

/// The open connections, and for each the moment at which time alone makes something due.
///
/// A machine is asked for its next deadline after every input, and one input concerns one connection or few: only the
/// timers of those that were changed are computed again. A moment may be too early, when what happened elsewhere made
/// it later; never too late. Bounded by the connections.
struct PeerTable: Sendable {
    private var sessions = SortedMap<ConnectionID, PeerSession>()
    private var timers = SortedMap<ConnectionID, Instant>()
    /// Whose timers are to be computed again.
    private var changed: [ConnectionID] = []

    var count: Int { self.sessions.count }
    var keys: [ConnectionID] { self.sessions.keys }
    var values: [PeerSession] { self.sessions.values }

    subscript(connection: ConnectionID) -> PeerSession? { self.sessions[connection] }

    mutating func insert(_ session: PeerSession) {
        self.sessions[session.connection] = session
        self.noteChange(of: session.connection)
    }

    @discardableResult
    mutating func removeValue(forKey connection: ConnectionID) -> PeerSession? {
        self.timers.removeValue(forKey: connection)
        return self.sessions.removeValue(forKey: connection)
    }

    /// Changes a session in place; nil when there is none.
    @discardableResult
    mutating func update<Result>(_ connection: ConnectionID, _ change: (inout PeerSession) -> Result) -> Result? {
        self.noteChange(of: connection)
        return self.sessions.update(connection, change)
    }

    /// Looks at a session where it lies; nil when there is none.
    func read<Result>(_ connection: ConnectionID, _ look: (borrowing PeerSession) -> Result) -> Result? {
        self.sessions.read(connection, look)
    }

    /// Looks at every session where it lies, in the order of the connections.
    func forEachValue(_ look: (ConnectionID, borrowing PeerSession) -> Void) { self.sessions.forEachValue(look) }

    /// Whether `predicate` holds of a session, looking at each where it lies.
    func hasValue(_ predicate: (ConnectionID, borrowing PeerSession) -> Bool) -> Bool {
        self.sessions.hasValue(predicate)
    }

    // MARK: Timers

    /// The moment that is kept for a connection.
    func timer(of connection: ConnectionID) -> Instant? { self.timers[connection] }

    /// The earliest moment of all.
    var nextTimer: Instant? { self.timers.values.min() }

    /// Those whose moment has come; they count as changed.
    mutating func takeDue(at now: Instant) -> [ConnectionID] {
        var due: [ConnectionID] = []
        self.timers.forEachValue { connection, moment in
            if moment <= now { due.append(connection) }
        }
        for connection in due { self.noteChange(of: connection) }
        return due
    }

    /// Computes the moments of those that were changed; `timer` answers nil for one that time does nothing to.
    mutating func refreshTimers(_ timer: (ConnectionID, borrowing PeerSession) -> Instant?) {
        for connection in self.changed {
            guard let moment = self.sessions.read(connection, { timer(connection, $0) }) else { continue }
            self.timers[connection] = moment
        }
        self.changed.removeAll(keepingCapacity: true)
    }

    private mutating func noteChange(of connection: ConnectionID) {
        if !self.changed.contains(connection) { self.changed.append(connection) }
    }
}

extension PeerTable: Sequence {
    func makeIterator() -> SortedMap<ConnectionID, PeerSession>.Iterator { self.sessions.makeIterator() }
}
