import Dispatch
import Foundation
import Logging
import ShoalCore
import ShoalStore
import ShoalSwarm
import Synchronization

/// Writes down what the machine of one node is told, for `shoal replay`. The loop leaves its batches here and goes on;
/// a thread of its own encodes, hashes and writes them.
///
/// The recording ends before its node when the file has its full size, and when the disk is so slow that too much
/// waits: a node never waits for its recording.
final class NodeRecorder: Sendable {
    /// 64 MiB may wait (``RecordingWeight``): some seconds of a busy node, or the largest manifest twice.
    static let backlogLimit = 64 << 20

    /// What waits to be written.
    private enum Note: Sendable {
        case start(RecordingStart)
        case batch(Instant, [MeshInput], [MeshEffect], [RecordedAnswer], weight: Int)
        case end(RecordingEnd)
    }

    private struct State {
        /// What waits to be written, in bytes of memory, answers of which no batch has been told included.
        var backlog = 0
        /// What keyed functions answered since the last batch.
        var answers: [RecordedAnswer] = []
        /// Nothing is taken any more.
        var isOver = false
    }

    private let state = Mutex(State())
    private let notes = Mailbox<Note>()
    private let written = DispatchGroup()
    private let backlogLimit: Int
    private let logger: Logger

    /// Makes the file, readable by its owner alone.
    ///
    /// - Throws: ``StoreError`` when it cannot be made, or is there already.
    init(
        _ options: RecordingOptions,
        backlogLimit: Int = NodeRecorder.backlogLimit,
        logger: Logger
    ) throws(StoreError) {
        self.backlogLimit = backlogLimit
        self.logger = logger
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let descriptor = open(options.path, flags, mode_t(0o600))
        guard descriptor >= 0 else {
            let problem = String(cString: strerror(errno))
            throw StoreError(.system, "the recording \(options.path) cannot be made (\(problem)): name a new file")
        }
        let file = RecordingSink(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true), limit: options.limit)
        self.written.enter()
        let thread = Thread { [self] in
            self.write(to: file)
            self.written.leave()
        }
        thread.name = "shoal.recorder"
        thread.start()
    }

    /// The keyed functions of `authenticator`, whose answers are recorded from now on.
    func listening(to authenticator: any Authenticator) -> any Authenticator {
        ListeningAuthenticator(authenticator: authenticator) { [self] answer in
            self.state.withLock { state in
                guard !state.isOver, state.backlog <= self.backlogLimit else { return }
                state.answers.append(answer)
                state.backlog += RecordingWeight.value
            }
        }
    }

    /// What the machine is made of.
    func begin(_ start: RecordingStart) { self.leave(.start(start), weight: 0) }

    /// What the machine was told at one instant, and what it ordered.
    func record(at now: Instant, _ inputs: [MeshInput], _ effects: [MeshEffect]) {
        let answers = self.state.withLock { state in
            defer { state.answers = [] }
            return state.answers
        }
        let weight = RecordingWeight.of(inputs, effects, answers)
        // The answers have been counted as they came.
        let more = weight - answers.count * RecordingWeight.value
        self.leave(.batch(now, inputs, effects, answers, weight: weight), weight: more)
    }

    /// The node has stopped. Blocks until everything is in the file.
    func finish() {
        self.leave(.end(.stopped), weight: 0)
        self.written.wait()
    }

    private func leave(_ note: Note, weight: Int) {
        let isTooSlow = self.state.withLock { state -> Bool in
            guard !state.isOver else { return false }
            state.backlog += weight
            guard state.backlog <= self.backlogLimit else {
                self.notes.post(.end(.tooSlow))
                state.isOver = true
                return true
            }
            self.notes.post(note)
            if case .end = note { state.isOver = true }
            return false
        }
        // Now, and not when the thread that is behind comes to it.
        if isTooSlow { self.tell(.tooSlow) }
    }

    /// That a recording ends before its node.
    private func tell(_ end: RecordingEnd) {
        self.logger.warning("recording ended early", metadata: ["shoal.reason": "\(end)"])
    }

    private func write(to start: RecordingSink) {
        var sink = start
        do {
            while !sink.isOver {
                for note in self.notes.take(until: nil) {
                    let wasFull = sink.isFull
                    try self.write(note, to: &sink)
                    if sink.isFull, !wasFull { self.tell(.full) }
                }
                try sink.flush()
            }
        } catch {
            self.logger.error("recording ended", metadata: ["shoal.error": "\(error)"])
        }
        self.state.withLock { state in
            state.isOver = true
            state.answers = []
        }
    }

    private func write(_ note: Note, to sink: inout RecordingSink) throws {
        switch note {
        case .start(let start): try sink.put(start)
        case .batch(let now, let inputs, let effects, let answers, let weight):
            try sink.put(now, inputs, effects, answers)
            self.state.withLock { $0.backlog -= weight }
        case .end(let end): try sink.finish(end)
        }
    }
}

