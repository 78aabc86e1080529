import Foundation
import NIOCore

/// Why a server cannot listen, in words.
package enum ListeningProblem {
    package static func explanation(of error: any Error) -> String {
        guard let error = error as? IOError else { return "there is no such host" }
        return switch error.errnoCode {
        case EADDRINUSE: "another program is using the port"
        case EADDRNOTAVAIL: "this machine does not have that address"
        case EACCES: "ports below 1024 need more rights"
        default: String(cString: strerror(error.errnoCode))
        }
    }
}
