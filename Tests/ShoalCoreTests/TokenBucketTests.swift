import ShoalCore
import Testing

/// Rates, bursts, debt.
struct TokenBucketTests {
    @Test func `a full bucket lets its burst through and no more`() {
        var bucket = TokenBucket(rate: 10, burst: 3, at: .zero)
        let taken = (0..<4).map { _ in bucket.take(1, at: .zero) }
        #expect(taken == [true, true, true, false])
    }

    @Test func `what was taken flows in again at the rate`() {
        var bucket = TokenBucket(rate: 10, burst: 3, at: .zero)
        _ = bucket.take(3, at: .zero)
        let early = bucket.take(1, at: .zero + .milliseconds(99))
        let onTime = bucket.take(1, at: .zero + .milliseconds(100))
        #expect(!early)
        #expect(onTime)
    }

    @Test func `rest fills the bucket to its burst and not beyond`() {
        var bucket = TokenBucket(rate: 1_000, burst: 2, at: .zero)
        let later = Instant.zero + .seconds(3_600)
        let taken = (0..<3).map { _ in bucket.take(1, at: later) }
        #expect(taken == [true, true, false])
    }

    @Test func `debt closes the bucket until it has flown in`() {
        var bucket = TokenBucket(rate: 1_000, burst: 100, at: .zero)
        bucket.spend(600, at: .zero)
        #expect(bucket.opensAt == .zero + .milliseconds(500))
        #expect(!bucket.isOpen(at: .zero + .milliseconds(499)))
        #expect(bucket.isOpen(at: .zero + .milliseconds(500)))
    }

    @Test func `what is given back may be spent again, up to the burst`() {
        var bucket = TokenBucket(rate: 1_000, burst: 100, at: .zero)
        bucket.spend(600, at: .zero)
        bucket.refund(550)
        #expect(bucket.level(at: .zero) == 50)
        bucket.refund(550)
        #expect(bucket.level(at: .zero) == 100)
    }

    @Test func `a level is what may be spent without debt`() {
        var bucket = TokenBucket(rate: 1_000, burst: 100, at: .zero)
        bucket.spend(150, at: .zero)
        #expect(bucket.level(at: .zero) == 0)
        #expect(bucket.level(at: .zero + .milliseconds(49)) == 0)
        #expect(bucket.level(at: .zero + .milliseconds(80)) == 30)
        #expect(bucket.level(at: .zero + .seconds(9)) == 100)
    }

    @Test func `over an hour the rate holds to the unit`() {
        var bucket = TokenBucket(rate: 2_500_000, burst: 131_072, at: .zero)
        var spent = 0
        while bucket.opensAt < .zero + .seconds(3_600) {
            bucket.spend(131_072, at: bucket.opensAt)
            spent += 131_072
        }
        let limit = 3_600 * 2_500_000
        #expect(spent > limit - 131_072 && spent <= limit + 2 * 131_072)
    }

    @Test func `a clock that goes back takes nothing away`() {
        var bucket = TokenBucket(rate: 1, burst: 1, at: .zero + .seconds(10))
        bucket.spend(2, at: .zero)
        #expect(bucket.opensAt == .zero + .seconds(11))
    }
}
