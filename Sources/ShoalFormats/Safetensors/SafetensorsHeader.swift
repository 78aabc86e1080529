import ShoalCore

/// The tensor directory at the beginning of a safetensors file: 8 bytes with its length, then one JSON object.
///
/// As strict as the Rust library (0.8.0), and stricter where it says nothing: a name occurs once. What is accepted
/// covers the file: tensors follow each other without a gap, the last ends with the file.
package struct SafetensorsHeader: Sendable {
    /// 100,000,000 bytes: the longest JSON, as in the Rust library. Large models have 1 to 10 MB, over all files.
    package static let maximumByteCount = 100_000_000

    /// 2^20: the most tensors of a file, and of all files of a model. DeepSeek-V3 has 91,000.
    package static let maximumTensorCount = 1 << 20

    /// Bytes before the JSON: its length, little-endian.
    static let prefixByteCount = 8

    /// A tensor as the directory describes it.
    package struct Tensor: Hashable, Sendable {
        package let name: String
        package let type: SafetensorsType
        /// The number of dimensions; 0 for a single number.
        package let dimensionCount: Int
        /// The first dimension, whose steps are the longest; nil for a single number.
        package let outermost: Int?
        /// The product of the shape.
        package let elementCount: Int
        /// Bytes of the file before it.
        package let offset: Int
        /// In bytes; 0 when a dimension is 0.
        package let length: Int
    }

    /// The directory with its length: what comes before the first tensor.
    package let byteCount: Int
    /// By ascending offset; each begins where the one before it ends.
    package let tensors: [Tensor]

    /// How many bytes of JSON follow the length, from the file's first 8 bytes (fewer if it has no more).
    static func jsonByteCount(_ prefix: [UInt8], of file: SourceListing) throws(SourceProblem) -> Int {
        func problem(_ text: String) -> SourceProblem {
            SourceProblem(path: file.path, field: "header", problem: text)
        }
        guard file.size <= Manifest.maximumTotalSize else {
            throw SourceProblem(path: file.path, problem: "is larger than 8 TiB, the largest model")
        }
        guard prefix.count == self.prefixByteCount else {
            throw problem("is missing: the file has \(file.size) bytes, a safetensors file at least 8; get it again")
        }
        if prefix.elementsEqual("version ".utf8) {
            throw problem("is missing: this is Git's pointer to the file, not the file; run git lfs pull")
        }
        let count = prefix.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard count <= self.maximumByteCount else {
            throw problem("is said to have \(count) bytes, more than the 100,000,000 that safetensors allows")
        }
        guard count <= file.size - self.prefixByteCount else {
            throw problem("is said to have \(count) bytes, but the file ends before; get it again")
        }
        return Int(count)
    }

    /// Reads the directory of `file` from `json`, the bytes behind its length.
    ///
    /// - Parameter tensorLimit: the most tensors, at most ``maximumTensorCount``.
    init(json: [UInt8], of file: SourceListing, tensorLimit: Int) throws(SourceProblem) {
        self.byteCount = Self.prefixByteCount + json.count
        var scan = SafetensorsScan(json: json, file: file)
        self.tensors = try scan.tensors(limit: tensorLimit)
    }
}

/// Checks a directory, member by member.
private struct SafetensorsScan {
    private var json: JSONReader
    private let file: SourceListing
    /// Where offsets of the directory count from.
    private let dataOffset: Int
    private var names: Set<[UInt8]> = []

    init(json: [UInt8], file: SourceListing) {
        self.json = JSONReader(json)
        self.file = file
        self.dataOffset = SafetensorsHeader.prefixByteCount + json.count
    }

    mutating func tensors(limit: Int) throws(SourceProblem) -> [SafetensorsHeader.Tensor] {
        var tensors: [SafetensorsHeader.Tensor] = []
        do throws(JSONError) { try self.json.enterObject() } catch {
            throw self.problem("header", "cannot be read: \(error)")
        }
        while let member = try self.next() {
            guard let name = member.name else { continue }
            guard tensors.count < limit else {
                throw self.problem("header", "exceeds the limit of tensors for all safetensors files of a folder")
            }
            tensors.append(try self.tensor(name, member))
        }
        tensors.sort { ($0.offset, $0.length) < ($1.offset, $1.length) }
        try self.checkCover(tensors)
        return tensors
    }

    private func problem(_ field: String, _ text: String) -> SourceProblem {
        SourceProblem(path: self.file.path, field: field, problem: text)
    }

    /// What a tensor, or a member of its description, is called in errors.
    private static func field(_ name: String, _ member: String? = nil) -> String {
        ManifestFields.printable(name, limit: 128) + (member.map { ".\($0)" } ?? "")
    }

    /// The next member; nil at the end.
    private mutating func next() throws(SourceProblem) -> SafetensorsMember? {
        var field = "header"
        do throws(JSONError) {
            guard let name = try self.json.nextName() else {
                try self.json.finish()
                return nil
            }
            field = Self.field(name)
            let member = try SafetensorsMember(name, &self.json)
            if self.names.insert(Array(name.utf8)).inserted { return member }
        } catch {
            throw self.problem(field, "cannot be read: \(error)")
        }
        throw self.problem(field, "occurs twice")
    }

