import Foundation

#if canImport(Glibc)
import Glibc
#endif

/// A port of 127.0.0.1 that is kept from others and refuses every connection, until it is released.
final class FreePort {
    let number: Int
    private var socket: Int32

    struct Failure: Error {
        let call: String
        let code = errno
    }

    init() throws {
        #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        let socket = Foundation.socket(AF_INET, stream, 0)
        guard socket >= 0 else { throw Failure(call: "socket") }
        self.socket = socket
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Bound and never listening: the system answers for it that nobody is there.
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, size) == 0 ? getsockname(socket, address, &size) : -1
            }
        }
        self.number = Int(UInt16(bigEndian: address.sin_port))
        guard code == 0 else { throw Failure(call: "bind") }
    }

    deinit { self.release() }

    /// As a tracker that is not there.
    var url: String { "ws://127.0.0.1:\(self.number)" }

    /// Lets somebody else have it.
    func release() {
        guard self.socket >= 0 else { return }
        close(self.socket)
        self.socket = -1
    }
}
