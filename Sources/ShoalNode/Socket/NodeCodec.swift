package import Foundation

/// The messages of the node socket as JSON: one object with the protocol's version under `shoal` and exactly one other
/// member that this version knows. Members that it does not know are ignored.
package enum NodeCodec {
    /// Changes when an old client or node would misunderstand a new one.
    package static let version = 1

    /// 64 KiB: a link of 16 KiB and two paths, with room to spare.
    package static let requestLimit = 64 * 1024

    /// 1 MiB: the status of a node with all swarms and trackers that it may have is a third of it.
    package static let answerLimit = 1024 * 1024

    package static func bytes(of request: NodeRequest) throws(NodeFailure) -> Data {
        try self.encode(request, limit: self.requestLimit)
    }

    package static func bytes(of answer: NodeAnswer) throws(NodeFailure) -> Data {
        try self.encode(answer, limit: self.answerLimit)
    }

    package static func request(_ bytes: Data) throws(NodeFailure) -> NodeRequest { try self.decode(bytes) }

    package static func answer(_ bytes: Data) throws(NodeFailure) -> NodeAnswer { try self.decode(bytes) }

    private static func encode(_ message: some Encodable, limit: Int) throws(NodeFailure) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes: Data
        do {
            bytes = try encoder.encode(message)
        } catch {
            throw NodeFailure(.malformed, "a message that cannot be written as JSON: \(error)")
        }
        guard bytes.count <= limit else {
            throw NodeFailure(.tooLong, "a message of \(bytes.count) bytes, where \(limit) are the most")
        }
        return bytes
    }

    private static func decode<Message: Decodable>(_ bytes: Data) throws(NodeFailure) -> Message {
        do {
            return try JSONDecoder().decode(Message.self, from: bytes)
        } catch let failure as NodeFailure {
            throw failure
        } catch {
            throw NodeFailure(.malformed, self.explain(error))
        }
    }

    private static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "not a message of this protocol: \(error)" }
        switch error {
        case .keyNotFound(let key, _): return "the message lacks \"\(key.stringValue)\""
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return "\"\(path)\" of the message has the wrong type"
        case .dataCorrupted: return "the message is not JSON, or a value in it is not one of this protocol"
        @unknown default: return "not a message of this protocol"
        }
    }

    /// Checks the version, and finds the one member that says what the message is.
    fileprivate static func member<Key: NodeMember>(
        of container: KeyedDecodingContainer<Key>
    ) throws -> Key {
        let version = try container.decode(Int.self, forKey: Key.version)
        guard version == self.version else {
            throw NodeFailure(
                .version,
                "version \(version) of the node socket is spoken here, and the other side speaks \(self.version): "
                    + "use the same Shoal for both"
            )
        }
        let members = container.allKeys.filter { $0.stringValue != Key.version.stringValue }
        guard let member = members.first, members.count == 1 else {
            let known = Key.allCases.map(\.stringValue).filter { $0 != Key.version.stringValue }
            throw NodeFailure(.malformed, "the message has to be exactly one of: " + known.joined(separator: ", "))
        }
        return member
    }
}

/// The members that a message may have.
private protocol NodeMember: CodingKey, CaseIterable {
    static var version: Self { get }
}

/// `{}`.
private struct Nothing: Codable {}

