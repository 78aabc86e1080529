package import ShoalCore

import enum Crypto.Curve25519

/// Why a document is no signature, and what to do about it.
package struct SignatureError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The key of the document that is wrong; empty when it is wrong as a whole.
    package let field: String
    /// A clause that follows the field's name.
    package let problem: String

    package var description: String { self.field.isEmpty ? self.problem : "\(self.field) \(self.problem)" }
}

/// The 64 bytes of an Ed25519 signature (RFC 8032).
package struct SignatureBytes: FixedBytes {
    package static let byteCount = 64

    private let first: Digest
    private let second: Digest

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount, let first = Digest(bytes: bytes.prefix(Digest.byteCount)),
            let second = Digest(bytes: bytes.dropFirst(Digest.byteCount))
        else { return nil }
        self.first = first
        self.second = second
    }

    package var bytes: [UInt8] { self.first.bytes + self.second.bytes }
}

/// What the holder of an Ed25519 key (RFC 8032) says of a model: this manifest is mine.
///
/// A manifest is the same whoever publishes it, so that signatures are beside it: in the link, or in a file of their
/// own. That one parses does not make it valid.
package struct PublisherSignature: Hashable, Sendable {
    /// 1,024: the longest document; each has 305 bytes.
    package static let maximumDocumentByteCount = 1_024

    /// The version of the document: `shoal` in it.
    private static let version = 1

    package let manifestID: ManifestID
    package let publicKey: PublicKey
    package let bytes: SignatureBytes

    package init(of manifestID: ManifestID, by publicKey: PublicKey, bytes: SignatureBytes) {
        self.manifestID = manifestID
        self.publicKey = publicKey
        self.bytes = bytes
    }

    /// What is signed: `"shoal/1 publisher"`, the manifest ID, the public key.
    package static func message(of manifestID: ManifestID, by publicKey: PublicKey) -> [UInt8] {
        Array("shoal/1 publisher".utf8) + manifestID.bytes + publicKey.bytes
    }

    /// Whether the key's holder signed this manifest ID.
    package var isValid: Bool {
        // A key that is no point of the curve has signed nothing.
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: self.publicKey.bytes) else { return false }
        return key.isValidSignature(self.bytes.bytes, for: Self.message(of: self.manifestID, by: self.publicKey))
    }

    /// The canonical JSON of a signature in a file of its own.
    package var document: [UInt8] {
        var json = CanonicalJSONWriter()
        json.beginObject()
        json.key("key")
        json.value(self.publicKey.hex)
        json.key("manifest")
        json.value(self.manifestID.hex)
        json.key("shoal")
        json.value(Self.version)
        json.key("signature")
        json.value(self.bytes.hex)
        json.end()
        return json.bytes
    }

    /// Reads a document. A line end behind it, as editors add it, is allowed.
    package init(document: [UInt8]) throws(SignatureError) {
        var document = document
        guard document.count <= Self.maximumDocumentByteCount else {
            throw SignatureError(field: "", problem: "it is longer than \(Self.maximumDocumentByteCount) bytes")
        }
        if document.last == UInt8(ascii: "\n") { document.removeLast() }
        var fields = SignatureFields(document)
        try fields.enter()
        guard let key = PublicKey(hex: try fields.text("key")) else {
            throw SignatureError(field: "key", problem: "is not 64 lower-case hex digits")
        }
        guard let manifestID = ManifestID(hex: try fields.text("manifest")) else {
            throw SignatureError(field: "manifest", problem: "is not 64 lower-case hex digits")
        }
        guard try fields.integer("shoal") == Self.version else {
            throw SignatureError(field: "shoal", problem: "is not \(Self.version): get a newer Shoal")
        }
        guard let bytes = SignatureBytes(hex: try fields.text("signature")) else {
            throw SignatureError(field: "signature", problem: "is not 128 lower-case hex digits")
        }
        try fields.finish()
        self.init(of: manifestID, by: key, bytes: bytes)
    }
}

/// Reads the members of a document in their order.
private struct SignatureFields {
    private var json: CanonicalJSONReader

    init(_ document: [UInt8]) { self.json = CanonicalJSONReader(document) }

    private func wrong(_ field: String, _ error: CanonicalJSONError) -> SignatureError {
        SignatureError(field: field, problem: "cannot be read: \(error)")
    }

    mutating func enter() throws(SignatureError) {
        do throws(CanonicalJSONError) { try self.json.enterObject() } catch { throw self.wrong("the document", error) }
    }

    private mutating func step(to key: String) throws(SignatureError) {
        do throws(CanonicalJSONError) {
            if try self.json.nextKey() == key { return }
        } catch {
            throw self.wrong(key, error)
        }
        throw SignatureError(field: key, problem: "is missing or has an unknown key before it")
    }

    mutating func text(_ key: String) throws(SignatureError) -> String {
        try self.step(to: key)
        do throws(CanonicalJSONError) { return try self.json.readString() } catch { throw self.wrong(key, error) }
    }

    mutating func integer(_ key: String) throws(SignatureError) -> Int {
        try self.step(to: key)
        do throws(CanonicalJSONError) { return try self.json.readInteger() } catch { throw self.wrong(key, error) }
    }

    mutating func finish() throws(SignatureError) {
        do throws(CanonicalJSONError) {
            guard try self.json.nextKey() == nil else {
                throw CanonicalJSONError(offset: self.json.offset, problem: "an unknown key")
            }
            try self.json.finish()
        } catch {
            throw self.wrong("the document", error)
        }
    }
}
