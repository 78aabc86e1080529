import ShoalCore

/// How the tracker protocol writes bytes: a string with one character for each, whose number is the byte (Latin-1).
///
/// Everything here counts Unicode scalars. A `Character` may hold several (`"\r\n"` is one), and comparing strings
/// would make bytes equal that are not.
enum BinaryString {
    /// `bytes` as characters U+0000 to U+00FF.
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: bytes.lazy.map { Unicode.Scalar($0) })
        return String(text)
    }

    /// The bytes of `text`; nil when a character is above U+00FF.
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}

extension FixedBytes {
    /// The value whose bytes `text` spells; nil when there are not exactly so many or a character is above U+00FF.
    init?(binaryString text: String) {
        guard let bytes = BinaryString.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    /// The bytes as the tracker protocol writes them.
    var binaryString: String { BinaryString.encode(self.bytes) }
}