extension NodeRequest: Codable {
    private enum Member: String, NodeMember {
        case version = "shoal"
        case status
        case peers
        case fetch
        case seed
        case manifest
        case list
        case verify
        case remove
        case adopt
        case cache
        case pin
        case limit
        case stop
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Member.self)
        let member = try NodeCodec.member(of: container)
        switch member {
        case .status: self = .status
        case .peers: self = .peers
        case .fetch: self = .fetch(try container.decode(FetchOrder.self, forKey: member))
        case .seed: self = .seed(try container.decode(SeedOrder.self, forKey: member))
        case .manifest: self = .manifest(try container.decode(ManifestOrder.self, forKey: member))
        case .list: self = .list
        case .verify: self = .verify(try container.decode(VerifyOrder.self, forKey: member))
        case .remove: self = .remove(try container.decode(RemoveOrder.self, forKey: member))
        case .adopt: self = .adopt(try container.decode(AdoptOrder.self, forKey: member))
        case .cache: self = .cache(try container.decode(CacheOrder.self, forKey: member))
        case .pin: self = .pin(try container.decode(PinOrder.self, forKey: member))
        case .limit: self = .limit(try container.decode(LimitOrder.self, forKey: member))
        case .stop: self = .stop
        case .version: preconditionFailure("the version says nothing of the request")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Member.self)
        try container.encode(NodeCodec.version, forKey: .version)
        switch self {
        case .status: try container.encode(Nothing(), forKey: .status)
        case .peers: try container.encode(Nothing(), forKey: .peers)
        case .fetch(let order): try container.encode(order, forKey: .fetch)
        case .seed(let order): try container.encode(order, forKey: .seed)
        case .manifest(let order): try container.encode(order, forKey: .manifest)
        case .list: try container.encode(Nothing(), forKey: .list)
        case .verify(let order): try container.encode(order, forKey: .verify)
        case .remove(let order): try container.encode(order, forKey: .remove)
        case .adopt(let order): try container.encode(order, forKey: .adopt)
        case .cache(let order): try container.encode(order, forKey: .cache)
        case .pin(let order): try container.encode(order, forKey: .pin)
        case .limit(let order): try container.encode(order, forKey: .limit)
        case .stop: try container.encode(Nothing(), forKey: .stop)
        }
    }
}

extension NodeAnswer: Codable {
    private enum Member: String, NodeMember {
        case version = "shoal"
        case status
        case peer
        case progress
        case note
        case fetched
        case seeding
        case model
        case verified
        case removed
        case adopted
        case cache
        case pinned
        case limits
        case manifestPart
        case done
        case error
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Member.self)
        let member = try NodeCodec.member(of: container)
        switch member {
        case .status: self = .status(try container.decode(StatusReport.self, forKey: member))
        case .peer: self = .peer(try container.decode(PeerReport.self, forKey: member))
        case .progress: self = .progress(try container.decode(ModelProgress.self, forKey: member))
        case .note: self = .note(try container.decode(String.self, forKey: member))
        case .fetched: self = .fetched(try container.decode(FetchReport.self, forKey: member))
        case .seeding: self = .seeding(try container.decode(SeedReport.self, forKey: member))
        case .model: self = .model(try container.decode(ModelReport.self, forKey: member))
        case .verified: self = .verified(try container.decode(VerifyReport.self, forKey: member))
        case .removed: self = .removed(try container.decode(RemoveReport.self, forKey: member))
        case .adopted: self = .adopted(try container.decode(AdoptReport.self, forKey: member))
        case .cache: self = .cache(try container.decode(CacheReport.self, forKey: member))
        case .pinned: self = .pinned(try container.decode(PinReport.self, forKey: member))
        case .limits: self = .limits(try container.decode(LimitReport.self, forKey: member))
        case .manifestPart: self = .manifestPart(try container.decode(Data.self, forKey: member))
        case .done: self = .done
        case .error: self = .error(try container.decode(NodeFailure.self, forKey: member))
        case .version: preconditionFailure("the version says nothing of the answer")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Member.self)
        try container.encode(NodeCodec.version, forKey: .version)
        switch self {
        case .status(let report): try container.encode(report, forKey: .status)
        case .peer(let report): try container.encode(report, forKey: .peer)
        case .progress(let progress): try container.encode(progress, forKey: .progress)
        case .note(let text): try container.encode(text, forKey: .note)
        case .fetched(let report): try container.encode(report, forKey: .fetched)
        case .seeding(let report): try container.encode(report, forKey: .seeding)
        case .model(let report): try container.encode(report, forKey: .model)
        case .verified(let report): try container.encode(report, forKey: .verified)
        case .removed(let report): try container.encode(report, forKey: .removed)
        case .adopted(let report): try container.encode(report, forKey: .adopted)
        case .cache(let report): try container.encode(report, forKey: .cache)
        case .pinned(let report): try container.encode(report, forKey: .pinned)
        case .limits(let report): try container.encode(report, forKey: .limits)
        case .manifestPart(let bytes): try container.encode(bytes, forKey: .manifestPart)
        case .done: try container.encode(Nothing(), forKey: .done)
        case .error(let failure): try container.encode(failure, forKey: .error)
        }
    }
}
