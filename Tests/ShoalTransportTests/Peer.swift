import ShoalCore
import ShoalTransport
import ShoalWire

/// A transport on loopback with its recorder.
struct Peer: Sendable {
    let recorder: Recorder
    let transport: RTCTransport

    init(_ change: (inout RTCConfiguration) -> Void = { _ in }) throws {
        var configuration = RTCConfiguration()
        configuration.bindAddress = "127.0.0.1"
        change(&configuration)
        self.recorder = Recorder()
        self.transport = try RTCTransport(configuration: configuration, delegate: self.recorder)
    }

    func description(of connection: ConnectionID) async throws -> String {
        try await self.recorder.wait { $0.descriptions[connection] }
    }

    func path(of connection: ConnectionID) async throws -> RTCPath {
        try await self.recorder.wait { $0.paths[connection] }
    }

    /// The reason why a connection closed.
    func end(of connection: ConnectionID) async throws -> String {
        try await self.recorder.wait { $0.closed[connection]?.first }
    }

    /// A chunk whose frames' headers and payloads consist of `number`, and the frame's index as second byte.
    static func chunk(_ number: UInt8, size: Int = Cutting.chunkSize) -> OutgoingChunk {
        let buffer = UploadBuffer()
        buffer.bytes.initializeMemory(as: UInt8.self, repeating: number)
        let frames = (size + WireLimits.framePayload - 1) / WireLimits.framePayload
        let headers = (0..<frames).flatMap { frame in
            [number, UInt8(frame)] + [UInt8](repeating: number, count: WireLimits.frameHeader - 2)
        }
        return OutgoingChunk(headers: headers, payload: buffer, size: size)
    }
}

/// Two transports of this process with one open connection, which both know by the same ID.
struct Pair: Sendable {
    let offerer: Peer
    let answerer: Peer
    let connection = ConnectionID(1)

    init(_ change: (inout RTCConfiguration) -> Void = { _ in }) async throws {
        self.offerer = try Peer(change)
        self.answerer = try Peer(change)
        try await self.connect(self.connection)
    }

    func connect(_ connection: ConnectionID) async throws {
        self.offerer.transport.offer(connection)
        self.answerer.transport.answer(connection, offer: try await self.offerer.description(of: connection))
        self.offerer.transport.accept(connection, answer: try await self.answerer.description(of: connection))
        _ = try await self.offerer.path(of: connection)
        _ = try await self.answerer.path(of: connection)
    }

    func shutdown() {
        self.offerer.transport.shutdown()
        self.answerer.transport.shutdown()
    }
}
