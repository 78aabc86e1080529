package import ShoalCore

/// A recorded run, run again: the same machine is told the same, and must order the same.
package struct Replay: Sendable {
    package let start: RecordingStart
    private var reader: RecordingReader
    private var machine: MeshMachine
    private var digest = EffectDigest()
    private var batches = 0
    private var lastMoment: UInt64
    package private(set) var ending = Ending.reading

    package enum Ending: Hashable, Sendable {
        case reading
        /// The recording says how it ended.
        case recorded(RecordingEnd)
        /// It just stops, at this byte: the node was killed, or still runs.
        case cutShort(offset: Int)
    }

    /// One batch, run again.
    package struct Step: Sendable {
        /// Of the batch, from 1.
        package let number: Int
        package let instant: Instant
        package let inputs: [MeshInput]
        /// What the machine orders now.
        package let effects: [MeshEffect]
        /// How many effects there were when it was recorded.
        package let recordedEffects: Int
        /// Whether every effect so far is the recorded one.
        package let isEqual: Bool

        package init(
            number: Int,
            instant: Instant,
            inputs: [MeshInput],
            effects: [MeshEffect],
            recordedEffects: Int,
            isEqual: Bool
        ) {
            self.number = number
            self.instant = instant
            self.inputs = inputs
            self.effects = effects
            self.recordedEffects = recordedEffects
            self.isEqual = isEqual
        }
    }

    /// 146 years: a clock that says more is none, and differences of what it says stay within their type.
    private static let lastMoment: UInt64 = 1 << 62

    /// - Throws: ``RecordingError`` when the bytes do not begin as a recording does, or with what no node is made of.
    package init(_ bytes: [UInt8]) throws(RecordingError) {
        var reader = try RecordingReader(bytes)
        let offset = reader.offset
        guard case .start(let start) = try reader.next() else {
            throw RecordingError(offset: offset, problem: "the recording has no beginning")
        }
        // More than any node has.
        guard (0...1_024).contains(start.trackers) else {
            throw RecordingError(offset: offset, problem: "\(start.trackers) trackers")
        }
        if let fault = start.configuration.fault {
            throw RecordingError(offset: offset, problem: "a configuration with \(fault)")
        }
        guard start.nanoseconds <= Self.lastMoment else {
            throw RecordingError(offset: offset, problem: "a start \(start.nanoseconds) ns after its clock's")
        }
        self.start = start
        self.lastMoment = start.nanoseconds
        let authenticator = RecordedAuthenticator(publicKey: start.publicKey, answers: Self.answers(reader))
        self.reader = reader
        self.machine = start.machine(authenticator)
    }

    package var nodeID: NodeID { self.machine.nodeID }

    /// Of everything that was ordered so far.
    package var effectDigest: Digest { self.digest.value }

    /// Runs the next batch; nil at the end, of which ``ending`` says more.
    package mutating func next() throws(RecordingError) -> Step? {
        guard self.ending == .reading else { return nil }
        while true {
            let offset = self.reader.offset
            switch try self.reader.next() {
            case .answers: continue
            case .batch(let batch): return try self.run(batch, offset)
            case .end(let end):
                self.ending = .recorded(end)
                return nil
            case .start: throw RecordingError(offset: offset, problem: "the recording begins twice")
            case nil:
                self.ending = .cutShort(offset: offset)
                return nil
            }
        }
    }

    private mutating func run(_ batch: RecordedBatch, _ offset: Int) throws(RecordingError) -> Step {
        guard (self.lastMoment...Self.lastMoment).contains(batch.nanoseconds) else {
            throw RecordingError(offset: offset, problem: "a batch out of its time, at \(batch.nanoseconds) ns")
        }
        self.lastMoment = batch.nanoseconds
        var effects: [MeshEffect] = []
        for input in batch.inputs {
            if let fault = self.machine.fault(of: input) {
                throw RecordingError(offset: offset, problem: "an input that no node has: \(fault)")
            }
            self.machine.handle(input, at: batch.instant, into: &effects)
        }
        do {
            try self.digest.add(effects)
        } catch {
            throw RecordingError(offset: offset, problem: "an effect cannot be hashed: \(error)")
        }
        self.batches += 1
        return Step(
            number: self.batches,
            instant: batch.instant,
            inputs: batch.inputs,
            effects: effects,
            recordedEffects: batch.effects,
            isEqual: self.digest.value == batch.digest
        )
    }

    /// All answers of the recording: a machine keeps its authenticator for good. What is damaged is told when the run
    /// comes to it.
    private static func answers(_ start: RecordingReader) -> [RecordedAnswer] {
        var reader = start
        var all: [RecordedAnswer] = []
        while let entry = try? reader.next() {
            if case .answers(let answers) = entry { all += answers }
        }
        return all
    }
}
