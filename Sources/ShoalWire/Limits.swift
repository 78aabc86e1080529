/// The bounds of protocol version 1. A peer that passes one is malformed; nobody sends what passes one.
package enum WireLimits {
    /// What both sides of a connection must speak.
    package static let protocolVersion: UInt16 = 1

    /// 32 KiB: behind a longer message every `ping` would wait.
    package static let controlMessage = 32 * 1024

    /// 32 KiB: four frames make a chunk; one `usrsctp_recvv` delivers one, and every browser accepts it.
    package static let framePayload = 32 * 1024

    /// Bytes of a frame before its payload.
    package static let frameHeader = 16

    /// 64 bytes of UTF-8: who implements the peer, for people.
    package static let agent = 64

    /// 1…256: how many swarms one connection can carry.
    package static let handles: ClosedRange<UInt16> = 1...256

    /// 131,072 shards, 16 KiB.
    package static let bitfieldBits = 131_072

    /// 512: chunks of the largest shard, 64 MiB; so many digests fill 16 KiB.
    package static let chunksOfShard = 512

    /// 1,024: shards that one `have` or `gone` may name.
    package static let shardsInNotice = 1_024

    /// 16 KiB of the manifest travel in one message.
    package static let manifestPart = 16 * 1024

    /// 32 MiB: the largest manifest.
    package static let manifest = 32 * 1024 * 1024

    /// Of Ed25519 (RFC 8032).
    package static let signature = 64

    /// 2 minutes: how long a node that nobody hears of any more may still be taken for one that is there.
    package static let timeToLive: ClosedRange<UInt32> = 1...120_000

    /// 256 nodes in a digest of what is known: as many as are known at all.
    package static let digestItems = 256

    /// 64 inventories that one message may ask for.
    package static let wants = 64

    /// 8 KiB: an SDP with thirty candidates has 4 KiB, and relays carry them for others.
    package static let signalText = 8 * 1024

    /// 1: who knows both nodes carries a signal; nobody else does.
    package static let signalHops: UInt8 = 1
}
