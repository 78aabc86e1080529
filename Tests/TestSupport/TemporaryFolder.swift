package import Foundation

/// A folder that is gone with its last user.
package final class TemporaryFolder: Sendable {
    package let url: URL

    package init() throws {
        self.url = FileManager.default.temporaryDirectory.appending(component: "shoal-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.url, withIntermediateDirectories: false)
    }

    deinit {
        // A leftover in the temporary folder is no failure of the test.
        try? FileManager.default.removeItem(at: self.url)
    }

    /// The path of a name in it.
    package func callAsFunction(_ name: String) -> String { self.url.appending(path: name).path }

    /// Writes a file, with the folders above it.
    @discardableResult
    package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = self.url.appending(path: name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
        return file.path
    }
}
