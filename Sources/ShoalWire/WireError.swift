/// Bytes of a peer that are no message of the protocol. It costs that peer, never the loop.
package enum WireError: Error, Hashable, Codable, Sendable {
    /// The message ends before its fields do.
    case truncated(needed: Int, available: Int)
    /// Bytes follow the last field.
    case trailing(Int)
    /// The message or frame is longer than its limit.
    case tooLong(Int, limit: Int)
    /// A field holds what it may not.
    case invalid(field: String)
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let needed, let available):
            "a message ends too early: \(needed) bytes wanted, \(available) there"
        case .trailing(let count): "\(count) bytes after the end of a message"
        case .tooLong(let count, let limit): "a message of \(count) bytes, where \(limit) are the limit"
        case .invalid(let field): "an impossible value in the field \(field)"
        }
    }
}
