import ShoalCore

/// A shard of which some chunks are missing.
struct ReceivingShard: Sendable {
    private(set) var verified: Bitfield
    /// 4 peers may owe the same chunk, each asked because those before it are late.
    static let askerLimit = 4

    /// Who owes each chunk: one, a second because little else is left, or some because those before them are late.
    private(set) var askers: [[ConnectionID]]
    /// Chunks that are late: another peer may be asked as well, before anything that is not.
    var overdue: Bitfield
    /// Who was asked for the hash list, and until when it is waited for.
    private(set) var hashesAsked: (of: ConnectionID, until: Instant)?
    /// The hash list is here and being checked.
    private(set) var isCheckingHashes = false
    /// Who brought each chunk whole, as long as that copy is not settled: nobody is asked for it meanwhile. They may have
    /// left by then, and are noted among the askers until the verdict.
    private(set) var bringers: [[ConnectionID]]
    /// Chunks that nobody owes, that have not come and are not here: kept, so that a shard with nothing to ask for costs
    /// nothing to look at.
    private(set) var unasked: Bitfield
    /// How many peers that are receiving the shard as well have each chunk.
    private(set) var sharers: [UInt16]
    /// Who is not asked for a chunk now, having said that it can be had elsewhere.
    private var resting: [Int: [ConnectionID]] = [:]

    init(verified: Bitfield) {
        self.verified = verified
        self.askers = [[ConnectionID]](repeating: [], count: verified.count)
        self.overdue = Bitfield(count: verified.count)
        self.bringers = self.askers
        self.unasked = verified.inverted
        self.sharers = [UInt16](repeating: 0, count: verified.count)
    }

    /// A peer has other chunks of the shard than before; nil: none, or all (which ``Holdings/availability`` counts).
    mutating func shared(_ before: Bitfield?, _ after: Bitfield?) {
        for (field, step) in [(before, -1), (after, 1)] {
            guard let field, field.count == self.sharers.count else { continue }
            for chunk in field.setBits {
                let sum = Int(self.sharers[chunk]) + step
                precondition(sum >= 0, "a chunk is shared by fewer than none")
                self.sharers[chunk] = UInt16(sum)
            }
        }
    }

    mutating func asked(_ connection: ConnectionID, for chunk: ChunkIndex) {
        self.askers[chunk.position].append(connection)
        self.unasked[chunk.position] = false
        // The newcomer has its own time.
        self.overdue[chunk.position] = false
    }

    mutating func askedForHashes(_ connection: ConnectionID, until deadline: Instant) {
        self.hashesAsked = (connection, deadline)
    }

    /// The hash list will not come from this peer.
    mutating func hashesEnded(_ connection: ConnectionID) {
        if self.hashesAsked?.of == connection { self.hashesAsked = nil }
    }

    mutating func hashesArrived() {
        self.hashesAsked = nil
        self.isCheckingHashes = true
    }

    mutating func hashesChecked() { self.isCheckingHashes = false }

    mutating func ended(_ connection: ConnectionID, chunk: ChunkIndex) {
        self.askers[chunk.position].removeAll { $0 == connection }
        self.bringers[chunk.position].removeAll { $0 == connection }
        self.unasked[chunk.position] = self.askers[chunk.position].isEmpty && !self.verified[chunk.position]
    }

    /// The chunk came whole and is being checked.
    mutating func came(_ chunk: ChunkIndex, from connection: ConnectionID) {
        self.bringers[chunk.position].append(connection)
        self.unasked[chunk.position] = false
    }

    /// The chunk is here. Returns whether that makes the shard whole.
    mutating func enter(_ chunk: ChunkIndex) -> Bool {
        self.verified[chunk.position] = true
        self.overdue[chunk.position] = false
        self.unasked[chunk.position] = false
        return self.verified.isFull
    }

    /// Whether any chunk may be asked of anybody, by this measure.
    func offersAnything(_ doubling: Doubling) -> Bool {
        switch doubling {
        case .never: !self.unasked.isEmpty
        case .overdue: !self.overdue.isEmpty
        case .always: !self.verified.isFull
        }
    }

    mutating func rest(_ chunk: ChunkIndex, at connection: ConnectionID) {
        self.resting[chunk.position, default: []].append(connection)
    }

    mutating func rested(_ chunk: ChunkIndex, at connection: ConnectionID) {
        self.resting[chunk.position]?.removeAll { $0 == connection }
        if self.resting[chunk.position]?.isEmpty == true { self.resting[chunk.position] = nil }
    }

    /// Somebody who was asked for the chunk did not deliver it: it is late, whoever else owes it.
    mutating func failed(_ chunk: ChunkIndex) {
        if !self.verified[chunk.position] { self.overdue[chunk.position] = true }
    }

    /// Whether nobody owes the chunk, or only others do and one more may be asked.
    func mayAsk(_ connection: ConnectionID, for chunk: Int, doubling: Doubling) -> Bool {
        if self.resting[chunk]?.contains(connection) == true { return false }
        if case .never = doubling { return self.unasked[chunk] }
        guard !self.verified[chunk], self.bringers[chunk].isEmpty else { return false }
        let askers = self.askers[chunk]
        guard !askers.contains(connection) else { return false }
        switch doubling {
        case .never: return askers.isEmpty
        case .overdue: return self.overdue[chunk] && askers.count < Self.askerLimit
        case .always: return askers.count == 1
        }
    }

    /// The peer is gone, or is to go: what it owed is late, and what can be had elsewhere was perhaps to be had from it.
    mutating func abandoned(by connection: ConnectionID) {
        self.resting = [:]
        for chunk in self.askers.indices
        where self.askers[chunk].contains(connection) && !self.bringers[chunk].contains(connection) {
            self.ended(connection, chunk: ChunkIndex(chunk))
            if !self.verified[chunk] { self.overdue[chunk] = true }
        }
        self.hashesEnded(connection)
    }

    /// When a chunk that one peer owes may be asked of a second.
    enum Doubling {
        case never
        /// Only late ones, also if nobody owes them any more.
        case overdue
        /// Endgame: nothing else is left to ask for.
        case always
    }
}
