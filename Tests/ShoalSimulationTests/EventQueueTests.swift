import ShoalCore
import Testing

@testable import ShoalSimulation

@Suite struct EventQueueTests {
    @Test(arguments: 0..<4) func `events come out by time, and in order of arrival within a moment`(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        var queue = EventQueue<Int>()
        var expected: [(time: UInt64, number: Int)] = []
        for number in 0..<1_000 {
            let time = dice.next() % 50
            queue.push(number, at: Instant(nanoseconds: time))
            expected.append((time, number))
        }
        expected.sort { ($0.time, $0.number) < ($1.time, $1.number) }
        var taken: [Int] = []
        while let time = queue.nextTime, let number = queue.pop(through: time) { taken.append(number) }
        #expect(taken == expected.map(\.number))
        #expect(queue.count == 0)
    }

    @Test func `what happens later stays`() {
        var queue = EventQueue<Int>()
        queue.push(1, at: Instant(nanoseconds: 10))
        let early = queue.pop(through: Instant(nanoseconds: 9))
        let due = queue.pop(through: Instant(nanoseconds: 10))
        #expect(early == nil)
        #expect(due == 1)
    }
}
