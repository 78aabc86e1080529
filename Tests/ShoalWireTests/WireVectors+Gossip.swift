import ShoalCore
import ShoalWire
import TestVectors

extension WireVectors.Fields {
    /// A version in a digest or in wants.
    struct Version: Decodable {
        let node: String
        let sequence: String
        let isNeighbour: Bool?

        var version: InventoryVersion {
            InventoryVersion(node: NodePrefix(UInt64(self.node)!), sequence: UInt64(self.sequence)!)
        }
    }

    /// A u32 is a number, a u64 a decimal string.
    struct Number: Decodable {
        let value: UInt64

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self.value = UInt64(text)!
            } else {
                self.value = try container.decode(UInt64.self)
            }
        }
    }

    func gossip(_ fill: [UInt8]) -> Gossip {
        switch self.kind {
        case "inventory": .inventory(self.stamp, self.bitfield(fill))
        case "delta":
            .delta(
                self.stamp,
                InventoryChange(
                    base: UInt64(self.base!)!,
                    set: self.set!.map { ShardIndex($0) },
                    cleared: self.cleared!.map { ShardIndex($0) }
                )
            )
        case "digest":
            .digest(
                InventoryDigest(
                    range: NodePrefix(self.first!.value)...NodePrefix(UInt64(self.last!)!),
                    items: self.versions!.map {
                        InventoryDigest.Item(version: $0.version, isNeighbour: $0.isNeighbour!)
                    }
                )
            )
        case "wants": .wants(self.versions!.map(\.version))
        case "leave":
            .leave(
                Departure(
                    publicKey: PublicKey(hex: self.publicKey!)!,
                    sequence: UInt64(self.sequence!)!,
                    signature: [UInt8](hex: self.signature!)
                )
            )
        default: preconditionFailure("the vectors have gossip of the kind \(self.kind ?? "nil")")
        }
    }

    private var stamp: InventoryStamp {
        InventoryStamp(
            publicKey: PublicKey(hex: self.publicKey!)!,
            sequence: UInt64(self.sequence!)!,
            timeToLive: self.timeToLive!,
            age: self.age!,
            isNeighbour: self.isNeighbour!,
            signature: [UInt8](hex: self.signature!)
        )
    }

    func signal(_ fill: [UInt8]) -> Signal {
        Signal(
            kind: self.kind == "offer" ? .offer : .answer,
            hops: self.hops!,
            from: PublicKey(hex: self.from!)!,
            to: NodeID(hex: self.to!)!,
            offerID: OfferID(hex: self.offerID!)!,
            sentAt: UInt64(self.sentAt!)!,
            signature: [UInt8](hex: self.signature!),
            sdp: self.sdp! + String(decoding: fill, as: UTF8.self)
        )
    }
}
