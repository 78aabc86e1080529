import ShoalCore
import ShoalTransport
import Synchronization
import Testing

@testable import ShoalNode

/// The bounds of the node's desks: below, at, above.
@Suite struct DeskTests {
    // MARK: Slab

    @Test func `each slot is room for a chunk of its own`() {
        let slab = Slab(slots: 4)
        let slots = slab.lease(4)
        #expect(Set(slots).count == 4)
        for slot in slots {
            #expect(slab.bytes(of: slot).count == Cutting.chunkSize)
            slab.bytes(of: slot).initializeMemory(as: UInt8.self, repeating: UInt8(slot))
        }
        for slot in slots { #expect(slab.bytes(of: slot).allSatisfy { $0 == UInt8(slot) }) }
    }

    @Test func `a slot that came back is leased again`() {
        let slab = Slab(slots: 2)
        #expect(slab.lease(0).isEmpty)
        let slots = slab.lease(2)
        slab.giveBack(slots[0])
        #expect(slab.lease(1) == [slots[0]])
    }

    @Test func `more slots than there are cannot be leased`() async {
        await #expect(processExitsWith: .failure) {
            let slab = Slab(slots: 2)
            _ = slab.lease(1)
            _ = slab.lease(2)
        }
    }

    // MARK: UploadDesk

    private func begin(_ desk: UploadDesk, _ connection: UInt64, chunk: Int = 0) -> (UInt64, UploadBuffer) {
        desk.begin(ConnectionID(connection), request: 1, chunk: ChunkIndex(chunk))
    }

    @Test func `every upload has a buffer of its own until it is finished`() {
        let desk = UploadDesk(buffers: 2)
        let (first, one) = self.begin(desk, 1, chunk: 5)
        let (second, two) = self.begin(desk, 2)
        #expect(one !== two)
        #expect(first != second)
        let finished = desk.finish(first)
        #expect(finished?.connection == ConnectionID(1))
        #expect(finished?.chunk == ChunkIndex(5 as Int))
        #expect(desk.finish(first) == nil, "a buffer comes back once")
        let (third, three) = self.begin(desk, 3)
        #expect(three === one)
        #expect(third != first && third != second)
    }

    @Test func `more uploads than buffers cannot begin`() async {
        await #expect(processExitsWith: .failure) {
            let desk = UploadDesk(buffers: 1)
            _ = desk.begin(ConnectionID(1), request: 1, chunk: ChunkIndex(0 as Int))
            _ = desk.begin(ConnectionID(1), request: 1, chunk: ChunkIndex(1 as Int))
        }
    }

    @Test func `when a connection closes, what was handed over for it is over, and what is still read is not`() {
        let desk = UploadDesk(buffers: 4)
        let (handed, _) = self.begin(desk, 1, chunk: 0)
        let (reading, _) = self.begin(desk, 1, chunk: 1)
        let (other, _) = self.begin(desk, 2, chunk: 2)
        #expect(desk.handOver(handed, size: 1) { true })
        #expect(desk.handOver(other, size: 1) { true })
        #expect(desk.finishAll(of: ConnectionID(1)).map(\.chunk) == [ChunkIndex(0 as Int)])
        #expect(desk.finish(handed) == nil)
        #expect(!desk.handOver(reading, size: 1) { false })
        #expect(desk.finishAll(of: ConnectionID(1)).isEmpty)
        #expect(desk.finish(reading)?.chunk == ChunkIndex(1 as Int))
        #expect(desk.finish(other)?.chunk == ChunkIndex(2 as Int))
    }

    // MARK: ConnectionDesk

    @Test func `a peer may be ahead by its limit and no further`() {
        let desk = ConnectionDesk(ConnectionID(1))
        let limit = ConnectionDesk.pendingLimit
        #expect(desk.admit(limit - 1))
        #expect(desk.admit(1))
        #expect(!desk.admit(1))
    }

    @Test func `a peer may go on when the loop has seen what it sent`() {
        let desk = ConnectionDesk(ConnectionID(1))
        let limit = ConnectionDesk.pendingLimit
        #expect(desk.admit(limit))
        desk.seen(limit)
        #expect(desk.admit(limit))
    }

    @Test func `frames alone reach the limit, too`() {
        let desk = ConnectionDesk(ConnectionID(1))
        var admitted = 0
        while desk.admit(ConnectionDesk.frameCost) { admitted += 1 }
        #expect(admitted == ConnectionDesk.pendingLimit / ConnectionDesk.frameCost)
    }
}
