/// Amounts as people read them, in decimal units, as disks, networks and Hugging Face count.
package enum ByteCount {
    /// `98.4 MB`, `512 B`.
    package static func text(_ bytes: Int) -> String { self.scaled(bytes, ["B", "kB", "MB", "GB", "TB"]) }

    /// `count`, not negative, in the largest of `units`, each a thousand of the one before, of which it has at least one; with
    /// one decimal below a hundred. The first unit has none.
    package static func scaled(_ count: Int, _ units: [String]) -> String {
        var size = 1
        var unit = 0
        // 999.5 is written as a thousand, which is one of the next.
        while unit < units.count - 1, count >= size * 1_000 - size / 2 {
            size *= 1_000
            unit += 1
        }
        guard unit > 0 else { return "\(count) \(units[0])" }
        let tenths = self.rounded(count, size / 10)
        if tenths < 1_000 { return "\(tenths / 10).\(tenths % 10) \(units[unit])" }
        return "\(self.rounded(count, size)) \(units[unit])"
    }

    private static func rounded(_ count: Int, _ size: Int) -> Int { count / size + (count % size >= size / 2 ? 1 : 0) }
}
