/// Prints canonical JSON as ``CanonicalJSONReader`` accepts it.
///
/// The caller gives members in canonical order; a wrong order is a mistake of ours and stops the program.
package struct CanonicalJSONWriter: Sendable {
    /// An object or array that is being written.
    private struct Frame: Sendable {
        let isObject: Bool
        var isFirst = true
        var previousKey: String?
    }

    /// What was written so far.
    package private(set) var bytes: [UInt8] = []
    private var frames: [Frame] = []

    package init() {}

    package mutating func beginObject() { self.begin(UInt8(ascii: "{"), isObject: true) }

    package mutating func beginArray() { self.begin(UInt8(ascii: "["), isObject: false) }

    /// Ends the object or array that was begun last.
    package mutating func end() {
        let frame = self.frames.removeLast()
        self.bytes.append(frame.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
    }

    /// The key of the next member; keys ascend by UTF-16 code units.
    package mutating func key(_ key: String) {
        let top = self.frames.count - 1
        if let previous = self.frames[top].previousKey {
            precondition(previous.utf16.lexicographicallyPrecedes(key.utf16), "\(key) does not follow \(previous)")
        }
        self.frames[top].previousKey = key
        self.separate()
        self.quote(key)
        self.bytes.append(UInt8(ascii: ":"))
    }

    package mutating func value(_ text: String) {
        self.separateElement()
        self.quote(text)
    }

    package mutating func value(_ integer: Int) {
        let limit = CanonicalJSONReader.maximumInteger
        precondition((-limit...limit).contains(integer), "\(integer) is not exact in a double")
        self.separateElement()
        self.bytes.append(contentsOf: String(integer).utf8)
    }

    /// How `byte`, which is `"`, `\` or a control character, is spelled in a string (RFC 8785 section 3.2.2.2).
    static func escape(of byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return [UInt8(ascii: "\\"), byte]
        case 0x08: return Array(#"\b"#.utf8)
        case 0x09: return Array(#"\t"#.utf8)
        case 0x0A: return Array(#"\n"#.utf8)
        case 0x0C: return Array(#"\f"#.utf8)
        case 0x0D: return Array(#"\r"#.utf8)
        default:
            let hex = String(byte, radix: 16)
            return Array((byte < 0x10 ? #"\u000"# : #"\u00"#).utf8) + Array(hex.utf8)
        }
    }

    private mutating func begin(_ byte: UInt8, isObject: Bool) {
        self.separateElement()
        self.bytes.append(byte)
        self.frames.append(Frame(isObject: isObject))
    }

    /// Members are separated before their key, elements before their value.
    private mutating func separateElement() {
        if let frame = self.frames.last, !frame.isObject { self.separate() }
    }

    private mutating func separate() {
        let top = self.frames.count - 1
        if !self.frames[top].isFirst { self.bytes.append(UInt8(ascii: ",")) }
        self.frames[top].isFirst = false
    }

    private mutating func quote(_ text: String) {
        self.bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                self.bytes.append(contentsOf: Self.escape(of: byte))
            } else {
                self.bytes.append(byte)
            }
        }
        self.bytes.append(UInt8(ascii: "\""))
    }
}
