import Foundation
import NIOCore
import NIOPosix

/// Asks the node of a home.
package struct NodeClient: Sendable {
    /// 30 s without a word: a node that works on a request says so several times a second.
    private static let silence = Duration.seconds(30)

    /// Of the home, absolute.
    package let home: String

    package init(home: String) { self.home = home }

    /// Returns when the request is carried out.
    ///
    /// - Throws: ``NodeGone`` when no node is there (any more), ``NodeFailure`` with what the node says, and whatever
    ///   `onAnswer` throws. To stop asking, cancel the task: the node hears of it.
    package func ask(
        _ request: NodeRequest,
        onAnswer: (NodeAnswer) async throws -> Void
    ) async throws {
        let bytes = try NodeCodec.bytes(of: request)
        let connection = try await self.connect()
        do {
            try await connection.wrapped.executeThenClose { messages, _ in
                try await UnixSocket.checkUser(of: connection.wrapped.channel)
                try await connection.send(bytes)
                for try await message in messages {
                    switch try NodeCodec.answer(Data(message.readableBytesView)) {
                    case .done: return
                    case .error(let failure): throw failure
                    case let answer: try await onAnswer(answer)
                    }
                }
                try Task.checkCancellation()
                try self.lost(request)
            }
        } catch let error where error is IOError || error is ChannelError {
            // A process that is killed resets what it had not read.
            try Task.checkCancellation()
            try self.lost(request)
        }
    }

    /// The node ended before it said that the request is carried out. Who is told to stop does, and need not say so first.
    private func lost(_ request: NodeRequest) throws(NodeGone) {
        if case .stop = request { return }
        throw NodeGone("the node of \(self.home) has ended")
    }

    /// What the node is doing.
    package func status() async throws -> StatusReport {
        var status: StatusReport?
        try await self.ask(.status) { answer in
            if case .status(let report) = answer { status = report }
        }
        guard let status else { throw NodeFailure(.malformed, "the node did not answer what it was asked") }
        return status
    }

    private func connect() async throws -> NodeChannel {
        let path = try UnixSocket.path(home: self.home)
        do {
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let silence = NodeSilenceHandler(
                            limit: Self.silence,
                            repeats: true,
                            failure: NodeFailure(.tooLate, "the node has not answered for \(Self.silence)")
                        )
                        return try NodeChannel.wrap(channel, limit: NodeCodec.answerLimit, silence: silence)
                    }
                }
        } catch let error as IOError where [ENOENT, ECONNREFUSED, ENOTDIR].contains(error.errnoCode) {
            throw NodeGone("no node is running for \(self.home)")
        } catch let error as IOError {
            throw NodeFailure(.failed, "cannot connect to \(path): \(String(cString: strerror(error.errnoCode)))")
        }
    }
}
