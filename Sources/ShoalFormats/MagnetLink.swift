package import ShoalCore

/// Why a text is not a link to a model, and what to do about it.
package struct LinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The parameter that is wrong, as `xt`; empty when the link as a whole is.
    package let parameter: String
    /// A sentence.
    package let problem: String

    package var description: String { self.problem }
}

/// Where to find a model: its manifest ID and, if the publisher gave them, a name, trackers, origins and a swarm key.
///
/// `magnet:?xt=urn:sha256:<ID>&dn=<name>&tr=<tracker>…&ws=<origin>…&xs=<manifest URL>…&k=<swarm key>&sig=<signature>…`.
/// URLs are kept as they are written; whoever opens one decides whether it can. Signatures are not checked either.
package struct MagnetLink: Hashable, Sendable {
    /// 16 KiB: what fits a command line and a QR code's worth of links; real ones have some hundred bytes.
    package static let maximumByteCount = 16 * 1024

    /// 32 of each of `tr`, `ws` and `xs`: every tracker costs a socket.
    package static let maximumURLCount = 32

    /// 8 signatures: each one costs a check.
    package static let maximumSignatureCount = 8

    package let manifestID: ManifestID
    /// What people call the model; never a path.
    package var name: String?
    /// WebTorrent trackers, `ws://` or `wss://`.
    package var trackers: [String]
    /// HTTP servers with the original files: the file's URL when there is one file, else a base.
    package var origins: [String]
    /// URLs of the manifest.
    package var manifestSources: [String]
    /// Set when the swarm is private. Whoever has the link has the key.
    package var swarmKey: SwarmKey?
    /// What publishers say of ``manifestID``, valid or not.
    package private(set) var signatures: [PublisherSignature] = []

    package init(
        manifestID: ManifestID,
        name: String? = nil,
        trackers: [String] = [],
        origins: [String] = [],
        manifestSources: [String] = [],
        swarmKey: SwarmKey? = nil
    ) {
        self.manifestID = manifestID
        self.name = name
        self.trackers = trackers
        self.origins = origins
        self.manifestSources = manifestSources
        self.swarmKey = swarmKey
    }

    /// The name under which trackers know the swarm.
    package var infoHash: InfoHash { self.manifestID.infoHash(swarmKey: self.swarmKey) }

    /// The key of the swarm's `join` proofs.
    package var joinKey: Digest { self.manifestID.joinKey(swarmKey: self.swarmKey) }

    /// The canonical form, in printable ASCII. A private link's text contains the key: show it only to the user.
    package var text: String {
        var text = "magnet:?xt=urn:sha256:\(self.manifestID.hex)"
        if let name = self.name { text += "&dn=" + PercentCoding.encode(name) }
        for tracker in self.trackers { text += "&tr=" + PercentCoding.encode(tracker) }
        for origin in self.origins { text += "&ws=" + PercentCoding.encode(origin) }
        for source in self.manifestSources { text += "&xs=" + PercentCoding.encode(source) }
        if let swarmKey = self.swarmKey { text += "&k=" + swarmKey.hex }
        for signature in self.signatures { text += "&sig=" + signature.publicKey.hex + signature.bytes.hex }
        return text
    }

    /// Adds a signature, unless the link has it or has no room for more.
    package mutating func add(_ signature: PublisherSignature) {
        precondition(signature.manifestID == self.manifestID, "a signature of another model")
        guard !self.signatures.contains(signature), self.signatures.count < Self.maximumSignatureCount else { return }
        self.signatures.append(signature)
    }

    /// The link that `text` spells. Parameters of other programs are ignored; `dn` and `k` count once.
    package init(parsing text: String) throws(LinkError) {
        guard text.utf8.count <= Self.maximumByteCount else {
            throw LinkError(parameter: "", problem: "The link is longer than 16 KiB; leave out some of its trackers.")
        }
        var scan = MagnetScan()
        for parameter in try Self.parameters(of: text) { try scan.take(parameter) }
        guard let manifestID = scan.manifestID else {
            throw LinkError(
                parameter: "xt",
                problem: "The link does not say which model it means: it needs xt=urn:sha256: and 64 hex digits."
            )
        }
        self.init(
            manifestID: manifestID,
            name: scan.name,
            trackers: scan.trackers,
            origins: scan.origins,
            manifestSources: scan.manifestSources,
            swarmKey: scan.swarmKey
        )
        for signature in scan.signatures {
            self.add(PublisherSignature(of: manifestID, by: signature.key, bytes: signature.bytes))
        }
    }

    /// The raw `name=value` pairs behind `magnet:?`. Split as bytes: a combining mark must not hide an `&`.
    private static func parameters(of text: String) throws(LinkError) -> [MagnetScan.Parameter] {
        let scheme = "magnet:?"
        let bytes = Array(text.utf8)
        guard ASCII.lowercase(bytes.prefix(scheme.utf8.count)).elementsEqual(scheme.utf8) else {
            throw LinkError(parameter: "", problem: "A link to a model starts with magnet:? and this text does not.")
        }
        return bytes.dropFirst(scheme.utf8.count).split(separator: UInt8(ascii: "&")).map { pair in
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            return MagnetScan.Parameter(
                name: String(decoding: ASCII.lowercase(name), as: UTF8.self),
                value: pair.dropFirst(name.count + 1)
            )
        }
    }
}

