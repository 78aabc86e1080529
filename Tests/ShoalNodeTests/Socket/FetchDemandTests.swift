import Dispatch
import ShoalCore
import Synchronization
import Testing

@testable import ShoalNode

/// Clients of one fetch that come and go.
@Suite(.timeLimit(.minutes(1))) struct FetchDemandTests {
    private static let swarm = InfoHash(bytes: [UInt8](repeating: 1, count: 20))!

    @Test func `a fetch that clients alone wanted stops with the last of them`() {
        let demand = FetchDemand()
        var stops = 0
        demand.enter(Self.swarm) { false }
        demand.enter(Self.swarm) { true }
        demand.leave(Self.swarm) { stops += 1 }
        #expect(stops == 0)
        demand.leave(Self.swarm) { stops += 1 }
        #expect(stops == 1)
        demand.leave(Self.swarm) { stops += 1 }
        demand.enter(Self.swarm) { true }
        demand.leave(Self.swarm) { stops += 1 }
        #expect(stops == 1, "a fetch that was there before was stopped")
    }

    @Test func `nobody's fetch is stopped by one who leaves as it joins`() async {
        let demand = FetchDemand()
        let isFetched = Atomic(false)
        let lost = Atomic(0)
        let left = Atomic(0)
        // Four clients join, begin the fetch, look that it is under way, and leave, again and again.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                DispatchQueue.concurrentPerform(iterations: 4) { _ in
                    for _ in 0..<20_000 {
                        demand.enter(Self.swarm) { isFetched.load(ordering: .sequentiallyConsistent) }
                        isFetched.store(true, ordering: .sequentiallyConsistent)
                        if !isFetched.load(ordering: .sequentiallyConsistent) {
                            lost.add(1, ordering: .relaxed)
                        }
                        demand.leave(Self.swarm) {
                            left.add(1, ordering: .relaxed)
                            isFetched.store(false, ordering: .sequentiallyConsistent)
                        }
                    }
                }
                continuation.resume()
            }
        }
        let counts = (lost: lost.load(ordering: .relaxed), left: left.load(ordering: .relaxed))
        #expect(counts.lost == 0)
        #expect(counts.left > 0)
        let goesOn = isFetched.load(ordering: .relaxed)
        #expect(!goesOn, "a fetch went on that nobody wanted")
    }
}
