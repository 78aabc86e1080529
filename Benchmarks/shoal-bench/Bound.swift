import ArgumentParser

/// What an option takes.
struct Bound {
    /// Of a measurement that repeats itself.
    static let rounds = Bound("--rounds", 1...100)

    private let option: String
    private let range: ClosedRange<Int>

    init(_ option: String, _ range: ClosedRange<Int>) {
        self.option = option
        self.range = range
    }

    func check(_ value: Int) throws {
        guard self.range.contains(value) else {
            throw ValidationError("\(self.option) takes \(self.range.lowerBound) to \(self.range.upperBound)")
        }
    }
}
