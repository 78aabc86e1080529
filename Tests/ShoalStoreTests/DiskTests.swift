import Foundation
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct DiskTests {
    @Test func `a full disk is called that`() throws {
        // /dev/full answers every write as a full disk would (Linux).
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let file = try Descriptor.open("/dev/full", O_RDWR)
        let error = #expect(throws: StoreError.self) { try file.write([1], at: 0) }
        #expect(error?.code == .diskFull)
        #expect(error?.message.contains("free some room") == true)
        #expect((error?.cause as? SystemCallError)?.number == ENOSPC)
    }

    @Test func `a file is replaced whole and nothing else is left`() throws {
        let temporary = try TemporaryFolder()
        let folder = try Folder.open(temporary.path)
        for text in ["one", "another"] {
            try folder.replace("file", with: Array(text.utf8))
            #expect(try contents(of: temporary("file")) == Array(text.utf8))
        }
        #expect(try folder.entries() == ["file"])
    }

    @Test func `a file that exists is never made over`() throws {
        let temporary = try TemporaryFolder()
        let folder = try Folder.open(temporary.path)
        try temporary.write("file", [1])
        try FileManager.default.createSymbolicLink(atPath: temporary("link"), withDestinationPath: temporary("new"))
        #expect(code { _ = try folder.createFile("file") } == .exists)
        #expect(code { _ = try folder.createFile("link") } == .exists)
        #expect(code { _ = try folder.openFile("link", writable: true) } == .symbolicLink)
        #expect(!FileManager.default.fileExists(atPath: temporary("new")))
    }

    @Test func `every kind of refusal says what to do`() {
        let numbers = [
            ENOSPC, EDQUOT, EROFS, ENOENT, EACCES, EPERM, ENOTDIR, ELOOP, EISDIR, EEXIST, EFBIG, EMFILE, EIO,
        ]
        for number in numbers {
            let error = StoreError.system("open", "/some/path", number)
            #expect(error.message.contains("/some/path"))
            #expect((error.cause as? SystemCallError)?.number == number)
        }
        #expect(StoreError.system("open", "/some/path", EROFS).code == .readOnly)
        #expect(StoreError.system("open", "/some/path", EACCES).code == .permissionDenied)
    }
}
