/// An input taken for a script: each byte chooses what happens next, those behind it are its numbers.
struct Script {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    var isOver: Bool { self.bytes.isEmpty }

    /// The next byte as a number below `limit`, or 0 where there is nothing to choose; 0 at the end.
    mutating func number(upTo limit: Int) -> Int { limit > 0 ? Int(self.bytes.popFirst() ?? 0) % limit : 0 }

    /// True in one case of `cases`.
    mutating func isRare(in cases: Int) -> Bool { self.number(upTo: cases) == cases - 1 }

    /// A number of any size, small ones by one byte.
    mutating func anyNumber() -> UInt64 {
        let first = self.number(upTo: 256)
        guard first >= 240 else { return UInt64(first) }
        return self.take(first - 239).reduce(0) { $0 << 8 | UInt64($1) } &* (first == 255 ? .max : 1)
    }

    /// The next `count` bytes, or what is left.
    mutating func take(_ count: Int) -> [UInt8] {
        defer { self.bytes = self.bytes.dropFirst(count) }
        return Array(self.bytes.prefix(count))
    }

    /// One of `values`, which are not none.
    mutating func pick<Value>(_ values: [Value]) -> Value { values[self.number(upTo: values.count)] }
}
