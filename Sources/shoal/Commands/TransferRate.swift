import ArgumentParser
import Foundation
import ShoalNode

/// A rate as people write it: `2MB`, `512 KiB`, `20Mbit`, a second.
struct TransferRate: Hashable, Sendable {
    let bytesPerSecond: Int

    private static let units: [(suffix: String, bits: Double)] = [
        ("kib", 8 * 1_024), ("mib", 8 * 1_048_576), ("gib", 8 * 1_073_741_824),
        ("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9),
        ("kb", 8e3), ("mb", 8e6), ("gb", 8e9), ("b", 8),
    ]

    init(parsing text: String) throws {
        var rest = text.lowercased().filter { $0 != " " }
        if rest.hasSuffix("/s") { rest.removeLast(2) }
        let unit = Self.units.first { rest.hasSuffix($0.suffix) }
        if let unit { rest.removeLast(unit.suffix.count) }
        guard let number = Double(rest), number.isFinite, number > 0 else {
            throw ValidationError("a rate is a number with a unit, such as 2MB, 512KiB or 20Mbit (a second)")
        }
        let bytes = (number * (unit?.bits ?? 8) / 8).rounded()
        guard bytes >= Double(LimitOrder.rates.lowerBound), bytes <= Double(LimitOrder.rates.upperBound) else {
            throw ValidationError("a rate is at least 16KiB and at most 1000GB a second")
        }
        self.bytesPerSecond = Int(bytes)
    }
}
