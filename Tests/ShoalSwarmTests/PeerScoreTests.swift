import ShoalCore
import Testing

@testable import ShoalSwarm

/// Averages and what they add up to.
struct PeerScoreTests {
    @Test func `a newcomer counts as middling`() {
        let report = PeerScore().report(Pace(), isOwing: false, at: .zero)
        #expect(report == PeerScore.Report(throughput: 500, latency: 500, reliability: 500))
        #expect(report.total == 250)
    }

    @Test func `reliability reaches both ends, and one failure does not ruin it`() {
        var score = PeerScore()
        for _ in 0..<200 { score.chunkVerified() }
        #expect(score.reliability == 1_000)
        score.chunkFailed()
        #expect(score.reliability == 875)
        for _ in 0..<200 { score.chunkFailed() }
        #expect(score.reliability == 0)
        for _ in 0..<200 { score.chunkVerified() }
        score.chunkCorrupt()
        #expect(score.reliability == 0)
    }

    /// A pace of one chunk every `spacing`, answered at once.
    private func pace(_ spacing: Duration) -> (Pace, Instant) {
        var pace = Pace()
        var now = Instant.zero
        pace.resumed(at: now)
        for _ in 0..<50 {
            now = now + spacing
            pace.completed(after: spacing, at: now)
            pace.answered(after: .zero)
        }
        return (pace, now)
    }

    @Test func `4 MiB a second and no delay are worth 500 and 1,000`() {
        let (pace, now) = self.pace(.microseconds(31_250))
        let report = PeerScore(reliability: 1_000).report(pace, isOwing: false, at: now)
        #expect(report.throughput == 500)
        #expect(report.latency == 1_000)
        #expect(report.total == 666)
    }

    @Test func `while a chunk is owed and does not come, the rate falls; at rest it does not`() {
        let (pace, now) = self.pace(.milliseconds(10))
        let score = PeerScore(reliability: 1_000)
        let later = now + .seconds(3)
        let before = score.report(pace, isOwing: true, at: now).total
        let stalled = score.report(pace, isOwing: true, at: later).total
        let atRest = score.report(pace, isOwing: false, at: later).total
        #expect(atRest == before)
        #expect(stalled < before / 2, "\(before) fell only to \(stalled)")
    }
}
