import Foundation
import Logging
import ShoalNode
import TestSupport

@testable import ShoalNode

#if canImport(Glibc)
import Glibc
#endif

/// A home with a node's socket, and clients that say what no client of ours would.
final class SocketStage: Sendable {
    let folder: TemporaryFolder
    let socket: NodeSocket
    /// Blocking calls have threads of their own.
    let threads = DiskPool(threads: 64)

    private init(limits: NodeSocket.Limits) async throws {
        self.folder = try TemporaryFolder()
        self.socket = try await NodeSocket(
            home: self.folder.url.path,
            limits: limits,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Runs a test while the socket answers with `handler`.
    static func play(
        requestLimit: Duration = .seconds(30),
        _ handler: @escaping NodeSocket.Handler = { _, _ in },
        _ test: @escaping @Sendable (SocketStage) async throws -> Void
    ) async throws {
        var limits = NodeSocket.Limits()
        limits.request = requestLimit
        let stage = try await SocketStage(limits: limits)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await stage.socket.run(handler) }
            group.addTask { try await test(stage) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    var client: NodeClient { NodeClient(home: self.folder.url.path) }

    /// Sends these bytes on a connection of their own; returns all that comes back until its end.
    func exchange(_ bytes: [UInt8]) async throws -> [NodeAnswer] {
        let connection = try RawConnection(self.socket.path)
        return try await self.threads.run {
            try connection.write(bytes)
            return try connection.answers()
        }
    }

    /// All that comes back on the connection that is the first to hear something, be it the end; nil when none does.
    func firstAnswers(of connections: [RawConnection]) async throws -> [NodeAnswer]? {
        try await self.threads.run { try RawConnection.firstToHear(connections)?.answers() }
    }
}

/// A client's end of a socket, used by one thread at a time.
final class RawConnection: Sendable {
    struct Failure: Error {
        let code = errno
    }

    private let descriptor: CInt

    init(_ path: String) throws {
        #if canImport(Glibc)
        let stream = CInt(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        self.descriptor = socket(AF_UNIX, stream, 0)
        // A socket that fails to answer ends the test, not the day.
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                connect(self.descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw Failure() }
    }

    deinit { self.close() }

    func close() { shutdown(self.descriptor, CInt(SHUT_RDWR)) }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            #if canImport(Glibc)
            let count = rest.withUnsafeBytes {
                send(self.descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            #else
            let count = rest.withUnsafeBytes { send(self.descriptor, $0.baseAddress, $0.count, 0) }
            #endif
            guard count > 0 else { throw Failure() }
            rest = rest.dropFirst(count)
        }
    }

    /// Which of them is the first to hear something, be it the end; nil when none does within 30 s.
    static func firstToHear(_ connections: [RawConnection]) -> RawConnection? {
        var events = connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&events, nfds_t(events.count), 30_000) > 0 else { return nil }
        return zip(connections, events).first { $0.1.revents != 0 }?.0
    }

    /// Everything until the end of the connection.
    func answers() throws -> [NodeAnswer] {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(self.descriptor, &block, block.count, 0)
            // Our bytes that nobody read are the reason for a reset.
            if count == 0 || (count < 0 && errno == ECONNRESET) { break }
            guard count > 0 else { throw Failure() }
            bytes += block[..<count]
        }
        var answers: [NodeAnswer] = []
        while bytes.count >= 4 {
            let length = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
            answers.append(try NodeCodec.answer(Data(bytes.dropFirst(4).prefix(length))))
            bytes.removeFirst(4 + length)
        }
        return answers
    }
}

/// A request that takes as long as its client stays.
func untilCancelled() async {
    let (never, _) = AsyncStream.makeStream(of: Never.self)
    for await _ in never {}
}

/// A message as it travels.
func frame(_ text: String) -> [UInt8] {
    let length = UInt32(text.utf8.count)
    return (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + Array(text.utf8)
}

extension [NodeAnswer] {
    /// Why the last answer is an error.
    var failure: NodeFailure.Code? {
        if case .error(let failure) = self.last { failure.code } else { nil }
    }
}
