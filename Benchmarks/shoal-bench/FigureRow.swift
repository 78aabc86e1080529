import Foundation

/// A line of a table: the median of some rounds, and their range.
struct FigureRow {
    let label: String
    let unit: String

    init(_ label: String, _ unit: String) {
        self.label = label
        self.unit = unit
    }

    /// Prints nothing when there is nothing.
    func print(_ values: [Double]) {
        guard let text = self.text(values) else { return }
        Swift.print(text)
    }

    func text(_ values: [Double]) -> String? {
        let sorted = values.sorted()
        guard let least = sorted.first, let most = sorted.last else { return nil }
        let figures = String(format: "%8.2f %@", sorted[sorted.count / 2], self.unit)
        let range = String(format: "(%.2f to %.2f)", least, most)
        return [self.label.padding(toLength: 40, withPad: " ", startingAt: 0), figures, range].joined(separator: " ")
    }
}

extension [Double] {
    /// Bytes as megabytes, as the rows have them.
    var inMegabytes: [Double] { self.map { $0 / 1_000_000 } }
}
