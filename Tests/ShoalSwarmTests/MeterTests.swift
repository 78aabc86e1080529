import ShoalCore
import Testing

@testable import ShoalSwarm

@Suite struct MeterTests {
    private let start = Instant.zero + .seconds(1_000)

    @Test func `a meter that is younger than a second does not exaggerate`() {
        var meter = Meter(at: self.start)
        meter.count(1_000, at: self.start + .milliseconds(1))
        #expect(meter.rate(at: self.start + .milliseconds(1)) == 1_000)
    }

    @Test func `a steady stream has its own rate`() {
        var meter = Meter(at: self.start)
        for step in 1...100 { meter.count(100, at: self.start + .milliseconds(100) * step) }
        #expect(meter.rate(at: self.start + .seconds(10)) == 1_025)
        #expect((995...1_030).contains(meter.rate(at: self.start + .milliseconds(10_099))))
        #expect(meter.total == 10_000)
    }

    @Test func `what stopped is forgotten after five seconds, its bytes are not`() {
        var meter = Meter(at: self.start)
        meter.count(1_000_000, at: self.start)
        #expect(meter.rate(at: self.start + .milliseconds(4_999)) > 0)
        #expect(meter.rate(at: self.start + .seconds(5)) == 0)
        #expect(meter.rate(at: self.start + .seconds(1_000_000)) == 0)
        #expect(meter.total == 1_000_000)
    }

    @Test func `after a long pause old buckets do not count again`() {
        var meter = Meter(at: self.start)
        for second in 0..<5 { meter.count(1_000_000, at: self.start + .seconds(second)) }
        meter.count(1, at: self.start + .seconds(3_600))
        #expect(meter.rate(at: self.start + .seconds(3_600)) == 0)
        #expect(meter.rate(at: self.start + .seconds(3_601)) == 0)
    }

    @Test func `a clock that stands or goes back is no reason to fail`() {
        var meter = Meter(at: self.start)
        meter.count(5_000, at: self.start + .seconds(2))
        meter.count(5_000, at: self.start)
        #expect(meter.total == 10_000)
        #expect(meter.rate(at: self.start) > 0)
    }

    @Test func `the fastest link does not overflow it`() {
        var meter = Meter(at: self.start)
        for second in 0..<5 { meter.count(1_000_000_000_000, at: self.start + .seconds(second)) }
        #expect(meter.rate(at: self.start + .milliseconds(4_999)) > 1_000_000_000_000)
    }
}
