import Foundation
import ShoalCore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// What a process has seen the store do, written down before anything else happens: it outlives the process, because the
/// kernel has it.
struct Diary {
    /// A chunk of a model, by its seed.
    struct Place: Hashable {
        let model: UInt64
        let shard: Int
        let chunk: Int
    }

    private let file: Int32
    /// What the processes before this one have seen in place, and nobody has taken away since.
    private(set) var present: Set<Place> = []

    init(path: String) throws {
        let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 4, let model = UInt64(words[1]), let shard = Int(words[2]), let chunk = Int(words[3])
            else { continue }
            switch words[0] {
            case "+": self.present.insert(Place(model: model, shard: shard, chunk: chunk))
            default:
                self.present = self.present.filter { $0.model != model || (shard >= 0 && $0.shard != shard) }
            }
        }
        self.file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard self.file >= 0 else { throw Failure("cannot write \(path)") }
    }

    /// The store has said that the chunk is verified.
    func came(_ place: Place) { self.note("+ \(place.model) \(place.shard) \(place.chunk)\n") }

    /// The shard is about to go; nil: all of the model is.
    func leaves(_ model: UInt64, _ shard: ShardIndex?) { self.note("- \(model) \(shard?.position ?? -1) 0\n") }

    private func note(_ line: String) {
        let bytes = Array(line.utf8)
        // One call for a line, so that it is there whole or not at all.
        let count = write(self.file, bytes, bytes.count)
        precondition(count == bytes.count, "the diary cannot be written")
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
