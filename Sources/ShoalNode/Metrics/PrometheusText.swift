/// How Prometheus writes names, labels and numbers.
enum PrometheusText {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    static func isName(_ text: String) -> Bool { self.isWord(text, or: UInt8(ascii: ":")) }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`
    static func isLabel(_ text: String) -> Bool { self.isWord(text, or: UInt8(ascii: "_")) }

    private static func isWord(_ text: String, or other: UInt8) -> Bool {
        let isStart = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte == other
        }
        guard let first = text.utf8.first, isStart(first) else { return false }
        return text.utf8.allSatisfy { isStart($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// Of a HELP line.
    static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    /// Of a label, which is in quotes. Peers and links have a say in some.
    static func quoted(_ text: String) -> String {
        "\"" + self.escaped(text).replacing("\"", with: "\\\"") + "\""
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map(String.init) ?? "\(value)"
    }
}

/// The labels of one sample, as they stand between its braces.
struct PrometheusLabels: Hashable, Comparable, Sendable {
    private let text: String

    init(_ labels: [(String, String)]) {
        for (name, _) in labels { precondition(PrometheusText.isLabel(name), "\(name) is no name of a label") }
        self.text = labels.map { "\($0)=\(PrometheusText.quoted($1))" }.joined(separator: ",")
    }

    /// In braces, with one more if there is one; nothing when there are none.
    func text(with other: String? = nil) -> String {
        let parts = [self.text, other ?? ""].filter { !$0.isEmpty }
        return parts.isEmpty ? "" : "{" + parts.joined(separator: ",") + "}"
    }

    static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
