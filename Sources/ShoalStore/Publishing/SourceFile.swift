import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// One of the user's files while it is hashed: read by several workers at once, hashed in order.
final class SourceFile: Sendable {
    let hash = OrderedHash()
    private let source: SourceTree.File
    /// One for all workers, so that the system sees them read in order and reads ahead.
    private let descriptor = Mutex<Descriptor?>(nil)

    init(_ source: SourceTree.File) { self.source = source }

    /// Fills `room` from `offset` on, from a file that is the same before and after.
    func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) throws(StoreError) {
        let file = try self.open()
        guard try file.status().identity == self.source.identity,
            try file.read(into: room, at: offset) == room.count,
            try file.status().identity == self.source.identity
        else {
            throw self.source.changed
        }
    }

    /// Nobody reads on: closes the file once the reads that are under way have ended.
    func close() { self.descriptor.withLock { $0 = nil } }

    private func open() throws(StoreError) -> Descriptor {
        if let descriptor = self.descriptor.withLock({ $0 }) { return descriptor }
        let new = try Descriptor.open(self.source.location, O_RDONLY)
        return self.descriptor.withLock { descriptor in
            let winner = descriptor ?? new
            descriptor = winner
            return winner
        }
    }
}

extension SourceTree.File {
    /// That the file is not what it was when the tree was walked.
    var changed: StoreError {
        StoreError(.changed, "\(self.location) changed while it was read: publish it when it is complete")
    }
}
