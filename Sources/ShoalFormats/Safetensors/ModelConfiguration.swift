import ShoalCore

/// What `config.json` of a Hugging Face repository says of the model, as far as a publisher wants to know.
///
/// The names of these settings differ by family. A model inside of another (`text_config` of a model that also sees)
/// says what the outer one leaves open.
struct ModelConfiguration: Equatable {
    /// 16 MiB: the longest file that is read. Real ones have some kilobytes, the longest lists of labels a megabyte.
    static let maximumByteCount = 16 * 1024 * 1024

    /// `model_type`, as `qwen3_moe`; else the first of `architectures`, as `Qwen3MoeForCausalLM`.
    var architecture: String?
    var contextLength: Int?
    /// How many experts a layer has. More than one when settings differ or layers do.
    var expertCounts: [Int] = []
    /// How many of them the router picks for a token; the most, when layers differ.
    var expertsUsed: Int?
    /// `quantization_config.quant_method`, as `mxfp4`.
    var quantizationMethod: String?

    /// Reads `bytes`, the text of the file. As in Python, the last of several settings of one name counts, and `NaN` is
    /// a number. A setting that is not what it should be counts as not there.
    init(reading bytes: [UInt8]) throws(JSONError) {
        var json = JSONReader(bytes, dialect: .python)
        var settings = Settings()
        try settings.read(&json)
        try json.finish()
        self.init(settings)
    }

    private init(_ settings: Settings) {
        let inner = settings.inner.map { Self($0) }
        self.architecture = settings.modelType ?? settings.firstArchitecture
        self.contextLength = settings.first(of: Settings.contextNames) ?? inner.lazy.compactMap(\.contextLength).first
        let counts = Set(Settings.countNames.flatMap { settings.numbers[$0] ?? [] }).sorted()
        self.expertCounts = counts.isEmpty ? inner.first { !$0.expertCounts.isEmpty }?.expertCounts ?? [] : counts
        self.expertsUsed = settings.first(of: Settings.usedNames) ?? inner.lazy.compactMap(\.expertsUsed).first
        self.quantizationMethod =
            settings.quantizationMethod ?? inner.lazy.compactMap(\.quantizationMethod).first
    }
}

/// The settings of one object that matter, under their own names.
private struct Settings {
    /// Names for the longest context, the usual one first.
    static let contextNames = [
        "max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx",
    ]
    /// Names for the number of experts of a layer.
    static let countNames = [
        "num_experts", "num_local_experts", "n_routed_experts", "num_routed_experts", "moe_num_experts",
    ]
    /// Names for the number of experts that a token is sent to, the usual one first.
    static let usedNames = [
        "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k", "experts_per_token",
        "top_k_experts", "num_selected_experts",
    ]
    /// Objects that hold settings of the model itself.
    private static let innerNames = [
        "text_config", "llm_config", "language_config", "thinker_config", "ffn_config",
    ]
    private static let numberNames = Set(Self.contextNames + Self.countNames + Self.usedNames)

    /// Whole numbers above 0, or lists of them (one for each layer).
    private(set) var numbers: [String: [Int]] = [:]
    private(set) var modelType: String?
    private(set) var firstArchitecture: String?
    private(set) var quantizationMethod: String?
    private(set) var inner: [Settings] = []

    /// The largest number under the first of `names` that there is.
    func first(of names: [String]) -> Int? { names.lazy.compactMap { self.numbers[$0]?.max() }.first }

    /// Reads the object that comes next.
    mutating func read(_ json: inout JSONReader) throws(JSONError) {
        try json.enterObject()
        while let name = try json.nextName() {
            switch name {
            case "model_type": self.modelType = try Self.text(&json)
            case "architectures": self.firstArchitecture = try Self.firstText(&json)
            case "quantization_config": self.quantizationMethod = try Self.method(&json)
            case _ where Self.numberNames.contains(name): self.numbers[name] = try Self.numbers(&json)
            case _ where Self.innerNames.contains(name): try self.readInner(&json)
            default: try json.skipValue()
            }
        }
    }

    private mutating func readInner(_ json: inout JSONReader) throws(JSONError) {
        guard try json.peek() == .object else { return try json.skipValue() }
        var inner = Settings()
        try inner.read(&json)
        self.inner.append(inner)
    }

    /// The text that comes next; nil for anything else, and for what a manifest could not hold.
    private static func text(_ json: inout JSONReader) throws(JSONError) -> String? {
        guard try json.peek() == .string else {
            try json.skipValue()
            return nil
        }
        let text = try json.readString()
        let isShort = (1...Manifest.Model.maximumTextByteCount).contains(text.utf8.count)
        return isShort && !text.utf8.contains(where: ASCII.isControl) ? text : nil
    }

    private static func firstText(_ json: inout JSONReader) throws(JSONError) -> String? {
        guard try json.peek() == .array else {
            try json.skipValue()
            return nil
        }
        var texts: [String?] = []
        try json.enterArray()
        while try json.nextElement() {
            let text = try self.text(&json)
            if texts.isEmpty { texts.append(text) }
        }
        return texts.first ?? nil
    }

    private static func method(_ json: inout JSONReader) throws(JSONError) -> String? {
        guard try json.peek() == .object else {
            try json.skipValue()
            return nil
        }
        var method: String?
        try json.enterObject()
        while let name = try json.nextName() {
            if name == "quant_method" { method = try self.text(&json) } else { try json.skipValue() }
        }
        return method
    }

    /// The number that comes next, or those of the list; nil for anything else.
    private static func numbers(_ json: inout JSONReader) throws(JSONError) -> [Int]? {
        switch try json.peek() {
        case .number: return try self.number(&json).map { [$0] }
        case .array:
            var numbers: [Int] = []
            try json.enterArray()
            while try json.nextElement() {
                if try json.peek() == .number, let number = try self.number(&json) {
                    numbers.append(number)
                } else {
                    try json.skipValue()
                }
            }
            return numbers.isEmpty ? nil : numbers
        case .object, .string, .bool, .null:
            try json.skipValue()
            return nil
        }
    }

    private static func number(_ json: inout JSONReader) throws(JSONError) -> Int? {
        guard case .integer(let number) = try json.readNumber(),
            (1...CanonicalJSONReader.maximumInteger).contains(number)
        else { return nil }
        return number
    }
}
