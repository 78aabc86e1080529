/// Reads the head of one file from front to back, little endian, a window at a time: what is skipped is not read, and
/// memory does not grow with the file.
///
/// Whatever would lie behind the end of the file, or behind ``limit``, is refused before it is asked for.
struct SourceWindow<Reader: SourceReader> {
    typealias Failure = SourceError<Reader.Failure>

    /// 256 KiB: what is read at once, and the most that ``bytes(_:of:)`` hands out.
    private static var windowSize: Int { 262_144 }

    private let reader: Reader
    private let file: Int
    private let listing: SourceListing
    /// How far the head may reach, in bytes.
    private let limit: Int
    private var window: [UInt8] = []
    private var windowStart = 0
    /// Where the next byte lies in the file.
    private(set) var position = 0

    init(_ reader: Reader, file: Int, listing: SourceListing, limit: Int) {
        self.reader = reader
        self.file = file
        self.listing = listing
        self.limit = limit
    }

    /// The next integer.
    mutating func integer<Value: FixedWidthInteger>(
        _: Value.Type,
        of field: @autoclosure () -> String
    ) throws(Failure) -> Value {
        let count = Value.bitWidth / 8
        let start = try self.take(count, field())
        var value: Value = 0
        for index in 0..<count { value |= Value(truncatingIfNeeded: self.window[start + index]) << Value(index * 8) }
        return value
    }

    /// The next `count` bytes, at most 256 KiB.
    mutating func bytes(_ count: Int, of field: @autoclosure () -> String) throws(Failure) -> ArraySlice<UInt8> {
        precondition(count <= Self.windowSize, "\(count) bytes are more than a window")
        let start = try self.take(count, field())
        return self.window[start..<start + count]
    }

    /// Goes on behind the next `count` bytes.
    mutating func skip(_ count: Int, of field: @autoclosure () -> String) throws(Failure) {
        try self.requireRoom(count, field())
        self.position += count
    }

    /// That `field` of this file is wrong.
    func problem(_ field: String, _ problem: String) -> Failure {
        .wrong(SourceProblem(path: self.listing.path, field: field, problem: problem))
    }

    /// Where in the window the next `count` bytes begin, which are then behind us.
    private mutating func take(_ count: Int, _ field: @autoclosure () -> String) throws(Failure) -> Int {
        try self.requireRoom(count, field())
        if self.position < self.windowStart || self.position + count > self.windowStart + self.window.count {
            try self.fill()
            guard count <= self.window.count else {
                throw self.problem(field(), "cannot be read: the file is shorter than it was a moment ago")
            }
        }
        defer { self.position += count }
        return self.position - self.windowStart
    }

    private mutating func fill() throws(Failure) {
        do throws(Reader.Failure) {
            let count = min(Self.windowSize, self.listing.size - self.position)
            self.window = try self.reader.read(self.file, at: self.position, count: count)
        } catch {
            throw .unreadable(error)
        }
        self.windowStart = self.position
    }

    private func requireRoom(_ count: Int, _ field: @autoclosure () -> String) throws(Failure) {
        guard count <= self.listing.size - self.position else {
            throw self.problem(
                field(),
                "lies behind the end of the file: the file is incomplete, get it again or join its parts"
            )
        }
        guard count <= self.limit - self.position else {
            throw self.problem(field(), "lies behind the first \(self.limit >> 20) MiB, where a header must end")
        }
    }
}
