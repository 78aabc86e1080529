import ShoalCore

/// The words of one line: first those that stand alone, then `key=value`. Whoever reads it takes out what it knows;
/// what is left over is an error.
struct ScenarioFields {
    let line: Int
    private var words: [String]
    private var values: [(key: String, value: String)] = []

    init(_ text: some StringProtocol, line: Int) throws(ScenarioError) {
        self.line = line
        self.words = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
            guard let sign = word.firstIndex(of: "=") else {
                guard self.values.isEmpty else {
                    throw ScenarioError(line: line, message: "\"\(word)\" has no value: write \(word)=…")
                }
                self.words.append(String(word))
                continue
            }
            let key = String(word[..<sign])
            guard !self.values.contains(where: { $0.key == key }) else {
                throw ScenarioError(line: line, message: "\"\(key)\" is there twice")
            }
            self.values.append((key, String(word[word.index(after: sign)...])))
        }
    }

    func error(_ message: String) -> ScenarioError { ScenarioError(line: self.line, message: message) }

    mutating func word(_ what: String) throws(ScenarioError) -> String {
        guard !self.words.isEmpty else { throw self.error("\(what) is missing") }
        return self.words.removeFirst()
    }

    /// All words that are left.
    mutating func remainingWords() -> [String] {
        defer { self.words = [] }
        return self.words
    }

    mutating func text(_ key: String) -> String? {
        guard let position = self.values.firstIndex(where: { $0.key == key }) else { return nil }
        return self.values.remove(at: position).value
    }

    /// The value of `key`, read by `read`, which answers nil to what it does not understand.
    mutating func value<Value>(
        _ key: String,
        _ form: String,
        _ read: (String) -> Value?
    ) throws(ScenarioError) -> Value? {
        guard let text = self.text(key) else { return nil }
        guard let value = read(text) else { throw self.error("\(key)=\(text) is not \(form)") }
        return value
    }

    mutating func required<Value>(
        _ key: String,
        _ form: String,
        _ read: (String) -> Value?
    ) throws(ScenarioError) -> Value {
        guard let value = try self.value(key, form, read) else { throw self.error("\(key)= is missing") }
        return value
    }

    /// To be called when everything that is known has been taken.
    func finish() throws(ScenarioError) {
        if let word = self.words.first { throw self.error("\"\(word)\" means nothing here") }
        if let (key, _) = self.values.first { throw self.error("\"\(key)\" is no field of this line") }
    }
}

/// How values are written.
enum ScenarioValue {
    static let durationForm = "a time such as 250ms, 2s, 1.5s or 3min"
    static let rangeForm = "a time, or two as in 10ms..40ms"
    static let rateForm = "a rate such as 20Mbit/s, 500kB/s or none"
    static let sizeForm = "a size such as 300B, 20KiB or 2MiB"
    static let shareForm = "a share such as 5% or 0.1%"

    static func count(_ text: String) -> Int? {
        guard let number = Int(text), (0...1_000_000).contains(number) else { return nil }
        return number
    }

    static func duration(_ text: String) -> Duration? {
        let units = [("us", 1_000), ("ms", 1_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000)]
        return self.scaled(text, units).map { .nanoseconds(Int64($0)) }
    }

    static func range(_ text: String) -> ClosedRange<Duration>? {
        var dots = text.startIndex
        while dots < text.endIndex, !text[dots...].hasPrefix("..") { dots = text.index(after: dots) }
        guard dots < text.endIndex else { return self.duration(text).map { $0...$0 } }
        guard let low = self.duration(String(text[..<dots])),
            let high = self.duration(String(text[text.index(dots, offsetBy: 2)...])), low <= high
        else { return nil }
        return low...high
    }

    /// Bytes a second; nil inside is no limit.
    static func rate(_ text: String) -> Int?? {
        if text == "none" { return .some(nil) }
        let units = [
            ("Gbit/s", 125_000_000), ("Mbit/s", 125_000), ("kbit/s", 125), ("MB/s", 1_000_000),
            ("kB/s", 1_000), ("B/s", 1),
        ]
        guard let rate = self.scaled(text, units), rate > 0 else { return nil }
        return .some(rate)
    }

    static func size(_ text: String) -> Int? { self.scaled(text, [("MiB", 1_048_576), ("KiB", 1_024), ("B", 1)]) }

    /// Parts of a million.
    static func share(_ text: String) -> Int? {
        guard let share = self.scaled(text, [("%", 10_000)]), share <= 1_000_000 else { return nil }
        return share
    }

    static func decision(_ text: String) -> Bool? { text == "yes" ? true : text == "no" ? false : nil }

    /// A number with up to three decimals and one of `units`, in the smallest unit.
    private static func scaled(_ text: String, _ units: [(name: String, size: Int)]) -> Int? {
        guard let unit = units.first(where: { text.hasSuffix($0.name) }) else { return nil }
        let parts = text.dropLast(unit.name.count).split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = UInt32(parts[0]) else { return nil }
        var thousandths = Int(whole) * 1_000
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), let fraction = UInt32(parts[1]) else { return nil }
            thousandths += Int(fraction) * [100, 10, 1][parts[1].count - 1]
        }
        let (product, overflow) = thousandths.multipliedReportingOverflow(by: unit.size)
        return overflow ? nil : product / 1_000
    }
}
