import ShoalWire

/// How urgently something is wanted. What is more urgent overtakes what is less, chunk by chunk; what was begun as less
/// urgent and becomes more so is not fetched again.
public enum LoadPriority: Hashable, Sendable, CaseIterable {
    /// A computation waits for it.
    case critical
    /// It is expected to be needed for the token that is being computed.
    case next
    /// It may be needed soon.
    case prefetch
    /// It is needed some day.
    case background

    var wire: Priority {
        switch self {
        case .critical: .critical
        case .next: .next
        case .prefetch: .prefetch
        case .background: .background
        }
    }
}
