import Dispatch
import Foundation
import ShoalCore
import TestSupport
import Testing

@testable import ShoalNode

@Suite(.timeLimit(.minutes(1)))
struct MailboxTests {
    /// Takes on a thread of its own, as the loop does, and notes each batch until one has a nil in it.
    private func taker(of mailbox: Mailbox<Int?>) -> Journal<[Int?]> {
        let batches = Journal<[Int?]>()
        Thread {
            while true {
                let batch = mailbox.take(until: nil)
                batches.note(batch)
                guard !batch.contains(nil) else { break }
            }
            batches.end()
        }.start()
        return batches
    }

    @Test func `what was left is taken in order, once`() {
        let mailbox = Mailbox<Int>()
        for number in 0..<1_000 { mailbox.post(number) }
        #expect(mailbox.take(until: nil) == Array(0..<1_000))
        mailbox.post(7)
        #expect(mailbox.take(until: nil) == [7])
        #expect(mailbox.take(until: .zero).isEmpty)
    }

    @Test func `a taker that sleeps is woken by what is left`() async throws {
        let mailbox = Mailbox<Int?>()
        let batches = self.taker(of: mailbox)
        // Each is awaited, so that the taker goes back to sleep in between.
        for number in 0..<100 {
            mailbox.post(number)
            try await batches.first("\(number)") { $0 == [number] ? () : nil }
        }
        mailbox.post(nil)
        try await batches.ended()
    }

    @Test func `many threads leave at once, and the order of each is kept`() async throws {
        let mailbox = Mailbox<Int?>()
        let batches = self.taker(of: mailbox)
        let (threads, count) = (8, 5_000)
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<threads {
                group.addTask { for number in 0..<count { mailbox.post(thread * count + number) } }
            }
        }
        mailbox.post(nil)
        try await batches.ended()
        let taken = batches.entries.flatMap { $0 }.compactMap(\.self)
        #expect(taken.count == threads * count)
        for thread in 0..<threads {
            #expect(taken.filter { $0 / count == thread } == Array(thread * count..<(thread + 1) * count))
        }
    }

    @Test func `a deadline that has passed keeps nobody`() {
        let mailbox = Mailbox<Int>()
        #expect(mailbox.take(until: .zero).isEmpty)
        #expect(mailbox.take(until: Instant(nanoseconds: 1)).isEmpty)
        #expect(mailbox.take(until: NodeClock.now).isEmpty)
        mailbox.post(1)
        #expect(mailbox.take(until: .zero) == [1])
    }

    @Test func `a taker wakes up at its deadline, with nothing`() async throws {
        let mailbox = Mailbox<Int>()
        let deadline = NodeClock.now + .milliseconds(30)
        let wakeUps = Journal<(batch: [Int], at: Instant)>()
        Thread { wakeUps.note((mailbox.take(until: deadline), NodeClock.now)) }.start()
        let wakeUp = try await wakeUps.first("a wake-up") { $0 }
        #expect(wakeUp.batch.isEmpty)
        #expect(wakeUp.at >= deadline)
    }

    @Test func `a wake-up that comes after its deadline does not end the next wait`() async throws {
        let mailbox = Mailbox<Int?>()
        #expect(mailbox.take(until: NodeClock.now).isEmpty)
        let batches = self.taker(of: mailbox)
        mailbox.post(1)
        mailbox.post(nil)
        try await batches.ended()
        #expect(batches.entries.flatMap { $0 } == [1, nil])
    }
}
