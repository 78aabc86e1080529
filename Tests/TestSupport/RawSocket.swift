import NIOCore
import NIOPosix

/// A plain TCP connection to a server on 127.0.0.1.
package enum RawSocket {
    /// What the server says to `bytes`, and to `rest` once it has said something, until it closes.
    package static func exchange(_ bytes: [UInt8], then rest: [UInt8] = [], port: Int) async throws -> [UInt8] {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            var heard: [UInt8] = []
            var rest = rest
            do {
                try await outbound.write(ByteBuffer(bytes: bytes))
                for try await part in inbound {
                    heard += Array(part.readableBytesView)
                    if !rest.isEmpty { try await outbound.write(ByteBuffer(bytes: rest)) }
                    rest = []
                }
            } catch let error where error is IOError || error is ChannelError {
                // Whether all of it was wanted is told by the reply.
            }
            return heard
        }
    }

    package static func exchange(_ text: String, port: Int) async throws -> String {
        String(decoding: try await self.exchange(Array(text.utf8), port: port), as: UTF8.self)
    }
}
