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
}
