import ModelFixtures
import ShoalCore
import Testing

@testable import ShoalFormats

@Suite struct GGUFHeaderTests {
    private func header(_ bytes: [UInt8]) throws -> GGUFHeader {
        let listing = SourceListing(path: "model.gguf", size: bytes.count)
        return try GGUFHeaderReader.read(MemoryReader([bytes]), file: 0, listing: listing)
    }

    /// The field of the problem that `file` must have.
    private func field(_ file: GGUFFile) -> String? { self.field(file.bytes) }

    private func field(_ bytes: [UInt8]) -> String? {
        do {
            _ = try self.header(bytes)
            return nil
        } catch {
            guard case SourceError<Never>.wrong(let problem) = error else { return "\(error)" }
            #expect(problem.path == "model.gguf")
            #expect(!problem.problem.isEmpty)
            return problem.field
        }
    }

    private var file: GGUFFile {
        var file = GGUFFile()
        file["general.architecture"] = .text("llama")
        file.tensors = [.init("a", [32, 2], "Q8_0"), .init("b", [8]), .init("c", [32, 2], "Q4_0")]
        return file
    }

    @Test(arguments: [2, 3] as [UInt32])
    func `every type of value is read over, and integers are kept`(version: UInt32) throws {
        var file = self.file
        file.version = version
        file["x.context_length"] = .int16(-7)
        file["a.context_length"] = .uint8(255)
        file["b.context_length"] = .int8(-128)
        file["c.context_length"] = .uint16(65_535)
        file["d.context_length"] = .int32(.min)
        file["e.context_length"] = .uint64(1 << 40)
        file["f.context_length"] = .int64(.min)
        file["g.context_length"] = .uint64(.max)
        file["h.context_length"] = .float32(1)
        file["i.context_length"] = .float64(1)
        file["j.context_length"] = .bool(true)
        file["k.expert_count"] = .array(element: 2, [.uint16(3), .uint16(4)])
        file["l.expert_count"] = .array(element: 8, [.text("3")])
        file["m.expert_count"] = .array(element: 10, [.uint64(.max), .uint64(1)])
        file["general.type"] = .text(String(repeating: "x", count: 256))
        file["ignored"] = .array(element: 8, [.text(""), .text("ü")])
        let header = try self.header(file.bytes)
        let kept: [(String, GGUFMetadata.Value)] = [
            ("x", .integer(-7)), ("a", .integer(255)), ("b", .integer(-128)), ("c", .integer(65_535)),
            ("d", .integer(Int(Int32.min))), ("e", .integer(1 << 40)), ("f", .integer(.min)), ("g", .other),
            ("h", .other), ("i", .other), ("j", .other),
        ]
        for (key, value) in kept { #expect(header.metadata["\(key).context_length"] == value, "\(key)") }
        #expect(header.metadata["k.expert_count"] == .integers([3, 4]))
        #expect(header.metadata["l.expert_count"] == .other)
        #expect(header.metadata["m.expert_count"] == .other)
        #expect(header.metadata["general.type"] == .other)
        #expect(header.metadata["ignored"] == nil)
        #expect(header.tensors.map(\.name) == ["a", "b", "c"])
        #expect(header.tensors.map(\.byteCount) == [68, 32, 36])
        let start = file.head.count
        #expect(header.tensors.map(\.offset) == [start, start + 96, start + 128])
    }

    @Test func `tensors are in the order of their data, whatever the directory's is`() throws {
        var file = self.file
        file.tensors[0].offset = 256
        file.tensors[1].offset = 0
        file.tensors[2].offset = 64
        #expect(try self.header(file.bytes).tensors.map(\.name) == ["b", "c", "a"])
    }

    @Test func `a tensor of an unknown type has a place and no size`() throws {
        var file = self.file
        file.tensors[0].type = 137
        file.tensors[0].byteCount = 100
        let header = try self.header(file.bytes)
        #expect(header.tensors.map(\.byteCount) == [nil, 32, 36])
        #expect(header.tensors[1].offset == file.head.count + 128)
    }

    @Test(arguments: Refusal.all.indices)
    func `what no engine should see is refused by its field`(index: Int) {
        let refusal = Refusal.all[index]
        var file = self.file
        refusal.spoil(&file)
        #expect(self.field(file) == refusal.field, "\(refusal.name)")
    }

    @Test func `a file that ends anywhere in its header is refused`() {
        let bytes = self.file.bytes
        for count in 4..<bytes.count - 28 {
            #expect(self.field(Array(bytes[..<count])) != nil, "\(count) bytes")
        }
        // The padding behind the last tensor may be missing.
        #expect(self.field(Array(bytes[..<(bytes.count - 28)])) == nil)
    }

    @Test func `a header that is not GGUF is refused`() { #expect(self.field(Array("GGML and more".utf8)) == "magic") }

    @Test func `big-endian files are told from unknown versions`() throws {
        for (version, words) in [(UInt32(3).byteSwapped, "big-endian"), (4, "update"), (1, "convert")] {
            var file = self.file
            file.version = version
            let error = #expect(throws: SourceError<Never>.self) { try self.header(file.bytes) }
            guard case .wrong(let problem) = error else { continue }
            #expect(problem.description.contains(words))
        }
    }

    @Test func `a long vocabulary is not held in memory`() throws {
        var file = self.file
        file["tokenizer"] = .raw(number: 8, [0, 0, 0, 1, 0, 0, 0, 0] + [UInt8](repeating: 120, count: 16 << 20))
        let reader = MemoryReader([file.bytes])
        _ = try GGUFHeaderReader.read(reader, file: 0, listing: SourceListing(path: "m", size: file.size))
        #expect(reader.longest <= 262_144)
        #expect(reader.readCount <= 3 * 262_144)
    }
}

/// A way to spoil a file, and the field that is named.
private struct Refusal {
    let name: String
    let field: String
    let spoil: @Sendable (inout GGUFFile) -> Void

    init(_ name: String, _ field: String, _ spoil: @escaping @Sendable (inout GGUFFile) -> Void) {
        self.name = name
        self.field = field
        self.spoil = spoil
    }

    static let all = counts + values + alignments + tensors

    private static let counts = [
        Refusal("too many tensors", "tensors") { $0.tensorCount = 65_537 },
        Refusal("tensors that are not there", "tensors[3].name") {
            $0.tensorCount = 65_536
            $0.dataSize = 0
        },
        Refusal("too many metadata", "metadata") { $0.metadataCount = 65_537 },
        Refusal("as many metadata as there can be numbers", "metadata") { $0.metadataCount = .max },
    ]

    private static let values = [
        Refusal("an empty key", "metadata[1].key") { $0[""] = .bool(true) },
        Refusal("a key that is too long", "metadata[1].key") {
            $0[String(repeating: "k", count: 65_537)] = .bool(true)
        },
        Refusal("a key twice", "metadata[2].key") { $0.metadata += [("k", .bool(true)), ("k", .bool(true))] },
        Refusal("a type that does not exist", "metadata[1].type") { $0["k"] = .raw(number: 13, []) },
        Refusal("an array of a type that does not exist", "metadata[1].value") { $0["k"] = .array(element: 13, []) },
        Refusal("an array of arrays", "metadata[1].value") {
            $0["k"] = .array(element: 9, [.array(element: 4, [])])
        },
        Refusal("an array that is too long", "metadata[1].value") {
            $0["k"] = .raw(number: 9, [0, 0, 0, 0, 1, 0, 64, 0, 0, 0, 0, 0])
        },
        Refusal("a text that is too long", "metadata[1].value") {
            $0["k"] = .raw(number: 8, [1, 0, 0, 1, 0, 0, 0, 0])
        },
        Refusal("a text of as many bytes as there can be numbers", "metadata[1].value") {
            $0["k"] = .raw(number: 8, [UInt8](repeating: 255, count: 8))
        },
        Refusal("a text that reaches behind the end", "metadata[1].value") {
            $0["k"] = .raw(number: 8, [0, 0, 0, 1, 0, 0, 0, 0])
        },
    ]

    private static let alignments = [
        Refusal("an alignment that is no power of two", "general.alignment") {
            $0["general.alignment"] = .uint32(48)
        },
        Refusal("an alignment of 0", "general.alignment") { $0["general.alignment"] = .uint32(0) },
        Refusal("an alignment that is too small", "general.alignment") { $0["general.alignment"] = .uint32(4) },
        Refusal("an alignment that is too large", "general.alignment") { $0["general.alignment"] = .uint32(8_192) },
        Refusal("an alignment in words", "general.alignment") { $0["general.alignment"] = .text("32") },
    ]

    private static let tensors = [
        Refusal("an empty name", "tensors[1].name") { $0.tensors[1].name = "" },
        Refusal("a name that is too long", "tensors[1].name") {
            $0.tensors[1].name = String(repeating: "n", count: 64)
        },
        Refusal("a name twice", "tensors[2].name") { $0.tensors[2].name = "a" },
        Refusal("no dimensions", "tensors[1].dimensions") { $0.tensors[1].dimensions = [] },
        Refusal("too many dimensions", "tensors[1].dimensions") { $0.tensors[1].dimensions = [1, 1, 1, 1, 1] },
        Refusal("a dimension of 0", "tensors[1].dimensions") { $0.tensors[1].dimensions = [8, 0] },
        Refusal("a dimension beyond all numbers", "tensors[1].dimensions") { $0.tensors[1].dimensions = [1 << 63] },
        Refusal("more elements than numbers", "tensors[1].dimensions") {
            $0.tensors[1].dimensions = [1 << 32, 1 << 31]
        },
        Refusal("more bytes than numbers", "tensors[1].dimensions") {
            $0.tensors[1].dimensions = [1 << 32, 1 << 30]
        },
        Refusal("rows that are not whole blocks", "tensors[0].dimensions") { $0.tensors[0].dimensions = [48] },
        Refusal("an offset that is not aligned", "tensors[1].offset") { $0.tensors[1].offset = 100 },
        Refusal("an offset behind the end", "tensors[2].offset") {
            $0.tensors[2].offset = 1 << 40
            $0.dataSize = 256
        },
        Refusal("the largest offset", "tensors[2].offset") {
            $0.tensors[2].offset = .max - 31
            $0.dataSize = 256
        },
        Refusal("data inside other data", "tensors[1].offset") { $0.tensors[1].offset = 64 },
        Refusal("data at the same place", "tensors[1].offset") { $0.tensors[1].offset = 0 },
        Refusal("data of an unknown type at the same place", "tensors[1].offset") {
            $0.tensors[0].type = 137
            $0.tensors[0].byteCount = 32
            $0.tensors[1].offset = 0
        },
        Refusal("a file that lacks a byte", "tensors[2].offset") { $0.lackingBytes = 29 },
    ]
}