/// The file of a recording, on the recorder's thread: encodes, keeps the digest, looks after the limit.
private struct RecordingSink: Sendable {
    private let file: FileHandle
    private let limit: Int
    private var digest = EffectDigest()
    private var bytes = RecordingFile.magic
    private var size = RecordingFile.magic.count
    private(set) var isOver = false
    /// It is over because of its limit.
    private(set) var isFull = false

    /// Room that the last record finds in any case.
    private static let reserve = 64

    init(_ file: FileHandle, limit: Int) {
        self.file = file
        self.limit = limit
    }

    mutating func put(_ start: RecordingStart) throws { try self.put([.start(start)]) }

    mutating func put(
        _ now: Instant,
        _ inputs: [MeshInput],
        _ effects: [MeshEffect],
        _ answers: [RecordedAnswer]
    ) throws {
        guard !self.isOver else { return }
        try self.digest.add(effects)
        let batch = RecordedBatch(at: now, inputs: inputs, effects: effects.count, digest: self.digest.value)
        try self.put((answers.isEmpty ? [] : [.answers(answers)]) + [.batch(batch)])
    }

    mutating func finish(_ end: RecordingEnd) throws {
        guard !self.isOver else { return }
        self.isOver = true
        self.bytes += try RecordingFile.record(.end(end))
    }

    mutating func flush() throws {
        try self.file.write(contentsOf: Data(self.bytes))
        self.bytes.removeAll(keepingCapacity: true)
        if self.isOver { try self.file.close() }
    }

    private mutating func put(_ entries: [RecordingEntry]) throws {
        guard !self.isOver else { return }
        let records = try entries.flatMap { try RecordingFile.record($0) }
        guard self.size + records.count + Self.reserve <= self.limit else {
            self.isFull = true
            return try self.finish(.full)
        }
        self.size += records.count
        self.bytes += records
    }
}

/// Keyed functions, each answer of which somebody hears.
private struct ListeningAuthenticator: Authenticator {
    let authenticator: any Authenticator
    let hear: @Sendable (RecordedAnswer) -> Void

    var publicKey: PublicKey { self.authenticator.publicKey }

    func nodeID(of key: PublicKey) -> NodeID {
        let nodeID = self.authenticator.nodeID(of: key)
        self.hear(RecordedAnswer(nodeID: nodeID, of: key))
        return nodeID
    }

    func sign(_ message: [UInt8]) -> [UInt8] {
        let signature = self.authenticator.sign(message)
        self.hear(RecordedAnswer(signature: signature, of: message))
        return signature
    }

    func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool {
        let isValid = self.authenticator.isValid(signature, of: message, by: key)
        self.hear(RecordedAnswer(isValid: isValid, signature, of: message, by: key))
        return isValid
    }

    func authenticationCode(of message: [UInt8], key: Digest) -> Digest {
        let code = self.authenticator.authenticationCode(of: message, key: key)
        self.hear(RecordedAnswer(code: code, of: message, key: key))
        return code
    }

    /// Needs no key, so that a replay can do it again.
    func digest(of bytes: [UInt8]) -> Digest { self.authenticator.digest(of: bytes) }
}
