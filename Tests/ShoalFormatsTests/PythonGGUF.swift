import Foundation
import Testing

/// The Python package `gguf`, in a virtual environment below the user's cache, and our script that uses it: a second
/// implementation of layout 1 for GGUF, made from `docs/protocol.md`.
enum PythonGGUF {
    private static let requirement = "gguf==0.19.0"

    private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Interop/gguf_models.py").path

    /// Python with the package, installed the first time; nil where there is no Python or no package registry.
    private static let python: URL? = {
        let environment = ProcessInfo.processInfo.environment
        let home = URL(filePath: environment["HOME"] ?? "/tmp")
        let cache = environment["XDG_CACHE_HOME"].map { URL(filePath: $0) } ?? home.appending(path: ".cache")
        let folder = cache.appending(path: "shoal/\(Self.requirement.replacing("==", with: "-"))")
        let python = folder.appending(path: "bin/python3")
        func works() -> Bool { (try? Self.run(python, ["-c", "import gguf"])) != nil }
        if works() { return python }
        _ = try? Self.run(URL(filePath: "/usr/bin/env"), ["python3", "-m", "venv", "--clear", folder.path])
        _ = try? Self.run(python, ["-m", "pip", "install", "--quiet", Self.requirement])
        return works() ? python : nil
    }()

    static var isHere: Bool { self.python != nil }

    /// What the script prints for each of its arguments.
    static func lines<Line: Decodable>(_ arguments: [String], of type: Line.Type) throws -> [Line] {
        let output = try self.run(try #require(self.python), [self.script] + arguments)
        return try output.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(type, from: Data($0)) }
    }

    private struct Failed: Error {
        let status: Int32
    }

    @discardableResult
    private static func run(_ program: URL, _ arguments: [String]) throws -> Data {
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
}
