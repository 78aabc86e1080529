import Foundation
import NIOCore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// What the system calls of a socket in the file system need, beyond what NIO does.
enum UnixSocket {
    /// 107 bytes on Linux, 103 on macOS.
    static let pathLimit = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// The node's socket.
    static func path(home: String) throws(NodeFailure) -> String {
        let path = "\(home)/node.sock"
        guard path.utf8.count <= self.pathLimit else {
            throw NodeFailure(
                .failed,
                "\(path) has \(path.utf8.count) bytes, and the system allows \(self.pathLimit) for the name of a "
                    + "socket: choose a shorter --home"
            )
        }
        return path
    }

    /// A socket at `path` that only this user may connect to, and on which nobody listens yet. A socket that is there
    /// already is replaced: the caller holds the home's lock, so that nobody can be behind it.
    static func bind(_ path: String) throws(NodeFailure) -> CInt {
        try self.removeStale(path)
        let descriptor = socket(AF_UNIX, self.stream, 0)
        guard descriptor >= 0 else { throw self.failure(path) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                self.bind(descriptor, address, size) == 0
            }
        }
        // Until somebody listens every connection is refused, so that the mode is in place in time.
        guard isBound, chmod(path, 0o600) == 0 else {
            defer { close(descriptor) }
            throw self.failure(path)
        }
        return descriptor
    }

    static func remove(_ path: String) { unlink(path) }

    private static func removeStale(_ path: String) throws(NodeFailure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw NodeFailure(.failed, "\(path) is in the way of the node's socket: move it elsewhere")
        }
        guard unlink(path) == 0 else { throw self.failure(path) }
    }

    private static func failure(_ path: String) -> NodeFailure {
        NodeFailure(.failed, "cannot make the socket \(path): \(String(cString: strerror(errno)))")
    }

    #if canImport(Darwin)
    private static let stream = SOCK_STREAM
    private static func bind(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
        Darwin.bind(descriptor, address, size)
    }
    #else
    private static let stream = CInt(SOCK_STREAM.rawValue)
    private static func bind(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
        Glibc.bind(descriptor, address, size)
    }
    #endif

    // MARK: Who is at the other end

    /// Throws unless the process at the other end belongs to this process's user, or to root, who may read everything
    /// anyway. The mode of the socket and of the home say the same; this holds even where they were changed.
    static func checkUser(of channel: any Channel) async throws {
        guard let channel = channel as? any SocketOptionProvider else { return }
        let user = try await self.user(of: channel)
        guard user == geteuid() || user == 0 else {
            throw NodeFailure(.denied, "the process at the other end of the node's socket belongs to another user")
        }
    }

    #if canImport(Darwin)
    private static func user(of channel: any SocketOptionProvider) async throws -> uid_t {
        // `getpeereid` does the same (xnu `unp_ctloutput`); this way the descriptor stays with NIO.
        let level = NIOBSDSocket.OptionLevel(rawValue: 0)
        let name = NIOBSDSocket.Option(rawValue: LOCAL_PEERCRED)
        let credentials: xucred = try await channel.unsafeGetSocketOption(level: level, name: name).get()
        return credentials.cr_uid
    }
    #else
    /// `struct ucred` of `unix(7)`, which the system's headers hide from Swift.
    private struct Credentials: Sendable {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
    }

    private static func user(of channel: any SocketOptionProvider) async throws -> uid_t {
        let level = NIOBSDSocket.OptionLevel.socket
        let name = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        let credentials: Credentials = try await channel.unsafeGetSocketOption(level: level, name: name).get()
        return credentials.user
    }
    #endif
}
