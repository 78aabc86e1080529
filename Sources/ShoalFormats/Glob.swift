/// A pattern for the paths of a model's files: `*` stands for any number of characters, `/` among them, `?` for one,
/// `[abc]` or `[a-c]` for one of a set, `[!abc]` for one that is not in it; everything else for itself, in its own case.
/// A `/` at the end stands for all that the folder holds.
///
/// As Python's `fnmatch` has it, and with it the tools that people download models with.
package struct Glob: Hashable, Sendable {
    /// 1,024 bytes, as long as a path. Matching takes at most as many steps as pattern and path have characters, multiplied.
    package static let maximumByteCount = PublishedPath.maximumByteCount

    private enum Part: Hashable, Sendable {
        case one(Unicode.Scalar)
        case anyOne
        case any
        case set([ClosedRange<UInt32>], isInverted: Bool)

        func matches(_ scalar: Unicode.Scalar) -> Bool {
            switch self {
            case .one(let other): scalar == other
            case .anyOne: true
            case .any: false
            case .set(let ranges, let isInverted): ranges.contains { $0.contains(scalar.value) } != isInverted
            }
        }
    }

    /// As it was written.
    package let text: String
    private let parts: [Part]

    /// Nil when the text is empty or too long.
    package init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= Self.maximumByteCount else { return nil }
        self.text = text
        var parts: [Part] = []
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "*": if parts.last != .any { parts.append(.any) }
            case "?": parts.append(.anyOne)
            case "[": parts.append(Self.takeSet(from: &rest) ?? .one(scalar))
            default: parts.append(.one(scalar))
            }
        }
        if text.hasSuffix("/") { parts.append(.any) }
        self.parts = parts
    }

    /// The set whose `[` has been taken; nil, and nothing taken, when it has no end: then the bracket is only a bracket. A
    /// `]` at the start is one of the set.
    private static func takeSet(from rest: inout ArraySlice<Unicode.Scalar>) -> Part? {
        var inner = rest
        let isInverted = inner.first == "!"
        if isInverted { inner.removeFirst() }
        var ranges: [ClosedRange<UInt32>] = []
        while let scalar = inner.popFirst() {
            if scalar == "]", !ranges.isEmpty {
                rest = inner
                return .set(ranges, isInverted: isInverted)
            }
            if inner.first == "-", let last = inner.dropFirst().first, last != "]" {
                inner.removeFirst(2)
                // A range that runs backwards has nothing in it; it still counts as the set's first.
                ranges.append(scalar <= last ? scalar.value...last.value : .max ... .max)
            } else {
                ranges.append(scalar.value...scalar.value)
            }
        }
        return nil
    }

    /// Whether the whole path fits. Only the last `*` is ever tried again: what an earlier one could take, it can as well.
    package func matches(_ path: String) -> Bool {
        let scalars = Array(path.unicodeScalars)
        var (part, position) = (0, 0)
        var retry: (part: Int, position: Int)?
        while position < scalars.count {
            if part < self.parts.count, self.parts[part] == .any {
                part += 1
                retry = (part, position)
            } else if part < self.parts.count, self.parts[part].matches(scalars[position]) {
                part += 1
                position += 1
            } else if let last = retry {
                retry = (last.part, last.position + 1)
                (part, position) = (last.part, last.position + 1)
            } else {
                return false
            }
        }
        return self.parts[part...].allSatisfy { $0 == .any }
    }
}
