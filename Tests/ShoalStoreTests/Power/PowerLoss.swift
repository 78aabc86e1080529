import Foundation
import ShoalCore

@testable import ShoalStore

/// What a disk holds after the power went: all that was synced, and of the rest whatever the dice leave of it.
///
/// Each write since the last sync is kept, lost, or kept in part, by blocks of 512 bytes; each change of a folder is kept or
/// lost; independently of each other, so that a later one may be there without an earlier one. A rename is there or not, as
/// journals promise. The index is as its last commit left it.
struct PowerLoss {
    private enum DataChange {
        case write([UInt8], at: Int)
        case truncate(Int)
        case punch(Range<Int>)
    }

    private enum NameChange {
        case add(RecordedDisk.Node, String)
        case rename(String, String)
        case remove(String)
    }

    private enum Content {
        case file([UInt8], pending: [DataChange])
        case folder([String: RecordedDisk.Node], pending: [NameChange])
    }

    private static let sector = 512
    private static let zeros = [UInt8](repeating: 0, count: 4_096)

    private var nodes: [RecordedDisk.Node: Content] = [0: .folder([:], pending: [])]
    private var index: [String: [UInt8]] = [:]
    /// What the store has promised by then.
    private(set) var promises: [ManifestID: Set<ShardIndex>] = [:]

    /// - Parameter events: everything that happened before the power went.
    init(_ events: some Sequence<RecordedDisk.Event>, seed: UInt64) {
        for event in events { self.take(event) }
        var generator = SeededGenerator(seed: seed)
        for node in self.nodes.keys.sorted() { self.settle(node, using: &generator) }
    }

    private mutating func take(_ event: RecordedDisk.Event) {
        switch event {
        case .makeFolder(let node, let name, let folder):
            self.nodes[node] = .folder([:], pending: [])
            self.change(folder, .add(node, name))
        case .makeFile(let node, let name, let folder):
            self.nodes[node] = .file([], pending: [])
            self.change(folder, .add(node, name))
        case .write(let node, let bytes, let offset): self.change(node, .write(bytes, at: offset))
        case .truncate(let node, let size): self.change(node, .truncate(size))
        case .punch(let node, let range): self.change(node, .punch(range))
        case .rename(let old, let new, let folder): self.change(folder, .rename(old, new))
        case .remove(let name, let folder): self.change(folder, .remove(name))
        case .synchronize(let node): self.synchronize(node)
        case .commit(let files): self.index = files
        case .promise(let model, let shards): self.promises[model, default: []].formUnion(shards)
        case .withdrawal(let model, let shards): self.promises[model]?.subtract(shards)
        case .removal(let model): self.promises[model] = nil
        }
    }

    private mutating func change(_ node: RecordedDisk.Node, _ change: DataChange) {
        guard case .file(let bytes, var pending)? = self.nodes[node] else { return }
        self.nodes[node] = nil
        pending.append(change)
        self.nodes[node] = .file(bytes, pending: pending)
    }

    private mutating func change(_ node: RecordedDisk.Node, _ change: NameChange) {
        guard case .folder(let names, var pending)? = self.nodes[node] else { return }
        pending.append(change)
        self.nodes[node] = .folder(names, pending: pending)
    }

    private mutating func synchronize(_ node: RecordedDisk.Node) {
        switch self.nodes[node] {
        case .file(var bytes, let pending)?:
            self.nodes[node] = nil
            for change in pending { Self.apply(change, to: &bytes) }
            self.nodes[node] = .file(bytes, pending: [])
        case .folder(var names, let pending)?:
            for change in pending { Self.apply(change, to: &names) }
            self.nodes[node] = .folder(names, pending: [])
        case nil: break
        }
    }

    /// The dice decide about what was not synced.
    private mutating func settle(_ node: RecordedDisk.Node, using generator: inout SeededGenerator) {
        switch self.nodes[node] {
        case .file(var bytes, let pending)?:
            self.nodes[node] = nil
            for change in pending {
                switch generator.next() % 3 {
                case 0: continue
                case 1: Self.apply(change, to: &bytes)
                default: for part in Self.parts(of: change, using: &generator) { Self.apply(part, to: &bytes) }
                }
            }
            self.nodes[node] = .file(bytes, pending: [])
        case .folder(var names, let pending)?:
            for change in pending where generator.next() % 2 == 0 { Self.apply(change, to: &names) }
            self.nodes[node] = .folder(names, pending: [])
        case nil: break
        }
    }

    /// Some sectors of a change; a truncation has no parts.
    private static func parts(of change: DataChange, using generator: inout SeededGenerator) -> [DataChange] {
        let range: Range<Int>
        switch change {
        case .write(let bytes, let offset): range = offset..<offset + bytes.count
        case .punch(let punched): range = punched
        case .truncate: return []
        }
        var parts: [DataChange] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (start / self.sector + 1) * self.sector)
            if generator.next() % 2 == 0 {
                switch change {
                case .write(let bytes, let offset):
                    parts.append(.write(Array(bytes[start - offset..<end - offset]), at: start))
                case .punch, .truncate: parts.append(.punch(start..<end))
                }
            }
            start = end
        }
        return parts
    }

    private static func apply(_ change: DataChange, to bytes: inout [UInt8]) {
        switch change {
        case .write(let written, let offset):
            if bytes.count < offset + written.count {
                bytes += [UInt8](repeating: 0, count: offset + written.count - bytes.count)
            }
            bytes.replaceSubrange(offset..<offset + written.count, with: written)
        case .truncate(let size):
            if size < bytes.count {
                bytes.removeLast(bytes.count - size)
            } else {
                bytes += [UInt8](repeating: 0, count: size - bytes.count)
            }
        case .punch(let range):
            let range = range.clamped(to: 0..<bytes.count)
            bytes.replaceSubrange(range, with: repeatElement(0, count: range.count))
        }
    }

    private static func apply(_ change: NameChange, to names: inout [String: RecordedDisk.Node]) {
        switch change {
        case .add(let node, let name): names[name] = node
        case .remove(let name): names[name] = nil
        case .rename(let old, let new):
            // Its source may have been lost with a change that came before.
            guard let node = names.removeValue(forKey: old) else { return }
            names[new] = node
        }
    }

    // MARK: What is left

    /// Makes a folder that holds what is left. Blocks of zeros become holes.
    func write(to path: String) throws {
        try self.write(0, to: path)
        for (name, bytes) in self.index { try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)")) }
    }

    private func write(_ node: RecordedDisk.Node, to path: String) throws {
        switch self.nodes[node] {
        case .folder(let names, _)?:
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for (name, node) in names { try self.write(node, to: "\(path)/\(name)") }
        case .file(let bytes, _)?:
            let file = try Descriptor.open(path, O_RDWR | O_CREAT, mode: 0o600)
            try file.truncate(to: bytes.count)
            for start in stride(from: 0, to: bytes.count, by: 4_096) {
                let block = Array(bytes[start..<min(start + 4_096, bytes.count)])
                if memcmp(block, Self.zeros, block.count) != 0 { try file.write(block, at: start) }
            }
        case nil: break
        }
    }
}
