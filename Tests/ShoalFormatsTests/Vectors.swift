import Foundation
import ShoalCore
import ShoalFormats
import TestVectors

/// The test vectors in `Tests/Vectors`, which the JavaScript tests read too.
enum Vectors {
    static let canonicalJSON = TestVectors.load("canonical-json", as: CanonicalJSONVectors.self)
    static let gguf = TestVectors.load("gguf", as: GGUFVectors.self)
    static let layoutOne = TestVectors.load("layout1", as: LayoutVectors.self)
    static let link = TestVectors.load("link", as: LinkVectors.self)
    static let manifest = TestVectors.load("manifest", as: ManifestVectors.self)
}

struct CanonicalJSONVectors: Decodable {
    struct Accepted: Decodable {
        let name: String
        let hex: String
    }
    struct Refused: Decodable {
        let name: String
        let hex: String
        let offset: Int
    }
    let accepted: [Accepted]
    let refused: [Refused]
}

/// A file as vectors describe it: its bytes, or the seed that they are made from, or only what they are.
struct FileVector: Decodable {
    struct Region: Decodable {
        let region: LayoutOne.Region

        init(from decoder: any Decoder) throws {
            var fields = try decoder.unkeyedContainer()
            let content: LayoutOne.Region.Content =
                switch try fields.decode(String.self) {
                case "header": .header
                case "dense": .dense
                default: .expert(ExpertID(layer: try fields.decode(Int.self), index: try fields.decode(Int.self)))
                }
            self.region = LayoutOne.Region(content, length: try fields.decode(Int.self))
        }
    }

    let path: String
    let size: Int
    let hex: String?
    let seed: String?
    let regions: [Region]?

    var source: LayoutOne.SourceFile {
        if let regions = self.regions {
            return LayoutOne.SourceFile(path: self.path, size: self.size, regions: regions.map(\.region))
        }
        return .plain(path: self.path, size: self.size)
    }

    var content: [UInt8] {
        if let hex = self.hex { return [UInt8](hex: hex) }
        guard let seed = self.seed else { preconditionFailure("\(self.path) has neither bytes nor a seed") }
        var content: [UInt8] = []
        content.reserveCapacity(self.size + 4_096)
        var counter: UInt64 = 0
        while content.count < self.size {
            let message = Array(seed.utf8) + (0..<8).map { UInt8(truncatingIfNeeded: counter >> (56 - 8 * $0)) }
            let digest = Digest(sha256Of: message).bytes
            for _ in 0..<128 { content.append(contentsOf: digest) }
            counter += 1
        }
        content.removeSubrange(self.size...)
        return content
    }
}

struct ManifestVectors: Decodable {
    struct Publish: Decodable {
        let name: String
        let format: String
        let files: [FileVector]
        let used: Int?
        let model: Model?
        let manifest: String
        let manifestID: String
        let infoHash: String
        let hashLists: [String]
    }
    struct Model: Decodable {
        let architecture: String?
        let contextLength: Int?
        let parameters: Int?
        let quantization: String?
    }
    struct Accepted: Decodable {
        let name: String
        let manifest: String
        let manifestID: String
    }
    struct Refused: Decodable {
        let name: String
        let field: String
        let manifest: String
    }
    let publish: [Publish]
    let accepted: [Accepted]
    let refused: [Refused]
    let singleFiles: [[String]]
    let leftOut: [String]
}

struct LayoutVectors: Decodable {
    struct Shard: Decodable, Hashable {
        let kind: String
        let size: Int
        let extents: [[Int]]
    }
    struct Experts: Decodable {
        let layers: Int
        let perLayer: Int
        let used: Int
        let map: [String: [[Int]]]
    }
    struct Plan: Decodable {
        let name: String
        let files: [FileVector]
        let used: Int?
        let shards: [Shard]
        let experts: Experts?
    }
    struct Refused: Decodable {
        let name: String
        let files: [FileVector]
        let used: Int?
        let field: String
    }
    let plans: [Plan]
    let refused: [Refused]
}

struct GGUFVectors: Decodable {
    struct File: Decodable {
        let path: String
        let size: Int
        let head: String
        let seed: String
    }
    struct Publish: Decodable {
        let name: String
        let files: [File]
        let manifest: String
        let manifestID: String
    }
    let publish: [Publish]
}

struct LinkVectors: Decodable {
    struct Link: Decodable {
        let name: String
        let text: String
        let canonical: String
        let manifestID: String
        let dn: String?
        let trackers: [String]
        let origins: [String]
        let manifestSources: [String]
        let swarmKey: String?
        /// Key and signature of each.
        let signatures: [[String]]?
        let infoHash: String
    }
    struct Refused: Decodable {
        let name: String
        let text: String
        let parameter: String
    }
    let links: [Link]
    let refused: [Refused]
}

extension [UInt8] {
    /// The bytes that `hex`, which comes from a vector, spells.
    init(hex: String) {
        let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        precondition(digits.count == hex.utf8.count && digits.count % 2 == 0, "\(hex) is not hexadecimal")
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
