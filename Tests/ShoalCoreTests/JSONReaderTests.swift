import ShoalCore
import Testing

/// What the pull parser does that its other tests, through the values that trackers send, do not show.
@Suite struct JSONReaderTests {
    private func reader(_ text: String, _ dialect: JSONReader.Dialect = .standard) -> JSONReader {
        JSONReader(Array(text.utf8), dialect: dialect)
    }

    @Test func `names come in the order of the text and as often as they occur`() throws {
        var reader = self.reader(#" { "b" : 1 , "a" : [ ] , "b" : { } } "#)
        var names: [String] = []
        try reader.enterObject()
        while let name = try reader.nextName() {
            names.append(name)
            try reader.skipValue()
        }
        try reader.finish()
        #expect(names == ["b", "a", "b"])
    }

    @Test(arguments: [
        "1", "-1.5e3", "true", "false", "null", #""\u00e9\n""#, "[]", "[1,[2],{}]", #"{"a":{"b":[null]}}"#,
    ])
    func `a value that is skipped is behind the reader`(text: String) throws {
        var reader = self.reader("[\(text),7]")
        try reader.enterArray()
        let hasValue = try reader.nextElement()
        try reader.skipValue()
        let hasMore = try reader.nextElement()
        let last = try reader.readNumber()
        let hasEvenMore = try reader.nextElement()
        #expect(hasValue && hasMore && !hasEvenMore)
        #expect(last == .integer(7))
        try reader.finish()
    }

    @Test(arguments: ["nul", "[1,]", #"{"a"}"#, #""\ud800""#, "01x", "[[]"])
    func `what is skipped is checked all the same`(text: String) {
        var reader = self.reader(text)
        #expect(throws: JSONError.self) {
            try reader.skipValue()
            try reader.finish()
        }
    }

    @Test func `another kind of value than the expected one is refused where it stands`() {
        var reader = self.reader(" [1]")
        let error = #expect(throws: JSONError.self) { try reader.readString() }
        #expect(error == JSONError(offset: 1, problem: "an array instead of a string"))
        #expect(throws: JSONError.self) { try reader.enterObject() }
        #expect(throws: JSONError.self) { try reader.readNumber() }
        #expect(throws: JSONError.self) { try reader.readBool() }
        #expect(throws: JSONError.self) { try reader.readNull() }
    }

    @Test(arguments: [("NaN", Double.nan), ("Infinity", .infinity), ("-Infinity", -.infinity)])
    func `Python's words for numbers are numbers in its dialect alone`(word: String, expected: Double) throws {
        var python = self.reader(word, .python)
        guard case .fraction(let number) = try python.readNumber() else {
            Issue.record("\(word) is no whole number")
            return
        }
        #expect(number == expected || number.isNaN && expected.isNaN)
        try python.finish()
        var standard = self.reader(word)
        #expect(throws: JSONError.self) { try standard.skipValue() }
    }

    @Test(arguments: ["N", "Nan", "Infinit", "-Inf", "-"])
    func `half of Python's words are none`(word: String) {
        var reader = self.reader(word, .python)
        #expect(throws: JSONError.self) { try reader.skipValue() }
    }
}
