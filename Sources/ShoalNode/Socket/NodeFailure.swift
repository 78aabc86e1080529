/// Why a node did not do what it was asked to, in words that say what to do about it.
package struct NodeFailure: Error, Hashable, Codable, Sendable, CustomStringConvertible {
    package enum Code: String, Codable, Sendable {
        /// The request is no request of this protocol.
        case malformed
        /// The client speaks another version of it.
        case version
        /// A message above its bound.
        case tooLong
        /// The request did not come in time.
        case tooLate
        /// All connections are taken.
        case busy
        /// The other end belongs to another user.
        case denied
        /// The request was understood and could not be carried out.
        case failed
    }

    package let code: Code
    /// A sentence for people, without a capital or a full stop, so that it can follow "error: ".
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}

/// No node answers for a home: none runs, or the one that did has ended.
package struct NodeGone: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
