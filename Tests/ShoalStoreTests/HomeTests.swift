import Foundation
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct HomeTests {
    @Test func `a home is made for its owner alone`() throws {
        let folder = try TemporaryFolder()
        let home = try Home(path: folder("deep/home"))
        let attributes = try FileManager.default.attributesOfItem(atPath: home.path)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
    }

    @Test func `a second holder is told the process of the first`() throws {
        let folder = try TemporaryFolder()
        let first = try Home(path: folder("home"))
        let error = #expect(throws: StoreError.self) { _ = try Home(path: folder("home")) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("(process \(ProcessInfo.processInfo.processIdentifier))") == true)
        #expect(error?.message.contains(first.path) == true)
    }

    @Test(arguments: ["", "soon", "-4", "99999999999999999999"])
    func `a lock file without a process still says who it could be`(_ text: String) throws {
        let folder = try TemporaryFolder()
        let first = try Home(path: folder("home"))
        // In place: the lock is on the inode.
        let lock = try FileHandle(forWritingTo: URL(fileURLWithPath: folder("home/lock")))
        try lock.truncate(atOffset: 0)
        try lock.write(contentsOf: Data(text.utf8))
        let error = #expect(throws: StoreError.self) { _ = try Home(path: folder("home")) }
        #expect(error?.message.hasPrefix("another Shoal holds \(first.path)") == true)
    }

    @Test func `a closed home can be held again`() throws {
        let folder = try TemporaryFolder()
        let first = try Home(path: folder("home"))
        first.close()
        first.close()
        let second = try Home(path: folder("home"))
        #expect(second.path == first.path)
    }

    @Test func `a home below a file is refused with the path`() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("file", [1])
        for path in [file, "\(file)/home"] {
            let error = #expect(throws: StoreError.self) { _ = try Home(path: path) }
            #expect(error?.code == .notAFolder)
            #expect(error?.message.contains(path) == true)
        }
    }

    @Test func `a relative home has an absolute path`() throws {
        let folder = try TemporaryFolder()
        let here = FileManager.default.currentDirectoryPath
        let up = String(repeating: "../", count: here.split(separator: "/").count)
        let home = try Home(path: "\(up)\(folder("home").dropFirst())/")
        #expect(home.path.hasPrefix("/"))
        #expect(home.path.hasSuffix("/home"))
    }

    @Test func `a damaged index says which files to delete`() throws {
        let folder = try TemporaryFolder()
        try folder.write("home/index.sqlite", pattern(8192))
        let error = #expect(throws: StoreError.self) { _ = try folder.store() }
        #expect(error?.code == .damagedIndex)
        #expect(error?.message.contains("index.sqlite") == true)
    }
}
