import Foundation
package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// `<home>/node.sock`: where other commands of the home reach its node.
///
/// A connection carries one request and its answers; the end of the connection is the end of the request. Whatever comes
/// in, the node goes on.
package final class NodeSocket: Sendable {
    package struct Limits: Sendable {
        /// 16 requests are carried out at once; as many more are told that they are too many, unless they are brief: who
        /// has sixteen fetches waiting can still look at the node and stop it.
        package var connections = 16
        /// 5 s for a whole request: a client has it ready when it connects.
        package var request = Duration.seconds(5)

        package init() {}
    }

    /// Carries out a request; the answers but the last go through `answer`. Cancelled when the client goes away.
    package typealias Handler =
        @Sendable (_ request: NodeRequest, _ answer: @escaping Answer) async throws -> Void
    package typealias Answer = @Sendable (NodeAnswer) async throws -> Void

    package let path: String
    private let limits: Limits
    private let logger: Logger
    private let server: NIOAsyncChannel<NodeChannel, Never>
    private let connections = Atomic<Int>(0)

    /// Opens the socket of the home at `home`, whose lock the caller holds.
    package init(home: String, limits: Limits = Limits(), logger: Logger) async throws {
        let path = try UnixSocket.path(home: home)
        let descriptor = try UnixSocket.bind(path)
        self.path = path
        self.limits = limits
        self.logger = logger
        self.server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let silence = NodeSilenceHandler(
                        limit: limits.request,
                        repeats: false,
                        failure: NodeFailure(.tooLate, "no whole request came within \(limits.request)")
                    )
                    return try NodeChannel.wrap(channel, limit: NodeCodec.requestLimit, silence: silence)
                }
            }
    }

    /// Answers requests until it is cancelled; the socket is gone when it returns.
    package func run(_ handler: @escaping Handler) async {
        defer { UnixSocket.remove(self.path) }
        do {
            try await self.server.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        let number = self.connections.add(1, ordering: .relaxed).newValue
                        group.addTask {
                            await self.serve(connection, number, handler)
                            self.connections.subtract(1, ordering: .relaxed)
                        }
                    }
                    group.cancelAll()
                }
            }
        } catch is CancellationError {
            return
        } catch {
            self.logger.error("node socket lost", metadata: ["shoal.error": "\(error)"])
        }
    }

    /// - Parameter number: how many connections there are, this one included.
    private func serve(_ connection: NodeChannel, _ number: Int, _ handler: @escaping Handler) async {
        // Who opens so many wants no answer.
        guard number <= 2 * self.limits.connections else { return connection.close() }
        do {
            try await connection.wrapped.executeThenClose { messages, _ in
                try await UnixSocket.checkUser(of: connection.wrapped.channel)
                try await self.converse(messages, connection, isTooMany: number > self.limits.connections, handler)
            }
        } catch {
            // The client has gone, in the middle of a word perhaps: there is nobody to tell.
            self.logger.debug("node socket connection lost", metadata: ["shoal.error": "\(error)"])
        }
    }

    /// One request, carried out while the client stays.
    private func converse(
        _ messages: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ connection: NodeChannel,
        isTooMany: Bool,
        _ handler: @escaping Handler
    ) async throws {
        await withTaskGroup { group in
            var isFirst = true
            do {
                for try await message in messages {
                    guard isFirst else { throw NodeFailure(.malformed, "a connection carries one request") }
                    isFirst = false
                    let request = try NodeCodec.request(Data(message.readableBytesView))
                    guard !isTooMany || request.isBrief else {
                        throw NodeFailure(.busy, "\(self.limits.connections) commands use the node now: try again")
                    }
                    group.addTask { await self.carryOut(request, connection, handler) }
                }
            } catch {
                await self.finish(connection, with: error)
            }
            group.cancelAll()
        }
    }

    private func carryOut(_ request: NodeRequest, _ connection: NodeChannel, _ handler: Handler) async {
        do {
            try await handler(request) { try await connection.send(NodeCodec.bytes(of: $0)) }
            // What returned because the node ends, or the client went, is not done.
            try Task.checkCancellation()
            try await connection.send(NodeCodec.bytes(of: NodeAnswer.done))
            connection.close()
        } catch {
            await self.finish(connection, with: error)
        }
    }

    /// Tells why the request ends, if anybody still listens.
    private func finish(_ connection: NodeChannel, with error: any Error) async {
        if !(error is CancellationError) {
            let failure = error as? NodeFailure ?? NodeFailure(.failed, "\(error)")
            do {
                try await connection.send(NodeCodec.bytes(of: NodeAnswer.error(failure)))
            } catch {
                self.logger.debug("node socket answer lost", metadata: ["shoal.error": "\(error)"])
            }
        }
        connection.close()
    }
}
