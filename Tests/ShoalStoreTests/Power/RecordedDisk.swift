import Foundation
import ShoalCore
import Synchronization

@testable import ShoalStore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Writes down what the store does to a disk that works, so that afterwards one can ask at any moment what would be left if the
/// power went then.
///
/// The store runs its own code on a real folder; nothing is simulated but the loss.
final class RecordedDisk: DiskObserver {
    /// A file or folder, whatever it is called.
    typealias Node = Int

    enum Event: Sendable {
        case makeFolder(Node, String, in: Node)
        case makeFile(Node, String, in: Node)
        case write(Node, [UInt8], at: Int)
        case truncate(Node, to: Int)
        case punch(Node, Range<Int>)
        case rename(String, to: String, in: Node)
        case remove(String, in: Node)
        case synchronize(Node)
        /// The files of the index, as they are on the disk after a commit.
        case commit([String: [UInt8]])
        /// The store has said that shards are durable.
        case promise(ManifestID, [ShardIndex])
        /// Shards are about to go: from here on nothing is promised of them.
        case withdrawal(ManifestID, [ShardIndex])
        /// All of a model is about to go.
        case removal(ManifestID)
    }

    private struct State {
        var events: [Event] = []
        /// Node numbers by inode: the system gives an inode's number to the next file when one is gone.
        var nodes: [UInt64: Node] = [:]
        var lastNode = 0
    }

    private let home: String
    private let state: Mutex<State>

    /// - Parameter home: a folder, which is node 0.
    init(home: String) throws {
        self.home = home
        var status = stat()
        guard lstat(home, &status) == 0 else { throw StoreError.system("lstat", home, errno) }
        self.state = Mutex(State(nodes: [UInt64(status.st_ino): 0]))
    }

    var events: [Event] { self.state.withLock { $0.events } }

    func promised(_ model: ManifestID, _ shards: [ShardIndex]) { self.add(.promise(model, shards)) }
    func withdrawn(_ model: ManifestID, _ shards: [ShardIndex]) { self.add(.withdrawal(model, shards)) }
    func removed(_ model: ManifestID) { self.add(.removal(model)) }

    func willMake(_ change: DiskChange) throws(StoreError) {}

    func made(_ change: DiskChange) {
        switch change {
        case .makeFolder(let name, let folder):
            let node = self.make(name, in: folder)
            self.add(.makeFolder(node, name, in: self.node(folder)))
        case .makeFile(let name, let folder):
            let node = self.make(name, in: folder)
            self.add(.makeFile(node, name, in: self.node(folder)))
        case .write(let bytes, let offset, let file): self.add(.write(self.node(file), Array(bytes), at: offset))
        case .truncate(let file, let size): self.add(.truncate(self.node(file), to: size))
        case .punch(let file, let range): self.add(.punch(self.node(file), range))
        case .rename(let old, let new, let folder): self.add(.rename(old, to: new, in: self.node(folder)))
        case .remove(let name, let folder): self.add(.remove(name, in: self.node(folder)))
        case .synchronize(let file): self.add(.synchronize(self.node(file)))
        case .commit: self.add(.commit(self.index))
        }
    }

    private func add(_ event: Event) { self.state.withLock { $0.events.append(event) } }

    private var index: [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in ["index.sqlite", "index.sqlite-wal"] {
            files[name] = FileManager.default.contents(atPath: "\(self.home)/\(name)").map { [UInt8]($0) }
        }
        return files
    }

    /// A new node for what has just been made.
    private func make(_ name: String, in folder: Int32) -> Node {
        var status = stat()
        precondition(fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0, "\(name) was made and is not there")
        return self.state.withLock { state in
            state.lastNode += 1
            state.nodes[UInt64(status.st_ino)] = state.lastNode
            return state.lastNode
        }
    }

    private func node(_ descriptor: Int32) -> Node {
        var status = stat()
        precondition(fstat(descriptor, &status) == 0, "a closed descriptor")
        guard let node = self.state.withLock({ $0.nodes[UInt64(status.st_ino)] }) else {
            preconditionFailure("something that was made by no recorded change is changed")
        }
        return node
    }
}
