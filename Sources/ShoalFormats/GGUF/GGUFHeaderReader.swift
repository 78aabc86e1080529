import ShoalCore

/// Reads the header of a GGUF file (github.com/ggml-org/ggml, `docs/gguf.md`), version 2 or 3, little endian.
///
/// Nothing in the file is believed before it was checked against ``GGUFLimits`` and against the file's size. Vocabularies
/// are passed over, so a header of 20 MiB takes no more memory than its tensor directory.
package struct GGUFHeaderReader<Reader: SourceReader> {
    package typealias Failure = SourceError<Reader.Failure>

    private let listing: SourceListing
    var window: SourceWindow<Reader>

    /// The header of file number `file`, which is `listing`.
    package static func read(
        _ reader: Reader,
        file: Int,
        listing: SourceListing
    ) throws(SourceError<Reader.Failure>) -> GGUFHeader {
        var header = Self(reader, file: file, listing: listing)
        return try header.read()
    }

    private init(_ reader: Reader, file: Int, listing: SourceListing) {
        self.listing = listing
        self.window = SourceWindow(reader, file: file, listing: listing, limit: GGUFLimits.headerByteCount)
    }

    private mutating func read() throws(Failure) -> GGUFHeader {
        try self.readVersion()
        let tensorCount = try self.count(of: "tensors", limit: GGUFLimits.tensorCount)
        let metadataCount = try self.count(of: "metadata", limit: GGUFLimits.metadataCount)
        let metadata = try self.readMetadata(metadataCount)
        let alignment = try self.alignment(metadata)
        let infos = try self.readTensorInfos(tensorCount, alignment: alignment)
        let dataStart = (self.window.position + alignment - 1) / alignment * alignment
        return GGUFHeader(metadata: metadata, tensors: try self.place(infos, dataStart: dataStart))
    }

    private mutating func readVersion() throws(Failure) {
        guard try self.window.bytes(GGUFMagic.bytes.count, of: "magic").elementsEqual(GGUFMagic.bytes) else {
            throw self.window.problem("magic", "is not GGUF")
        }
        let version = try self.window.integer(UInt32.self, of: "version")
        if GGUFLimits.versions.contains(Int(version)) { return }
        if GGUFLimits.versions.contains(Int(version.byteSwapped)) {
            throw self.window.problem(
                "version",
                "is \(version.byteSwapped) in big-endian order, which is not read: convert it (gguf-convert-endian)"
            )
        }
        throw self.window.problem(
            "version",
            "is \(version); this program reads 2 and 3: " + (version > 3 ? "update it" : "convert the model anew")
        )
    }

    /// The number of entries of `field`.
    private mutating func count(of field: String, limit: Int) throws(Failure) -> Int {
        let count = try self.window.integer(UInt64.self, of: field)
        guard count <= limit else { throw self.window.problem(field, "are \(count); a file has at most \(limit)") }
        return Int(count)
    }

    private func alignment(_ metadata: GGUFMetadata) throws(Failure) -> Int {
        guard let value = metadata["general.alignment"] else { return GGUFLimits.defaultAlignment }
        guard case .integer(let alignment) = value, GGUFLimits.alignments.contains(alignment),
            alignment & (alignment - 1) == 0
        else {
            let limits = GGUFLimits.alignments
            throw self.window.problem(
                "general.alignment",
                "is not a power of two from \(limits.lowerBound) to \(limits.upperBound)"
            )
        }
        return alignment
    }

    /// The tensors where they lie in the file, once they are known to lie in it and apart from each other.
    private func place(_ infos: [TensorInfo], dataStart: Int) throws(Failure) -> [GGUFHeader.Tensor] {
        var tensors: [GGUFHeader.Tensor] = []
        var end = 0
        // Their order in the directory says nothing.
        let order = infos.indices.sorted { (infos[$0].offset, $0) < (infos[$1].offset, $1) }
        for index in order {
            let info = infos[index]
            let field = "tensors[\(index)].offset"
            guard info.offset >= end else {
                throw self.window.problem(field, "is inside another tensor's data: the file is damaged, get it again")
            }
            // A tensor of an unknown type has at least one byte.
            let size = info.byteCount ?? 1
            guard dataStart <= self.listing.size, info.offset <= self.listing.size - dataStart,
                size <= self.listing.size - dataStart - info.offset
            else {
                throw self.window.problem(
                    field,
                    "reaches behind the end of the file: the file is incomplete, get it again or join its parts"
                )
            }
            end = info.offset + size
            tensors.append(
                GGUFHeader.Tensor(
                    name: info.name,
                    dimensions: info.dimensions,
                    typeNumber: info.typeNumber,
                    offset: dataStart + info.offset,
                    byteCount: info.byteCount
                )
            )
        }
        return tensors
    }
}

/// How a GGUF file begins.
enum GGUFMagic {
    static let bytes = Array("GGUF".utf8)
}
