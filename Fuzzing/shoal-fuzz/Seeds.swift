import Foundation
import TestVectors

/// What a target begins with: the test vectors, valid and refused ones, as the bytes that a parser sees.
enum Seeds {
    /// Where a target's inputs stand: the vectors' file, the key of the text, and whether that text is hexadecimal.
    private static func source(of target: FuzzTarget) -> (file: String, key: String, isHex: Bool)? {
        switch target {
        case .controlMessage, .frame: ("wire", "hex", true)
        case .canonicalJSON: ("canonical-json", "hex", true)
        case .manifest: ("manifest", "manifest", false)
        case .link: ("link", "text", false)
        case .signature: ("signature", "document", false)
        // Small files in Fuzzing/Corpus, or nothing: a script of steps is soon found.
        case .trackerRequest, .trackerResponse, .sessionDescription, .recording, .safetensors, .frameLedger: nil
        }
    }

    static func write(of target: FuzzTarget, into folder: URL) {
        guard let source = self.source(of: target) else { return }
        let vectors: JSONValue = TestVectors.load(source.file)
        for (index, text) in vectors.texts(of: source.key).enumerated() {
            let bytes = source.isHex ? [UInt8](hex: text) : Array(text.utf8)
            do {
                try Data(bytes).write(to: folder.appending(component: "vector-\(index)"))
            } catch {
                require(false, "cannot write seeds into \(folder.path): \(error)")
            }
        }
    }
}

/// Any JSON, as far as seeds need it.
private indirect enum JSONValue: Decodable {
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
