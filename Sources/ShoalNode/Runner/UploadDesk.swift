import ShoalCore
import ShoalTransport
import Synchronization

/// The buffers of chunks on their way up, and which chunk each one is for.
///
/// As many as the mesh serves at once; each comes back exactly once, by ``finish(_:)`` or ``finishAll(of:)``.
final class UploadDesk: Sendable {
    struct Upload: Sendable {
        let connection: ConnectionID
        let request: UInt32
        let chunk: ChunkIndex
        let buffer: UploadBuffer
        /// In bytes; 0 until it has been read.
        var size = 0
        /// The WebRTC thread may be reading the buffer.
        var isHandedOver = false
    }

    private struct State {
        var free: [UploadBuffer]
        var uploads: [UInt64: Upload] = [:]
        var nextToken: UInt64 = 0
    }

    private let state: Mutex<State>

    init(buffers: Int) {
        self.state = Mutex(State(free: (0..<buffers).map { _ in UploadBuffer() }))
    }

    /// Chunks that are being read, or that the transport has.
    var count: Int { self.state.withLock { $0.uploads.count } }

    /// Takes a buffer for a chunk; the mesh keeps count, so that one is there.
    func begin(_ connection: ConnectionID, request: UInt32, chunk: ChunkIndex) -> (token: UInt64, buffer: UploadBuffer)
    {
        self.state.withLock { state in
            guard let buffer = state.free.popLast() else {
                preconditionFailure("no upload buffer is free: the machine lost count")
            }
            state.nextToken += 1
            state.uploads[state.nextToken] = Upload(
                connection: connection,
                request: request,
                chunk: chunk,
                buffer: buffer
            )
            return (state.nextToken, buffer)
        }
    }

    /// The buffer is filled and goes to the transport. False when the connection ended meanwhile: then the buffer is
    /// for the caller to give back with ``finish(_:)``.
    func handOver(_ token: UInt64, size: Int, isOpen: () -> Bool) -> Bool {
        self.state.withLock { state in
            guard isOpen() else { return false }
            state.uploads[token]?.size = size
            state.uploads[token]?.isHandedOver = true
            return true
        }
    }

    /// The chunk is sent or will not be: its buffer is free again.
    func finish(_ token: UInt64) -> Upload? {
        self.state.withLock { state in
            guard let upload = state.uploads.removeValue(forKey: token) else { return nil }
            state.free.append(upload.buffer)
            return upload
        }
    }

    /// The connection has closed: the transport has given back what was handed over for it.
    func finishAll(of connection: ConnectionID) -> [Upload] {
        self.state.withLock { state in
            let over = state.uploads.filter { $0.value.connection == connection && $0.value.isHandedOver }
            for (token, upload) in over {
                state.uploads.removeValue(forKey: token)
                state.free.append(upload.buffer)
            }
            return over.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
