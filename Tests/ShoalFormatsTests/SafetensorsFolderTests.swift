import ModelFixtures
import ShoalCore
import ShoalFormats
import Testing

/// Which files of a folder are the model, and what becomes of the others.
@Suite struct SafetensorsFolderTests {
    private typealias File = (name: String, bytes: [UInt8])

    private static func weights(_ name: String, _ count: Int = 8) -> [UInt8] {
        SafetensorsFile([.init(name, [count], "U8")]).bytes
    }

    private static func index(_ files: [String]) -> File {
        let map = files.enumerated().map { #""t\#($0)":"\#($1)""# }.joined(separator: ",")
        return ("model.safetensors.index.json", Array(#"{"weight_map":{\#(map)}}"#.utf8))
    }

    private static let expert = weights("model.layers.0.mlp.experts.0.w1")
    private static let settings: File = ("config.json", Array(#"{"num_experts":1,"num_experts_per_tok":1}"#.utf8))

    @Test func `what programs read first is header, weights of other formats are dense`() throws {
        let bench = try AnatomyBench([
            ("model.safetensors", Self.weights("a")), ("tokenizer.json", [1, 2]), ("README.md", [3]),
            ("chat_template.jinja", [4]), ("pytorch_model.bin", [5]), ("onnx/model.onnx", [6]), ("m.gguf", [7]),
            ("empty.txt", []),
        ])
        for name in ["tokenizer.json", "README.md", "chat_template.jinja"] {
            #expect(bench.content(of: name) == [.header], "\(name)")
        }
        for name in ["pytorch_model.bin", "onnx/model.onnx", "m.gguf"] {
            #expect(bench.content(of: name) == [.dense], "\(name)")
        }
        #expect(bench.content(of: "empty.txt").isEmpty)
        #expect(bench.anatomy.notes.isEmpty)
    }

    @Test func `a companion is a header up to 64 MiB`() throws {
        for (excess, content) in [(0, LayoutOne.Region.Content.header), (1, .dense)] {
            let listings = [
                SourceListing(path: "model.safetensors", size: Self.expert.count),
                SourceListing(path: "vocabulary", size: 64 * 1024 * 1024 + excess),
            ]
            let anatomy = try SafetensorsAnatomy.of(files: listings, reader: MemoryReader([Self.expert, []]))
            #expect(anatomy.files[1].regions.map(\.content) == [content])
        }
    }

    @Test func `the whole model goes before its index, the index before other files`() throws {
        let other = ("consolidated.safetensors", Self.expert)
        let part = ("model-1.safetensors", Self.expert)
        var bench = try AnatomyBench([
            ("model.safetensors", Self.expert), Self.index(["absent.safetensors"]), other, Self.settings,
        ])
        #expect(bench.content(of: "model.safetensors").last == .expert(ExpertID(layer: 0, index: 0)))
        #expect(bench.content(of: "consolidated.safetensors") == [.header, .dense])
        bench = try AnatomyBench([part, Self.index(["model-1.safetensors"]), other, Self.settings])
        #expect(bench.content(of: "model-1.safetensors").last == .expert(ExpertID(layer: 0, index: 0)))
        #expect(bench.content(of: "consolidated.safetensors") == [.header, .dense])
    }

    @Test func `without an index all files at the top are the model, and a note says so`() throws {
        let second = Self.weights("model.layers.1.mlp.experts.0.w1")
        let bench = try AnatomyBench([
            ("a.safetensors", Self.expert), ("b.safetensors", second), ("sub/c.safetensors", Self.expert),
            Self.settings,
        ])
        #expect(try bench.plan.experts?.map.count == 2)
        #expect(bench.content(of: "sub/c.safetensors") == [.header, .dense])
        #expect(bench.anatomy.notes.count == 1)
    }

    @Test func `an expert that lies in two files is not registered`() throws {
        let bench = try AnatomyBench([("a.safetensors", Self.expert), ("b.safetensors", Self.expert), Self.settings])
        #expect(try bench.plan.experts == nil)
        #expect(bench.anatomy.notes.contains { $0.contains("lies in two files") })
    }

    @Test func `an index that names absent files is refused`() {
        let names = ["model-1.safetensors", "model-2.safetensors", "model-3.safetensors"]
        let problem = AnatomyBench.problem([("model-1.safetensors", Self.expert), Self.index(names)])
        #expect(problem?.path == "model.safetensors.index.json")
        #expect(problem?.field == "weight_map")
        #expect(problem?.problem.contains("model-2.safetensors and 1 more") == true)
    }

    @Test(arguments: ["", "{}", #"{"weight_map":{}}"#, #"{"weight_map":[]}"#, #"{"weight_map":{"a":1}}"#, "{"])
    func `an index that cannot be read is refused`(text: String) {
        let index = ("model.safetensors.index.json", Array(text.utf8))
        let problem = AnatomyBench.problem([("model-1.safetensors", Self.expert), index])
        #expect(problem?.path == "model.safetensors.index.json")
    }

    @Test func `a broken file that is not of the model is published as it is`() throws {
        let bench = try AnatomyBench([
            ("model.safetensors", Self.expert), ("old.safetensors", [1, 2, 3]), ("sub/x.safetensors", []),
        ])
        #expect(bench.content(of: "old.safetensors") == [.dense])
        #expect(bench.content(of: "sub/x.safetensors").isEmpty)
        #expect(bench.anatomy.notes.filter { $0.contains("published as it is") }.count == 2)
        #expect(AnatomyBench.problem([("old.safetensors", [1, 2, 3])])?.path == "old.safetensors")
    }

    @Test func `a folder of models in folders is of this format and describes nothing`() throws {
        let bench = try AnatomyBench([("unet/model.safetensors", Self.expert), ("vae/model.safetensors", Self.expert)])
        #expect(bench.anatomy.format == .safetensors)
        #expect(bench.anatomy.model.isEmpty)
        #expect(bench.content(of: "unet/model.safetensors") == [.header, .dense])
    }

    @Test func `content decides what a file is called safetensors for`() throws {
        let bench = try AnatomyBench([("model.safetensors", GGUFFixture.model(.llama, seed: 1).bytes)])
        #expect(bench.anatomy.format == .gguf)
    }

    @Test func `a manifest shows elements and the type of most bytes`() throws {
        let floats = SafetensorsFile([.init("a", [3, 5]), .init("b", [7], "F32"), .init("c", [9], "I64")])
        // 30, 28 and 72 bytes: whole numbers are the most, so that elements are no weights.
        #expect(try AnatomyBench([("model.safetensors", floats.bytes)]).anatomy.model == .init(quantization: "I64"))
        let fewer = SafetensorsFile([.init("a", [30, 5]), .init("b", [7], "F32"), .init("c", [9], "I64")])
        #expect(
            try AnatomyBench([("model.safetensors", fewer.bytes)]).anatomy.model
                == .init(parameters: 157, quantization: "BF16")
        )
    }

    @Test func `of a packed format the method is shown and no number of parameters`() throws {
        let packed = SafetensorsFile([.init("a.qweight", [40], "I32"), .init("a.scales", [5], "F16")])
        let configuration = #"{"architectures":["Qwen3ForCausalLM"],"quantization_config":{"quant_method":"gptq"}}"#
        let bench = try AnatomyBench([
            ("model.safetensors", packed.bytes), ("config.json", Array(configuration.utf8)),
        ])
        #expect(bench.anatomy.model == .init(architecture: "Qwen3ForCausalLM", quantization: "gptq"))
    }
}
