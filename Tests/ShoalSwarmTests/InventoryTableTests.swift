import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

@Suite struct InventoryTableTests {
    private func inventory(_ number: UInt32, sequence: UInt64 = 1, holdings: Bitfield = .full(count: 8)) -> Inventory {
        let authenticator = FakeAuthenticator(index: number)
        return Inventory(
            publicKey: authenticator.publicKey,
            node: authenticator.nodeID(of: authenticator.publicKey),
            sequence: sequence,
            timeToLive: .seconds(120),
            signature: [UInt8](repeating: 0, count: 64),
            holdings: holdings
        )
    }

    private func entry(_ number: UInt32, from source: UInt8, until moment: Int64) -> InventoryTable.Entry {
        InventoryTable.Entry(
            self.inventory(number),
            expiresAt: .zero + .seconds(moment),
            source: FakeAuthenticator(number: source).node,
            heardFrom: ConnectionID(UInt64(source)),
            relays: []
        )
    }

    @Test func `when it is full, who brought most loses what expires first`() {
        var table = InventoryTable()
        table.insert(self.entry(0, from: 1, until: 1))
        for number in 1..<UInt32(InventoryTable.limit) {
            table.insert(self.entry(number, from: 2, until: 1_000 - Int64(number)))
        }
        #expect(table.entries.count == InventoryTable.limit)
        let last = self.inventory(UInt32(InventoryTable.limit - 1)).node.prefix
        #expect(table[last] != nil)
        table.insert(self.entry(9_999, from: 1, until: 5))
        #expect(table.entries.count == InventoryTable.limit)
        #expect(table[last] == nil)
        #expect(table[self.inventory(0).node.prefix] != nil)
    }

    @Test func `what has gone is remembered by its sequence, the latest 512 of it`() {
        var table = InventoryTable()
        for number in 0...UInt32(InventoryTable.departedLimit) {
            let node = self.inventory(number).node.prefix
            table.depart(node, sequence: 7, at: .zero + .seconds(Int64(number)))
        }
        #expect(table.latestSequence(of: self.inventory(0).node.prefix) == nil)
        #expect(table.latestSequence(of: self.inventory(1).node.prefix) == 7)
        let last = self.inventory(UInt32(InventoryTable.departedLimit)).node.prefix
        #expect(table.latestSequence(of: last) == 7)
    }

    @Test func `the difference to an older version is told when it is known, and shorter than the whole`() {
        var inventory = self.inventory(1, sequence: 10, holdings: Bitfield(count: 4_000))
        for step in 1...5 {
            var next = inventory.holdings
            next[step] = true
            inventory.replace(
                sequence: 10 + UInt64(step),
                timeToLive: .seconds(120),
                signature: [UInt8](repeating: 0, count: 64),
                holdings: next
            )
        }
        func change(since base: UInt64?) -> InventoryChange? {
            guard case .delta(_, let change) = inventory.gossip(since: base, age: .zero, isNeighbour: false) else {
                return nil
            }
            return change
        }
        #expect(change(since: 13) == InventoryChange(base: 13, set: [ShardIndex(4), ShardIndex(5)], cleared: []))
        #expect(change(since: nil)?.base == 10)
        #expect(change(since: nil)?.set.count == 5)
        #expect(change(since: 9) == nil)
        #expect(change(since: 15) == nil)
    }

    @Test func `the history of an inventory is bounded by versions and by changes`() {
        var history = InventoryHistory(from: 0)
        for sequence in 1...UInt64(InventoryHistory.versionLimit) { history.append([], sequence: sequence) }
        #expect(history.base == 0)
        history.append([], sequence: 100)
        #expect(history.base == 1)
        let many = (0..<InventoryHistory.changeLimit).map { ShardIndex($0) }
        history.append(many, sequence: 101)
        #expect(history.shards(since: 100) == many)
        history.append([ShardIndex(9_999)], sequence: 102)
        #expect(history.base == 101)
        #expect(history.shards(since: 101) == [ShardIndex(9_999)])
    }

