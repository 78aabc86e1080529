import Foundation
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite struct SourceTreeTests {
    private func refusal(_ path: String) -> StoreError? {
        do throws(StoreError) {
            _ = try SourceTree(path: path)
            return nil
        } catch {
            return error
        }
    }

    @Test func `files come in the order of their bytes, without dot-files`() throws {
        let folder = try TemporaryFolder()
        for name in ["b", "a/z", "a-b", "Z", ".git/config", "a/.hidden", "e\u{301}"] {
            try folder.write("m/\(name)", [1])
        }
        let tree = try SourceTree(path: folder("m"))
        #expect(tree.files.map(\.path) == ["Z", "a-b", "a/z", "b", "\u{E9}"])
        #expect(Array(try #require(tree.files.last).path.utf8) == [0xC3, 0xA9])
        #expect(try contents(of: try #require(tree.files.last).location) == [1])
    }

    @Test func `a link in a folder is refused by name`() throws {
        let folder = try TemporaryFolder()
        try folder.write("m/file", [1])
        let manager = FileManager.default
        try manager.createSymbolicLink(atPath: folder("m/link"), withDestinationPath: folder("m/file"))
        try manager.createSymbolicLink(atPath: folder("folder"), withDestinationPath: folder("m"))
        for path in [folder("m"), folder("folder"), folder("folder/")] {
            let error = self.refusal(path)
            #expect(error?.code == .symbolicLink)
            #expect(error?.message.contains("m/link") == true)
        }
    }

    @Test func `a link that is named is followed, and the file is called as the link is`() throws {
        let folder = try TemporaryFolder()
        try folder.write("blobs/0123", [1, 2])
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder("snapshot"), withIntermediateDirectories: true)
        let link = folder("snapshot/weights.GGUF")
        try manager.createSymbolicLink(atPath: link, withDestinationPath: "../blobs/0123")
        let tree = try SourceTree(path: link)
        #expect(tree.files.map(\.path) == ["model.gguf"])
        #expect(tree.files.allSatisfy { $0.location.hasSuffix("/blobs/0123") })
        try manager.removeItem(atPath: folder("blobs/0123"))
        #expect(self.refusal(link)?.code == .missing)
    }

    @Test func `a pipe is refused by name without waiting for its other end`() throws {
        let folder = try TemporaryFolder()
        try folder.write("m/file", [1])
        #expect(mkfifo(folder("m/pipe"), 0o600) == 0)
        #expect(self.refusal(folder("m"))?.code == .notRegular)
        #expect(self.refusal(folder("m/pipe"))?.message.contains("m/pipe") == true)
    }

    @Test func `nothing but empty files is nothing to publish`() throws {
        let folder = try TemporaryFolder()
        try folder.write("m/empty", [])
        #expect(self.refusal(folder("m"))?.code == .empty)
        #expect(self.refusal(folder("m/empty"))?.code == .empty)
        try folder.write("hidden/.only", [1])
        #expect(self.refusal(folder("hidden"))?.code == .empty)
    }

    @Test func `a path that is not there is named`() throws {
        let folder = try TemporaryFolder()
        let error = self.refusal(folder("nowhere"))
        #expect(error?.code == .missing)
        #expect(error?.message.contains("nowhere") == true)
    }

    @Test(arguments: ["back\\slash", "bell\u{7}"])
    func `a name that no manifest may have is refused`(_ name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("m/\(name)", [1])
        #expect(self.refusal(folder("m"))?.code == .badName)
    }

    @Test func `two spellings of one name are refused`() throws {
        let folder = try TemporaryFolder()
        try folder.write("m/\u{E9}", [1])
        try folder.write("m/e\u{301}", [1])
        #expect(self.refusal(folder("m"))?.code == .badName)
    }

    @Test func `names that differ in case only are refused before hashing`() throws {
        let folder = try TemporaryFolder()
        try folder.write("m/Weights", [1])
        try folder.write("m/weights", [2])
        #expect(code { _ = try folder.store().publish(path: folder("m")) } == .badName)
    }

    @Test func `a file that changes between the look and the hash is refused`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.bin", pattern(2_000_000))
        let tree = try SourceTree(path: path)
        let plan = try LayoutOne.plan(format: .files, files: [.plain(path: "model.bin", size: 2_000_000)])
        try damage(path, at: 1_500_000)
        let hashes = try Descriptor.open(folder("hashes"), O_RDWR | O_CREAT, mode: 0o600)
        let hasher = SourceHasher(tree: tree, plan: plan, hashes: hashes, progress: nil)
        #expect(code { _ = try hasher.manifest() } == .changed)
    }
}
