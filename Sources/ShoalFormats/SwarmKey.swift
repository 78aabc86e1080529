package import ShoalCore

/// The secret of a private swarm, 32 bytes: who does not have it can neither find the swarm nor join it.
///
/// Prints as a placeholder, so that it cannot reach a log by accident; ``FixedBytes/hex`` is the secret itself.
package struct SwarmKey: FixedBytes {
    package static let byteCount = Digest.byteCount
    private let value: Digest

    package init?(bytes: some Collection<UInt8>) {
        guard let value = Digest(bytes: bytes) else { return nil }
        self.value = value
    }

    package var bytes: [UInt8] { self.value.bytes }
    package var description: String { "<swarm key>" }
}

extension SwarmKey: CustomReflectable {
    /// Nothing: `dump` and debuggers look through descriptions.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension ManifestID {
    /// The ID of the manifest whose canonical bytes are `bytes`.
    package init(ofManifestBytes bytes: [UInt8]) { self.init(Digest(sha256Of: bytes)) }

    /// The name under which trackers know the model's swarm: the first 20 bytes of this ID, or in a private swarm of
    /// HMAC-SHA-256(`swarmKey`, this ID), so that a tracker cannot tell which model it is.
    package func infoHash(swarmKey: SwarmKey?) -> InfoHash {
        let name = swarmKey.map { Digest(hmacOf: self.bytes, key: $0.bytes).bytes } ?? self.bytes
        guard let hash = InfoHash(bytes: name.prefix(InfoHash.byteCount)) else {
            preconditionFailure("SHA-256 is shorter than an info hash")
        }
        return hash
    }

    /// The key of `join` proofs: who has it, is in the swarm. The raw ID, or in a private swarm
    /// HMAC-SHA-256(`swarmKey`, "shoal/1 member" ‖ raw ID).
    package func joinKey(swarmKey: SwarmKey?) -> Digest {
        guard let swarmKey else { return self.digest }
        return Digest(hmacOf: Array("shoal/1 member".utf8) + self.bytes, key: swarmKey.bytes)
    }
}