    private func tensor(
        _ name: String,
        _ member: SafetensorsMember
    ) throws(SourceProblem) -> SafetensorsHeader.Tensor {
        if let repeated = member.repeated { throw self.problem(Self.field(name, repeated), "occurs twice") }
        guard let code = member.code else { throw self.problem(Self.field(name, "dtype"), "is missing") }
        guard let shape = member.shape else { throw self.problem(Self.field(name, "shape"), "is missing") }
        guard let offsets = member.offsets else { throw self.problem(Self.field(name, "data_offsets"), "is missing") }
        guard let type = SafetensorsType(rawValue: code) else {
            let code = ManifestFields.printable(code)
            throw self.problem(Self.field(name, "dtype"), "is \(code), which safetensors 0.8.0 does not have")
        }
        guard offsets.begin <= offsets.end else {
            throw self.problem(Self.field(name, "data_offsets"), "end before they begin")
        }
        guard offsets.end <= self.file.size - self.dataOffset else {
            throw self.problem(
                Self.field(name, "data_offsets"),
                "end \(offsets.end - (self.file.size - self.dataOffset)) bytes behind the file: it is cut short; "
                    + "get it again"
            )
        }
        let length = offsets.end - offsets.begin
        try self.check(shape, type, length, of: name)
        return SafetensorsHeader.Tensor(
            name: name,
            type: type,
            dimensionCount: shape.dimensionCount,
            outermost: shape.outermost,
            elementCount: shape.elementCount,
            offset: self.dataOffset + offsets.begin,
            length: length
        )
    }

    /// Checks that a tensor's bytes are as many as its type and shape say.
    private func check(
        _ shape: SafetensorsMember.Shape,
        _ type: SafetensorsType,
        _ length: Int,
        of name: String
    ) throws(SourceProblem) {
        let (bits, isTooLarge) = shape.elementCount.multipliedReportingOverflow(by: type.bitCount)
        guard !isTooLarge, !shape.isTooLarge else {
            throw self.problem(Self.field(name, "shape"), "has more elements than a file can hold")
        }
        guard bits % 8 == 0 else { throw self.problem(Self.field(name, "shape"), "ends inside a byte") }
        guard bits / 8 == length else {
            throw self.problem(
                Self.field(name, "data_offsets"),
                "span \(length) bytes; its dtype and shape need \(bits / 8)"
            )
        }
    }

    /// Checks that the tensors, by ascending offset, are the rest of the file.
    private func checkCover(_ tensors: [SafetensorsHeader.Tensor]) throws(SourceProblem) {
        var end = self.dataOffset
        for tensor in tensors {
            guard tensor.offset == end else {
                throw self.problem(
                    Self.field(tensor.name, "data_offsets"),
                    tensor.offset < end
                        ? "overlap the tensor before" : "leave \(tensor.offset - end) bytes before them to no tensor"
                )
            }
            end += tensor.length
        }
        guard end == self.file.size else {
            throw SourceProblem(
                path: self.file.path,
                problem: "has \(self.file.size - end) bytes behind its last tensor"
            )
        }
    }
}

/// A member of a directory as it is written there.
private struct SafetensorsMember {
    struct Shape {
        var dimensionCount = 0
        var outermost: Int?
        var elementCount = 1
        /// Whether the product, taken from the left, is no `Int`.
        var isTooLarge = false
    }

    /// Nil for `__metadata__`: texts of the publisher's by name, of which nothing is used.
    private(set) var name: String?
    private(set) var code: String?
    private(set) var shape: Shape?
    private(set) var offsets: (begin: Int, end: Int)?
    /// What is said twice of it.
    private(set) var repeated: String?

    /// Reads the value behind `name`.
    init(_ name: String, _ json: inout JSONReader) throws(JSONError) {
        guard name != "__metadata__" else {
            try Self.skipTexts(&json)
            return
        }
        self.name = name
        try json.enterObject()
        while let key = try json.nextName() {
            let isRepeated: Bool
            switch key {
            case "dtype":
                isRepeated = self.code != nil
                self.code = try json.readString()
            case "shape":
                isRepeated = self.shape != nil
                self.shape = try Self.shape(&json)
            case "data_offsets":
                isRepeated = self.offsets != nil
                self.offsets = try Self.offsets(&json)
            default:
                isRepeated = false
                try json.skipValue()
            }
            if isRepeated { self.repeated = key }
        }
    }

    /// Reads an object of strings or null, as every reader of the format demands.
    private static func skipTexts(_ json: inout JSONReader) throws(JSONError) {
        guard try json.peek() != .null else { return try json.readNull() }
        try json.enterObject()
        while try json.nextName() != nil { _ = try json.readString() }
    }

    private static func shape(_ json: inout JSONReader) throws(JSONError) -> Shape {
        var shape = Shape()
        try json.enterArray()
        while try json.nextElement() {
            let dimension = try self.count(&json)
            if shape.dimensionCount == 0 { shape.outermost = dimension }
            shape.dimensionCount += 1
            let (product, isTooLarge) = shape.elementCount.multipliedReportingOverflow(by: dimension)
            if isTooLarge { shape.isTooLarge = true } else { shape.elementCount = product }
        }
        return shape
    }

    private static func offsets(_ json: inout JSONReader) throws(JSONError) -> (begin: Int, end: Int) {
        let start = json.offset
        var offsets: [Int] = []
        try json.enterArray()
        while try json.nextElement() {
            if offsets.count < 3 { offsets.append(try self.count(&json)) } else { try json.skipValue() }
        }
        guard offsets.count == 2 else { throw JSONError(offset: start, problem: "not two numbers for data_offsets") }
        return (offsets[0], offsets[1])
    }

    private static func count(_ json: inout JSONReader) throws(JSONError) -> Int {
        let start = json.offset
        guard case .integer(let count) = try json.readNumber(), count >= 0 else {
            throw JSONError(offset: start, problem: "a number that is negative, a fraction or too large")
        }
        return count
    }
}
