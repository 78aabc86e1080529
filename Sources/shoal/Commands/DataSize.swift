import ArgumentParser

/// An amount of bytes as people write it: `20GB`, `512 MiB`.
struct DataSize: Hashable, Sendable {
    /// 1 EB: above it a size is a mistake.
    static let most = 1_000_000_000_000_000_000

    let bytes: Int

    private static let units: [(suffix: String, bytes: Double)] = [
        ("kib", 1_024), ("mib", 1_048_576), ("gib", 1_073_741_824), ("tib", 1_099_511_627_776),
        ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12), ("b", 1),
    ]

    init(parsing text: String) throws {
        var rest = text.lowercased().filter { $0 != " " }
        let unit = Self.units.first { rest.hasSuffix($0.suffix) }
        if let unit { rest.removeLast(unit.suffix.count) }
        guard let number = Double(rest), number.isFinite, number > 0 else {
            throw ValidationError("a size is a number with a unit, such as 20GB or 512MiB")
        }
        let bytes = (number * (unit?.bytes ?? 1)).rounded()
        guard bytes >= 1, bytes <= Double(Self.most) else {
            throw ValidationError("a size is at least one byte and at most 1000000TB")
        }
        self.bytes = Int(bytes)
    }
}
