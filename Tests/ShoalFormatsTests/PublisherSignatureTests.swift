import ShoalCore
import ShoalFormats
import TestVectors
import Testing

@Suite struct PublisherSignatureTests {
    private struct Vectors: Decodable {
        struct Read: Decodable {
            let name: String
            let document: String
            let key: String
            let manifestID: String
            let signature: String
            let valid: Bool
        }
        struct Refused: Decodable {
            let name: String
            let document: String
            let field: String
        }
        let read: [Read]
        let refused: [Refused]
    }

    private static let vectors = TestVectors.load("signature", as: Vectors.self)

    @Test(arguments: Self.vectors.read.indices)
    func `a document is read and written again, and its signature is valid or not`(index: Int) throws {
        let vector = Self.vectors.read[index]
        let signature = try PublisherSignature(document: Array(vector.document.utf8))
        #expect(signature.publicKey.hex == vector.key, "\(vector.name)")
        #expect(signature.manifestID.hex == vector.manifestID, "\(vector.name)")
        #expect(signature.bytes.hex == vector.signature, "\(vector.name)")
        #expect(signature.isValid == vector.valid, "\(vector.name)")
        let line = vector.document.hasSuffix("\n") ? "\n" : ""
        #expect(String(decoding: signature.document, as: UTF8.self) + line == vector.document, "\(vector.name)")
    }

    @Test(arguments: Self.vectors.refused.indices)
    func `a document that is wrong is refused by field`(index: Int) {
        let vector = Self.vectors.refused[index]
        let error = #expect(throws: SignatureError.self, "\(vector.name)") {
            try PublisherSignature(document: Array(vector.document.utf8))
        }
        #expect(error?.field == vector.field, "\(vector.name): \(error?.problem ?? "")")
    }

    @Test(arguments: [1_024, 1_025])
    func `a document has a bound`(count: Int) {
        let document = [UInt8](repeating: UInt8(ascii: "["), count: count)
        let error = #expect(throws: SignatureError.self) { try PublisherSignature(document: document) }
        #expect((error?.problem == "it is longer than 1024 bytes") == (count > 1_024))
    }

    @Test func `a signature that any bit of is changed is not valid`() throws {
        let vector = Self.vectors.read[0]
        let signature = try PublisherSignature(document: Array(vector.document.utf8))
        for bit in 0..<512 {
            var bytes = signature.bytes.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            let changed = try #require(SignatureBytes(bytes: bytes))
            let forged = PublisherSignature(of: signature.manifestID, by: signature.publicKey, bytes: changed)
            #expect(!forged.isValid, "bit \(bit)")
        }
    }
}
