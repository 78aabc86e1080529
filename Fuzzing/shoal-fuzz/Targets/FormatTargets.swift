import ShoalCore
import ShoalFormats

/// What describes models: manifests, hash lists, links and signatures.
enum FormatTargets {
    /// A document that is accepted is, byte for byte, what the writer prints for its values.
    static func canonicalJSON(_ bytes: [UInt8]) {
        var reader = CanonicalJSONReader(bytes)
        var writer = CanonicalJSONWriter()
        do throws(CanonicalJSONError) {
            try self.copy(from: &reader, to: &writer)
            try reader.finish()
        } catch {
            return require((0...bytes.count).contains(error.offset), "the error is outside the document: \(error)")
        }
        require(writer.bytes == bytes, "a document is written in another way than it was read")
        var skipper = CanonicalJSONReader(bytes)
        require(
            (try? skipper.skipValue()) != nil && skipper.offset == bytes.count,
            "a value that is read is not skipped"
        )
    }

    private static func copy(
        from reader: inout CanonicalJSONReader,
        to writer: inout CanonicalJSONWriter
    ) throws(CanonicalJSONError) {
        switch try reader.peek() {
        case .integer: writer.value(try reader.readInteger())
        case .string: writer.value(try reader.readString())
        case .array:
            try reader.enterArray()
            writer.beginArray()
            while try reader.nextElement() { try self.copy(from: &reader, to: &writer) }
            writer.end()
        case .object:
            try reader.enterObject()
            writer.beginObject()
            while let key = try reader.nextKey() {
                writer.key(key)
                try self.copy(from: &reader, to: &writer)
            }
            writer.end()
        }
    }

    /// A manifest that is accepted is written as it was read.
    static func manifest(_ bytes: [UInt8]) {
        do throws(ManifestError) {
            let manifest = try ManifestReader.read(bytes)
            require(
                ManifestWriter.bytes(of: manifest) == bytes,
                "a manifest is written in another way than it was read"
            )
        } catch {
            require(!error.problem.isEmpty, "a refusal says nothing")
        }
    }

    /// A shard's size, then its hash list: accepted exactly when the shard's root commits to it, and read as it lies.
    static func hashList(_ bytes: [UInt8]) {
        guard bytes.count > 4 else { return }
        let size = 1 + bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) } % Cutting.maximumShardSize
        let list = Array(bytes.dropFirst(4))
        let root = list.count == Digest.byteCount ? Digest(bytes: list) : Digest(sha256Of: list)
        let read = HashList(bytes: list, of: ShardID(size: size, root: root ?? Digest(sha256Of: list)))
        require((read != nil) == (list.count == HashList.byteCount(ofShardOf: size)), "a list of \(list.count) bytes")
        guard let read else { return }
        let digests = (0..<read.count).map { read[ChunkIndex($0)] }
        require(digests.flatMap(\.bytes) == list, "a hash list has other digests than its bytes")
        require(HashList(digests: digests) == read, "a hash list is made in two ways")
        var wrong = list
        wrong[size % list.count] ^= 1
        require(HashList(bytes: wrong, of: ShardID(size: size, root: read.root)) == nil, "a wrong list was accepted")
    }

    /// A signature that is accepted is written as it was read, but for a line end.
    static func signature(_ bytes: [UInt8]) {
        do throws(SignatureError) {
            let signature = try PublisherSignature(document: bytes)
            require(
                signature.document == bytes || signature.document + [UInt8(ascii: "\n")] == bytes,
                "a signature is written in another way than it was read"
            )
        } catch {
            require(!error.problem.isEmpty, "a refusal says nothing")
        }
    }

    /// A link that is accepted has one text, which reads as the same link.
    static func link(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        do throws(LinkError) {
            let link = try MagnetLink(parsing: text)
            guard link.text.utf8.count <= MagnetLink.maximumByteCount else { return }
            require((try? MagnetLink(parsing: link.text)) == link, "a link does not read as it is written")
        } catch {
            require(!error.problem.isEmpty, "a refusal says nothing")
        }
    }
}
