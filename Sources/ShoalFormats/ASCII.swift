/// Case of the 26 letters that every file system and every program agrees on.
enum ASCII {
    /// `byte`, with `A`–`Z` as `a`–`z`.
    static func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    static func lowercase(_ bytes: some Sequence<UInt8>) -> [UInt8] { bytes.map { self.lowercase($0) } }

    static func lowercase(_ text: some StringProtocol) -> String {
        String(decoding: self.lowercase(text.utf8), as: UTF8.self)
    }

    /// True for NUL to unit separator, and delete.
    static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
}
