import Foundation

/// The test vectors in `Tests/Vectors`, which every implementation of the protocol reads.
package enum TestVectors {
    /// The content of `Tests/Vectors/<name>.json`. Stops the program when it cannot be read: without it a test says nothing.
    package static func load<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) -> Value {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        do {
            let data = try Data(contentsOf: folder.appending(path: "Vectors/\(name).json"))
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            preconditionFailure("the vectors \(name).json cannot be read: \(error)")
        }
    }
}

extension [UInt8] {
    /// The bytes that `hex`, which comes from a vector, spells.
    package init(hex: String) {
        let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        precondition(digits.count == hex.utf8.count && digits.count % 2 == 0, "\(hex) is not hexadecimal")
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
