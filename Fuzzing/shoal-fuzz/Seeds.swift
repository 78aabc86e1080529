import Foundation
import TestVectors

/// What a target begins with: the test vectors, valid and refused ones, as the bytes that a parser sees.
enum Seeds {
    private static func seeds(of target: FuzzTarget) -> [[UInt8]] {
        switch target {
        case .controlMessage, .frame: self.load("wire").texts(of: "hex").map { [UInt8](hex: $0) }
        case .canonicalJSON: self.load("canonical-json").texts(of: "hex").map { [UInt8](hex: $0) }
        case .manifest: self.load("manifest").texts(of: "manifest").map { Array($0.utf8) }
        case .link: self.load("link").texts(of: "text").map { Array($0.utf8) }
        case .signature: self.load("signature").texts(of: "document").map { Array($0.utf8) }
        case .memberNote: self.load("proofs").texts(of: "text").map { Array($0.utf8) }
        case .trackerRequest, .trackerResponse: self.load("tracker").texts(of: "text").map { Array($0.utf8) }
        // Headers alone, one behind the other; the target has data follow them.
        case .gguf:
            self.load("gguf")["publish"].elements.map { $0.texts(of: "head").flatMap { [UInt8](hex: $0) } }
        case .safetensors: self.load("safetensors")["folders"].elements.map(SafetensorsTarget.input)
        case .recording: RecordedDuo.records()
        // Small files in Fuzzing/Corpus, or nothing: a script of steps is soon found.
        case .frameLedger, .hashList, .mesh, .nodeAnswer, .nodeRequest, .sessionDescription, .shardRanges, .tracker,
            .trackerURL:
            []
        }
    }

    private static func load(_ vectors: String) -> JSONValue { TestVectors.load(vectors) }

    static func write(of target: FuzzTarget, into folder: URL) { self.write(self.seeds(of: target), into: folder) }

    private static func write(_ seeds: [[UInt8]], into folder: URL) {
        for (index, bytes) in seeds.enumerated() {
            do {
                try Data(bytes).write(to: folder.appending(component: "vector-\(index)"))
            } catch {
                require(false, "cannot write seeds into \(folder.path): \(error)")
            }
        }
    }
}

/// Any JSON, as far as seeds need it.
indirect enum JSONValue: Decodable {
    case object([String: JSONValue])
    case array([JSONValue])
    case text(String)
    case other

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let elements = try? value.decode([JSONValue].self) {
            self = .array(elements)
        } else if let members = try? value.decode([String: JSONValue].self) {
            self = .object(members)
        } else {
            self = .other
        }
    }

    var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    subscript(key: String) -> JSONValue {
        if case .object(let members) = self { members[key] ?? .other } else { .other }
    }

    /// Every text under `key`, at whatever depth.
    func texts(of key: String) -> [String] {
        switch self {
        case .object(let members):
            members.sorted { $0.key < $1.key }.flatMap { name, value -> [String] in
                if name == key, case .text(let text) = value { return [text] }
                return value.texts(of: key)
            }
        case .array(let elements): elements.flatMap { $0.texts(of: key) }
        case .text, .other: []
        }
    }
}
