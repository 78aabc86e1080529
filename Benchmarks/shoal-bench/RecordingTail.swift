import Foundation
import ShoalCore
import ShoalSwarm

/// Looks into the recording of a node while it runs: how far it is, and how much it serves.
struct RecordingTail {
    private let file: FileHandle
    private var pending: [UInt8] = []
    private var isAtMagic = true
    private var places: Set<ReplayFigures.Place> = []
    private var served: [Instant] = []

    init(path: String) throws { self.file = try FileHandle(forReadingFrom: URL(filePath: path)) }

    /// Chunks that are verified.
    var verified: Int { self.places.count }

    /// Chunks that were served since `instant`.
    func served(since instant: Instant) -> Int { self.served.count { $0 >= instant } }

    /// Reads what was written since the last time.
    mutating func look() throws {
        self.pending += [UInt8](try self.file.readToEnd() ?? Data())
        if self.isAtMagic {
            guard self.pending.count >= RecordingFile.magic.count else { return }
            self.pending.removeFirst(RecordingFile.magic.count)
            self.isAtMagic = false
        }
        var reader = try RecordingReader(RecordingFile.magic + self.pending)
        while let entry = try reader.next() {
            guard case .batch(let batch) = entry else { continue }
            for input in batch.inputs {
                switch input {
                case .chunkVerified(let receipt): self.places.insert(ReplayFigures.Place(receipt))
                case .chunkServed: self.served.append(batch.instant)
                default: break
                }
            }
        }
        self.pending.removeFirst(reader.offset - RecordingFile.magic.count)
    }
}
