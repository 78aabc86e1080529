import ShoalCore
import ShoalSimulation

/// Numbers for people.
enum Figures {
    /// Seconds with a digit behind the point.
    static func seconds(_ duration: Duration?) -> String {
        guard let duration else { return "–" }
        let tenths = duration.wholeNanoseconds / 100_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }

    static func seconds(_ instant: Instant) -> String { self.seconds(instant - .zero) }

    static func megabytes(_ bytes: Int) -> String {
        let tenths = bytes / 100_000
        return "\(tenths / 10).\(tenths % 10) MB"
    }

    /// Parts of a million as a percentage with two digits.
    static func percent(_ parts: Int) -> String {
        let hundredths = parts / 100
        let fraction = String(100 + hundredths % 100).dropFirst()
        return "\(hundredths / 100).\(fraction) %"
    }
}
