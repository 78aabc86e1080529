package import ShoalCore

/// An SDP offer or answer for a particular node, carried by a neighbour of both. `docs/protocol.md`, section
/// "Signalling through neighbours".
package struct Signal: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable {
        case offer = 1
        case answer = 2
    }

    package var kind: Kind
    /// How many times it may still be passed on: 1 from its author, 0 from a relay.
    package var hops: UInt8
    /// The author's key; an offer says so who will be at the other end.
    package var from: PublicKey
    package var to: NodeID
    /// Ties the answer to its offer.
    package var offerID: OfferID
    /// Unix milliseconds, as the author's clock has it.
    package var sentAt: UInt64
    /// Ed25519, 64 bytes, over all but ``hops``.
    package var signature: [UInt8]
    /// 1 to 8,192 bytes of UTF-8.
    package var sdp: String

    package init(
        kind: Kind,
        hops: UInt8,
        from: PublicKey,
        to: NodeID,
        offerID: OfferID,
        sentAt: UInt64,
        signature: [UInt8],
        sdp: String
    ) {
        self.kind = kind
        self.hops = hops
        self.from = from
        self.to = to
        self.offerID = offerID
        self.sentAt = sentAt
        self.signature = signature
        self.sdp = sdp
    }
}
