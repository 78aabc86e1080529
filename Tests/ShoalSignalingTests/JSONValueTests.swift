import ShoalCore
import Testing

@testable import ShoalSignaling

struct JSONValueTests {
    /// What is read, written again.
    private func rewritten(_ text: String) throws -> String {
        String(decoding: try JSONValue(reading: Array(text.utf8)).encoded, as: UTF8.self)
    }

    @Test(arguments: [
        ("null", "null"), (" true\n", "true"), ("[ ]", "[]"), ("{\t}", "{}"),
        ("[1 , [2],{\"a\" : false}]", "[1,[2],{\"a\":false}]"),
        ("-0", "0"), ("-12", "-12"), ("9223372036854775807", "9223372036854775807"), ("1e2", "100.0"),
        ("0.5E-1", "0.05"),
        ("1e999", "null"), (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\b\f\n\r\t""#),
        (#""\u0000\u001F\u007f\u00e9""#, "\"\\u0000\\u001f\u{7F}é\""),
        (#""\ud83d\uDC1f""#, "\"🐟\""), ("\"é\u{301}\"", "\"é\u{301}\""),
    ])
    func `a sound text is read`(text: String, expected: String) throws {
        #expect(try self.rewritten(text).unicodeScalars.elementsEqual(expected.unicodeScalars))
    }

    @Test(arguments: [
        "", " ", "nul", "truE", "[1,]", "[,1]", "[1 2]", "[1", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{\"a\":}",
        "{\"a\":1", "1 1", "01", "-", "1.",
        ".5", "1e", "+1", "NaN", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"", "\"\\udc00\"", "'a'", "\u{FEFF}1",
    ])
    func `a broken text is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(reading: Array(text.utf8)) }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
        ] as [[UInt8]]
    )
    func `a string that is no UTF-8 is refused`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(reading: bytes) }
    }

    @Test(arguments: [15, 16, 17])
    func `nesting has a bound`(depth: Int) throws {
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        if depth > JSONReader.maximumDepth {
            let error = #expect(throws: JSONError.self) { try self.rewritten(text) }
            #expect(error?.description == "nested more than 16 deep at byte 16")
        } else {
            #expect(try self.rewritten(text) == text)
        }
    }

    @Test
    func `a deep text does not use up the stack`() {
        let text = [UInt8](repeating: 0x5B, count: TrackerCodec.maximumMessageSize)
        #expect(throws: JSONError.self) { try JSONValue(reading: text) }
    }

    @Test(arguments: 0..<64 as Range<UInt64>)
    func `any prefix and any changed byte of a message is read or refused`(seed: UInt64) {
        var generator = SeededBytes(seed: seed)
        let text = Array(
            #"{"action":"announce","offers":[{"offer":{"sdp":"v=0\r\n\u00e9"}},null,-1.5e3,true],"x":""}"#.utf8
        )
        for end in text.indices {
            #expect(throws: JSONError.self) { try JSONValue(reading: Array(text[..<end])) }
        }
        for index in text.indices {
            var changed = text
            changed[index] = generator.next()
            _ = try? JSONValue(reading: changed)  // Either is fine; it must only come back.
        }
    }
}

/// A byte after the other, decided by the seed.
private struct SeededBytes {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt8 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: self.state >> 56)
    }
}
