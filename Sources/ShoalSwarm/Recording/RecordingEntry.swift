package import ShoalCore
import ShoalFormats
import ShoalWire

/// What a recording is made of, in this order: one start, then batches, each after the answers that its machine got,
/// then an end, unless the node was killed.
package enum RecordingEntry: Hashable, Codable, Sendable {
    case start(RecordingStart)
    case answers([RecordedAnswer])
    case batch(RecordedBatch)
    case end(RecordingEnd)

    /// The entry that the body of a record holds.
    package init(decoding body: [UInt8]) throws(RecordingError) {
        self = try RecordingDecoder.value(in: body, body.indices)
    }
}

/// All that a machine is told when it is made.
package struct RecordingStart: Hashable, Codable, Sendable {
    package var configuration: MeshConfiguration
    package var session: UInt64
    /// How many trackers the node knew.
    package var trackers: Int
    package var seed: UInt64
    /// On the node's monotonic clock, in nanoseconds: recordings of one machine can be laid beside each other.
    package var nanoseconds: UInt64
    package var publicKey: PublicKey

    package init(
        configuration: MeshConfiguration,
        session: UInt64,
        trackers: Int,
        seed: UInt64,
        at now: Instant,
        publicKey: PublicKey
    ) {
        self.configuration = configuration
        self.session = session
        self.trackers = trackers
        self.seed = seed
        self.nanoseconds = now.nanoseconds
        self.publicKey = publicKey
    }

    package var instant: Instant { Instant(nanoseconds: self.nanoseconds) }

    /// The machine of that start.
    package func machine(_ authenticator: any Authenticator) -> MeshMachine {
        MeshMachine(
            configuration: self.configuration,
            authenticator: authenticator,
            session: self.session,
            trackers: self.trackers,
            seed: self.seed,
            at: self.instant
        )
    }
}

/// What the machine was told at one instant, and what its orders so far come to.
package struct RecordedBatch: Hashable, Codable, Sendable {
    package var nanoseconds: UInt64
    package var inputs: [MeshInput]
    /// How many effects the inputs had.
    package var effects: Int
    /// Of all effects up to here: ``EffectDigest``.
    package var digest: Digest

    package init(at now: Instant, inputs: [MeshInput], effects: Int, digest: Digest) {
        self.nanoseconds = now.nanoseconds
        self.inputs = inputs
        self.effects = effects
        self.digest = digest
    }

    package var instant: Instant { Instant(nanoseconds: self.nanoseconds) }
}

/// Why a recording is over before or with its node.
package enum RecordingEnd: String, Hashable, Codable, Sendable {
    /// The node stopped: all of its life is there.
    case stopped
    /// The file has reached its limit; the node went on.
    case full
    /// The disk did not keep up, and the node does not wait for it.
    case tooSlow
}

extension RecordingEnd: CustomStringConvertible {
    package var description: String {
        switch self {
        case .stopped: "the node stopped"
        case .full: "the recording reached its size limit; the node went on"
        case .tooSlow: "the disk did not keep up with the recording; the node went on"
        }
    }
}

/// The digest of everything that a machine ever ordered, in order: SHA-256 over the digest before and the recorded
/// bytes of a batch's effects. Two runs that differ anywhere differ from there on.
package struct EffectDigest: Sendable {
    package private(set) var value = Digest(sha256Of: [])

    package init() {}

    /// - Throws: when an effect holds something that recordings have no bytes for.
    package mutating func add(_ effects: [MeshEffect]) throws {
        self.value = Digest(sha256Of: self.value.bytes + (try RecordingEncoder.bytes(of: effects)))
    }
}

/// By hand: a recording may hold any number, a handle may not be any.
extension SwarmHandle: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let number = try container.decode(UInt16.self)
        guard WireLimits.handles.contains(number) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(number) is no handle")
        }
        self.init(number)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }
}
