import Foundation
import ShoalCore

/// Numbers as people read them. Decimal units, as disks, networks and Hugging Face count.
enum Figures {
    /// `98.4 MB`.
    static func bytes(_ count: Int) -> String { ByteCount.text(count) }

    /// `30.5 B`: a number of parameters, in thousands, millions, billions (10⁹) and trillions.
    static func count(_ count: Int) -> String {
        count < 1_000 ? "\(count)" : ByteCount.scaled(count, ["", "k", "M", "B", "T"])
    }

    /// `91 %`.
    static func share(_ part: Int, of whole: Int) -> String {
        String(format: "%.0f %%", 100 * Double(part) / Double(max(1, whole)))
    }

    static func rate(_ bytesPerSecond: Double) -> String { self.bytes(Int(bytesPerSecond)) + "/s" }

    /// `4 s`, `2 min 05 s`, `1 h 02 min`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3_600: return String(format: "%d min %02d s", whole / 60, whole % 60)
        default: return String(format: "%d h %02d min", whole / 3_600, whole / 60 % 60)
        }
    }

    /// `2026-03-01 17:05`, of a Unix time in seconds.
    static func moment(_ seconds: Int) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyy-MM-dd HH:mm"
        return formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
    }

    static func peers(_ count: Int) -> String { count == 1 ? "1 peer" : "\(count) peers" }
}
