import Foundation

/// Nearest-rank quantiles of some values.
struct Quantiles {
    private let sorted: [Double]

    init(_ values: [Double]) { self.sorted = values.sorted() }

    var count: Int { self.sorted.count }
    var p50: Double { self.quantile(0.5) }
    var p95: Double { self.quantile(0.95) }
    var most: Double { self.sorted.last ?? 0 }

    func text(_ format: String) -> String {
        guard !self.sorted.isEmpty else { return "–" }
        return [self.p50, self.p95, self.most].map { String(format: format, $0) }.joined(separator: " / ")
    }

    private func quantile(_ share: Double) -> Double {
        guard !self.sorted.isEmpty else { return 0 }
        return self.sorted[max(0, Int((share * Double(self.sorted.count)).rounded(.up)) - 1)]
    }
}
