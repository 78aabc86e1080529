package import ShoalCore

/// What came of a run.
package struct SimulationReport: Hashable, Sendable {
    package var nodes: Int
    package var events: Int
    package var time: Instant
    package var digest: RunDigest
    package var violation: Violation?
    /// From a node's first start to its completion, for each honest node that had something to fetch; ascending.
    package var completion: [Duration]
    /// Honest nodes that ended with an error.
    package var failures: Int
    /// Sent by all nodes.
    package var controlBytes: Int
    package var bulkBytes: Int
    /// Control messages that a node sends in a second, on average over the nodes and the run, in bytes.
    package var controlRate: Int
    /// Received by honest nodes in frames, and what of it became no chunk that was stored.
    package var receivedBytes: Int
    package var wastedBytes: Int
    /// Of these, what was wrong, and what came after somebody else had sent it.
    package var wrongBytes: Int
    package var lateBytes: Int

    /// Of a million received bytes.
    package var wastedParts: Int { self.parts(self.wastedBytes) }
    package var wrongParts: Int { self.parts(self.wrongBytes) }
    package var lateParts: Int { self.parts(self.lateBytes) }

    private func parts(_ bytes: Int) -> Int {
        self.receivedBytes == 0 ? 0 : Int(Int64(bytes) * 1_000_000 / Int64(self.receivedBytes))
    }

    /// The time within which `share` of a hundred nodes were complete.
    package func completion(of share: Int) -> Duration? {
        guard !self.completion.isEmpty else { return nil }
        return self.completion[min(self.completion.count - 1, self.completion.count * share / 100)]
    }
}

extension Simulation {
    package var report: SimulationReport {
        let records = self.nodes.map(\.record)
        let honest = self.nodes.filter(\.conduct.isHonest).map(\.record)
        let control = records.reduce(0) { $0 + $1.controlBytes }
        let received = honest.reduce(0) { $0 + $1.receivedBytes }
        let stored = honest.reduce(0) { $0 + $1.storedBytes }
        let milliseconds = records.reduce(0) { sum, record in
            sum + Int(record.firstStart.map { (self.now - .zero - $0).wholeNanoseconds / 1_000_000 } ?? 0)
        }
        return SimulationReport(
            nodes: self.nodes.count,
            events: self.events,
            time: self.now,
            digest: self.digest,
            violation: self.violation,
            completion: honest.compactMap { record in
                record.completed.flatMap { completed in record.firstStart.map { completed - $0 } }
            }.sorted(),
            failures: honest.count { $0.failure != nil },
            controlBytes: control,
            bulkBytes: records.reduce(0) { $0 + $1.bulkBytes },
            controlRate: milliseconds == 0 ? 0 : control * 1_000 / milliseconds,
            receivedBytes: received,
            wastedBytes: received - stored,
            wrongBytes: honest.reduce(0) { $0 + $1.wrongBytes },
            lateBytes: honest.reduce(0) { $0 + $1.lateBytes }
        )
    }
}