    @Test func `a digest of more nodes than fit is of a range of them, and every node has its turn`() {
        var session = GossipSession()
        for number in 0..<100 as Range<UInt32> { session.table.insert(self.entry(number << 24, from: 1, until: 60)) }
        var dice = SeededGenerator(seed: 1)
        var seen: Set<NodePrefix> = []
        for _ in 0..<200 {
            let digest = session.digest(limit: 10, using: &dice)
            #expect(digest.items.count <= 10)
            #expect(digest.items.allSatisfy { digest.range.contains($0.version.node) })
            // The range holds no node that the digest leaves out.
            #expect(session.table.entries.keys.count { digest.range.contains($0) } == digest.items.count)
            seen.formUnion(digest.items.map(\.version.node))
        }
        #expect(seen.count == 100)
        #expect(session.digest(limit: 100, using: &dice).range == NodePrefix(0)...NodePrefix(.max))
    }

    @Test func `inventories are asked for once in 2 s, 16 at a time of one neighbour and 64 in all`() {
        var session = GossipSession()
        var admitted: [Bool] = []
        for neighbour in 0..<5 as Range<UInt64> {
            for number in 0..<17 as Range<UInt64> {
                let prefix = NodePrefix(100 * neighbour + number)
                admitted.append(session.mayAsk(ConnectionID(neighbour), for: prefix, at: .zero))
            }
        }
        let four = (0..<4).flatMap { _ in [Bool](repeating: true, count: GossipSession.askedOfOne) + [false] }
        #expect(admitted == four + [Bool](repeating: false, count: 17))
        let again = session.mayAsk(ConnectionID(9), for: NodePrefix(0), at: .zero)
        let later = session.mayAsk(ConnectionID(9), for: NodePrefix(0), at: .zero + GossipSession.askedPatience)
        #expect(!again)
        #expect(later)
    }

    @Test func `offers that were carried are remembered for 30 s, and 256 at a time`() {
        let (first, second) = (FakeAuthenticator(number: 1).node, FakeAuthenticator(number: 2).node)
        var book = RelayBook()
        func id(_ number: Int) -> OfferID {
            OfferID(bytes: [UInt8(number >> 8), UInt8(number & 255)] + [UInt8](repeating: 0, count: 18))!
        }
        for number in 0...RelayBook.limit {
            let isNew = book.carry(id(number), from: first, to: second, at: .zero)
            #expect(isNew)
        }
        let forgotten = book.takeAnswer(id(0), from: second, to: first, at: .zero)
        let backwards = book.takeAnswer(id(1), from: first, to: second, at: .zero)
        let late = book.takeAnswer(id(1), from: second, to: first, at: .zero + RelayBook.patience)
        let answered = book.takeAnswer(id(1), from: second, to: first, at: .zero)
        #expect(!forgotten && !backwards && !late && answered)
    }

    @Test func `nodes that failed are remembered, 256 of them`() {
        var book = ContactBook()
        var dice = SeededGenerator(seed: 1)
        let backoff = GossipConfiguration().backoff
        for number in 0...UInt32(ContactBook.failureLimit) {
            let contact = ContactBook.Contact(
                node: FakeAuthenticator(index: number).node,
                swarm: SwarmHandle(1),
                offerID: .random(using: &dice),
                relay: ConnectionID(1)
            )
            book.seek(contact, on: ConnectionID(2))
            book.closed(ConnectionID(2), backoff: backoff, at: .zero + .seconds(Int64(number)), using: &dice)
        }
        let now = Instant.zero + .seconds(Int64(ContactBook.failureLimit))
        let last = FakeAuthenticator(index: UInt32(ContactBook.failureLimit)).node
        #expect(!book.mayTry(last.prefix, at: now))
        #expect(book.mayTry(last.prefix, at: now + .seconds(8)))
    }
}

extension FakeAuthenticator {
    fileprivate var node: NodeID { self.nodeID(of: self.publicKey) }
}
