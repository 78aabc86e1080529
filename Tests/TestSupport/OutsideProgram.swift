package import Foundation

/// Programs that nobody here wrote.
package enum OutsideProgram {
    /// How a program ended that was to succeed.
    package struct Failed: Error {
        package let status: Int32
    }

    /// What a program prints on stdout, once it has ended well.
    @discardableResult
    package static func run(_ program: URL, _ arguments: [String]) throws -> Data {
        let process = Process()
        let output = Pipe()
        process.executableURL = program
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus) }
        return data
    }

    /// The folder of `prometheus` and `promtool`, fetched the first time; nil where they cannot be had.
    package static let prometheus: URL? = {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let script = tests.deletingLastPathComponent().appending(path: "scripts/prometheus")
        let folder = try? Self.run(URL(filePath: "/usr/bin/env"), ["bash", script.path])
        return folder.map { URL(filePath: String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines)) }
    }()
}
