/// Why a connection could not be made or kept; the message is for people.
package struct RTCError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { self.message }
}