/// What was seen of a link so far.
private struct MagnetScan {
    struct Parameter {
        /// In lower case.
        let name: String
        /// Still encoded.
        let value: ArraySlice<UInt8>
    }

    var manifestID: ManifestID?
    var name: String?
    var trackers: [String] = []
    var origins: [String] = []
    var manifestSources: [String] = []
    var swarmKey: SwarmKey?
    var signatures: [(key: PublicKey, bytes: SignatureBytes)] = []

    mutating func take(_ parameter: Parameter) throws(LinkError) {
        switch parameter.name {
        case "xt": try self.takeTopic(try self.decode(parameter.value, of: "xt"))
        case "dn":
            // Some programs write a space as "+", as in HTML forms.
            let spaced = parameter.value.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
            let name = try self.decode(spaced[...], of: "dn")
            guard self.name == nil else { throw Self.twice("dn") }
            self.name = name.isEmpty ? nil : name
        case "tr": try self.takeURL(parameter.value, of: "tr", into: \.trackers)
        case "ws": try self.takeURL(parameter.value, of: "ws", into: \.origins)
        case "xs": try self.takeURL(parameter.value, of: "xs", into: \.manifestSources)
        case "k": try self.takeKey(try self.decode(parameter.value, of: "k"))
        case "sig": try self.takeSignature(try self.decode(parameter.value, of: "sig"))
        default: break
        }
    }

    private mutating func takeTopic(_ topic: String) throws(LinkError) {
        guard self.manifestID == nil else { throw Self.twice("xt") }
        let lower = ASCII.lowercase(topic)
        if lower.hasPrefix("urn:btih:") || lower.hasPrefix("urn:btmh:") {
            throw LinkError(
                parameter: "xt",
                problem: "This is a BitTorrent link; open it with a BitTorrent client, or ask for a Shoal link "
                    + "(xt=urn:sha256:…)."
            )
        }
        let namespace = "urn:sha256:"
        guard lower.hasPrefix(namespace) else {
            throw LinkError(parameter: "xt", problem: "The link's xt is not urn:sha256: followed by 64 hex digits.")
        }
        let digits = lower.dropFirst(namespace.count)
        guard let manifestID = ManifestID(hex: digits) else {
            let problem =
                digits.utf8.count < 2 * ManifestID.byteCount
                ? "The link is cut short: its ID has \(digits.utf8.count) of 64 hex digits; copy all of it."
                : "The link's ID is not 64 hex digits; copy the link again."
            throw LinkError(parameter: "xt", problem: problem)
        }
        self.manifestID = manifestID
    }

    private mutating func takeKey(_ digits: String) throws(LinkError) {
        guard self.swarmKey == nil else { throw Self.twice("k") }
        guard let swarmKey = SwarmKey(hex: ASCII.lowercase(digits)) else {
            throw LinkError(
                parameter: "k",
                problem: "The link's swarm key k is not 64 hex digits; copy all of the link."
            )
        }
        self.swarmKey = swarmKey
    }

    private mutating func takeSignature(_ text: String) throws(LinkError) {
        let digits = ASCII.lowercase(text)
        guard let key = PublicKey(hex: digits.prefix(2 * PublicKey.byteCount)),
            let bytes = SignatureBytes(hex: digits.dropFirst(2 * PublicKey.byteCount))
        else {
            throw LinkError(
                parameter: "sig",
                problem: "The link's signature sig is not 192 hex digits; copy all of the link."
            )
        }
        guard !self.signatures.contains(where: { $0 == (key, bytes) }) else { return }
        guard self.signatures.count < MagnetLink.maximumSignatureCount else {
            throw LinkError(
                parameter: "sig",
                problem: "The link has more than \(MagnetLink.maximumSignatureCount) signatures; leave out some."
            )
        }
        self.signatures.append((key, bytes))
    }

    private mutating func takeURL(
        _ value: ArraySlice<UInt8>,
        of parameter: String,
        into list: WritableKeyPath<MagnetScan, [String]>
    ) throws(LinkError) {
        let url = try self.decode(value, of: parameter)
        guard !url.isEmpty, !self[keyPath: list].contains(where: { $0.utf8.elementsEqual(url.utf8) }) else { return }
        guard self[keyPath: list].count < MagnetLink.maximumURLCount else {
            throw LinkError(
                parameter: parameter,
                problem: "The link has more than \(MagnetLink.maximumURLCount) \(parameter) parameters; leave out some."
            )
        }
        self[keyPath: list].append(url)
    }

    private func decode(_ value: ArraySlice<UInt8>, of parameter: String) throws(LinkError) -> String {
        guard let text = PercentCoding.decode(value) else {
            throw LinkError(
                parameter: parameter,
                problem: "The link's \(parameter) has a % that two hex digits do not follow, or is not UTF-8."
            )
        }
        guard !text.utf8.contains(where: ASCII.isControl) else {
            throw LinkError(parameter: parameter, problem: "The link's \(parameter) contains a control character.")
        }
        return text
    }

    private static func twice(_ parameter: String) -> LinkError {
        LinkError(
            parameter: parameter,
            problem: "The link has more than one \(parameter); copy one link at a time."
        )
    }
}
