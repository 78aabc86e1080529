import Synchronization

/// Bytes of one source file that a worker reads at once: whole pieces of chunks.
struct SourceBlock: Hashable, Sendable {
    /// 1 MiB: eight chunks, where chunks follow each other. A worker has one in memory, at most 32 MiB for all
    /// (``AllCores/maximumWorkers``).
    static let limit = 1 << 20

    /// Position in the plan.
    let file: Int
    /// Position among the file's blocks.
    let turn: Int
    let offset: Int
    let length: Int
    /// Where its first piece begins: the number of a run of the file, and bytes of it (``SourceRuns``).
    let run: Int
    let runOffset: Int
}

/// Hands out blocks so that all cores have work although a file's own hash is computed in order.
///
/// Two workers on a file keep its hash busy: while one feeds it, the other hashes chunks. So a third worker opens the next
/// file, and only when there is none does it join a file that has two.
final class BlockDispenser<Blocks: IteratorProtocol<SourceBlock> & Sendable>: Sendable {
    private struct Cursor {
        var blocks: Blocks
        var next: SourceBlock?
        var workers = 0
    }

    private struct State {
        var nextFile = 0
        /// Files with blocks that are not handed out yet or not given back.
        var cursors: [Int: Cursor] = [:]
    }

    private let fileCount: Int
    private let blocks: @Sendable (Int) -> Blocks
    private let state = Mutex(State())

    /// `blocks` tells those of a file, in order; it is asked once for each.
    init(fileCount: Int, blocks: @escaping @Sendable (Int) -> Blocks) {
        self.fileCount = fileCount
        self.blocks = blocks
    }

    /// A block that nobody has yet; nil when there is none left.
    func take() -> SourceBlock? {
        self.state.withLock { state in
            if let file = Self.leastBusy(state), state.cursors[file]?.workers ?? 0 < 2 {
                return Self.take(file, &state)
            }
            while state.nextFile < self.fileCount {
                let file = state.nextFile
                state.nextFile += 1
                var blocks = self.blocks(file)
                guard let next = blocks.next() else { continue }
                state.cursors[file] = Cursor(blocks: blocks, next: next)
                return Self.take(file, &state)
            }
            return Self.leastBusy(state).flatMap { Self.take($0, &state) }
        }
    }

    /// The worker is done with the block.
    func giveBack(_ block: SourceBlock) {
        self.state.withLock { state in
            state.cursors[block.file]?.workers -= 1
            if let cursor = state.cursors[block.file], cursor.workers == 0, cursor.next == nil {
                state.cursors[block.file] = nil
            }
        }
    }

    /// Hands out no more blocks.
    func close() {
        self.state.withLock { state in
            state.nextFile = self.fileCount
            state.cursors = [:]
        }
    }

    /// There are never more cursors than workers.
    private static func leastBusy(_ state: State) -> Int? {
        state.cursors
            .filter { $0.value.next != nil }
            .min { ($0.value.workers, $0.key) < ($1.value.workers, $1.key) }?.key
    }

    private static func take(_ file: Int, _ state: inout State) -> SourceBlock? {
        guard var cursor = state.cursors[file], let block = cursor.next else { return nil }
        cursor.next = cursor.blocks.next()
        cursor.workers += 1
        state.cursors[file] = cursor
        return block
    }
}
