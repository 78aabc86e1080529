/// Something that the user of a tracker can put right: an address, a certificate, a port.
package struct SignalingError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// A tracker's URL or a listen address is not one.
        case invalidAddress
        /// A certificate or key cannot be read, or they do not fit.
        case invalidCertificate
        /// The port cannot be had.
        case cannotListen
    }

    package let code: Code
    /// What happened and what to do about it.
    package let message: String

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}
