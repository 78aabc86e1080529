import Foundation
import ShoalCore
import ShoalFormats
import Synchronization
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct ExportingTests {
    @Test func `a folder is exported as a folder of copies`() throws {
        let publisher = try Publisher()
        let target = publisher.folder("out/models")
        let last = Mutex<StoreProgress?>(nil)
        try publisher.model.export(to: target) { progress in last.withLock { $0 = progress } }
        for (name, bytes) in Publisher.files {
            #expect(try contents(of: "\(target)/\(name)") == bytes)
            #expect(try FileStatus.ofEntry(at: "\(target)/\(name)")?.linkCount == 1)
        }
        #expect(last.withLock { $0 }?.done == publisher.model.manifest.totalSize)
        #expect(try FileManager.default.contentsOfDirectory(atPath: target).sorted() == ["a", "b.bin", "c-empty"])
    }

    @Test func `a single file is exported as a file`() throws {
        let folder = try TemporaryFolder()
        let model = try folder.store().publish(path: try folder.write("m.bin", pattern(3_000_000)))
        try model.export(to: folder("copy.gguf"))
        #expect(try contents(of: folder("copy.gguf")) == pattern(3_000_000))
        // The copy is the user's: it has another inode than what is served.
        try damage(folder("copy.gguf"), at: 1)
        #expect(try contents(of: folder("m.bin")) == pattern(3_000_000))
    }

    @Test func `an equal file is left, another one is refused and nothing is written`() throws {
        let publisher = try Publisher()
        let target = publisher.folder("out")
        try publisher.folder.write("out/a/big.bin", try #require(Publisher.files["a/big.bin"]))
        let before = try FileStatus.ofEntry(at: "\(target)/a/big.bin")
        try publisher.folder.write("out/b.bin", [1, 2, 3])
        let error = #expect(throws: StoreError.self) { try publisher.model.export(to: target) }
        #expect(error?.code == .exists)
        #expect(error?.message.contains("out/b.bin") == true)
        #expect(!FileManager.default.fileExists(atPath: "\(target)/c-empty"))
        try FileManager.default.removeItem(atPath: "\(target)/b.bin")
        try publisher.model.export(to: target)
        #expect(try FileStatus.ofEntry(at: "\(target)/a/big.bin") == before)
        #expect(try contents(of: "\(target)/b.bin") == Publisher.files["b.bin"])
    }

    @Test func `what is in the way is seen before anything is read`() throws {
        let publisher = try Publisher()
        let target = publisher.folder("out")
        #expect(code { try publisher.model.checkExport(to: target) } == nil)
        // The right size may be the right file.
        let size = try #require(Publisher.files["b.bin"]).count
        try publisher.folder.write("out/b.bin", [UInt8](repeating: 0, count: size))
        #expect(code { try publisher.model.checkExport(to: target) } == nil)
        try publisher.folder.write("out/b.bin", [UInt8](repeating: 0, count: size + 1))
        #expect(code { try publisher.model.checkExport(to: target) } == .exists)
    }

    @Test func `a file that changed since it was hashed is not exported`() throws {
        let publisher = try Publisher()
        try damage(publisher.folder("source/b.bin"), at: 1)
        #expect(code { try publisher.model.export(to: publisher.folder("out")) } == .changed)
        #expect(!FileManager.default.fileExists(atPath: publisher.folder("out/b.bin")))
        #expect(!publisher.model.state.complete[2])
    }

    @Test func `a folder in the way of a file is refused`() throws {
        let folder = try TemporaryFolder()
        let model = try folder.store().publish(path: try folder.write("m.bin", pattern(1000)))
        #expect(code { try model.export(to: folder.path) } == .exists)
    }

    @Test func `a part of a model is not exported`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        try model.receive(from: publisher.model) { $0 > 0 }
        #expect(code { try model.export(to: publisher.folder("out")) } == .incomplete)
        #expect(!FileManager.default.fileExists(atPath: publisher.folder("out")))
    }

    @Test func `a stopped copy leaves nothing under its name or another`() throws {
        let folder = try TemporaryFolder()
        let source = try Descriptor.open(try folder.write("m.bin", pattern(3_000_000)), O_RDONLY)
        let target = try Folder.open(folder.path)
        // Longer than the file, as if it had been cut meanwhile.
        let copy = FileCopy(source: source, size: 4_000_000, meter: ProgressMeter(total: 0, handler: nil))
        #expect(code { try copy.write("copy", in: target) } == .changed)
        #expect(try target.entries() == ["m.bin"])
    }
}
