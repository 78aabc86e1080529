import Foundation
import ShoalCore
import ShoalFormats
import Synchronization
import Testing

@testable import ShoalStore

@Suite struct HashingTests {
    private func dispenser(_ counts: [Int]) -> BlockDispenser<IndexingIterator<[SourceBlock]>> {
        BlockDispenser(fileCount: counts.count) { file in
            (0..<counts[file]).map { SourceBlock(file: file, turn: $0, offset: $0, length: 1, run: 0, runOffset: $0) }
                .makeIterator()
        }
    }

    @Test func `a third worker opens the next file`() {
        let dispenser = self.dispenser([3, 0, 2])
        let taken = (0..<5).compactMap { _ in dispenser.take() }
        #expect(taken.map(\.file) == [0, 0, 2, 2, 0])
        #expect(taken.map(\.turn) == [0, 1, 0, 1, 2])
        #expect(dispenser.take() == nil)
    }

    @Test func `blocks of a file that lost its workers come first`() {
        let dispenser = self.dispenser([9, 9])
        for _ in 0..<2 { dispenser.take().map { dispenser.giveBack($0) } }
        #expect(dispenser.take()?.file == 0)
    }

    @Test func `a closed dispenser hands out nothing`() {
        let dispenser = self.dispenser([9])
        let block = dispenser.take()
        dispenser.close()
        block.map { dispenser.giveBack($0) }
        #expect(dispenser.take() == nil)
    }

    @Test func `blocks that come in any order are hashed in theirs`() {
        let hash = OrderedHash()
        let bytes = pattern(8 * 1000)
        DispatchQueue.concurrentPerform(iterations: 8) { turn in
            var mine = hash.wait(forTurn: turn)
            bytes[turn * 1000..<(turn + 1) * 1000].withUnsafeBytes { mine.update($0) }
            hash.endTurn(mine)
        }
        #expect(hash.digest == Digest(sha256Of: bytes))
    }

    @Test func `work stops at the first error`() {
        let started = Atomic(0)
        let error = code {
            try AllCores.run(count: 10_000, scratch: 16) { (item, _) throws(StoreError) in
                started.add(1, ordering: .relaxed)
                throw StoreError(.system, "item \(item)")
            }
        }
        #expect(error == .system)
        #expect(started.load(ordering: .relaxed) <= AllCores.workers)
    }

    @Test func `progress is told at most ten times a second`() throws {
        let reports = Mutex(0)
        let meter = ProgressMeter(total: 100_000) { _ in reports.withLock { $0 += 1 } }
        let start = ContinuousClock.now
        for _ in 0..<100_000 { try meter.advance(by: 1) }
        let limit = Int((ContinuousClock.now - start) / .milliseconds(100)) + 1
        #expect(reports.withLock { $0 } <= limit)
        try meter.complete()
        #expect(reports.withLock { $0 } >= 1)
    }
}
