package import Foundation

/// A script in `Tests/Interop` and the Python packages that it needs, in a virtual environment below the user's cache:
/// second implementations of layout 1 and of a peer, made from `docs/protocol.md`, and clients of others.
package struct PythonScript: Sendable {
    /// A peer on aiortc, and what it says of `Tests/Vectors`.
    package static let foreignPeer = PythonScript(
        "foreign_peer.py",
        module: "aiortc, websockets",
        requirements: Self.rtc
    )
    package static let foreignVectors = PythonScript(
        "foreign_vectors.py",
        module: "aiortc, websockets",
        requirements: Self.rtc
    )
    package static let gguf = PythonScript("gguf_models.py", module: "gguf", requirements: ["gguf==0.19.0"])
    package static let libtorrent = PythonScript(
        "libtorrent_transfer.py",
        module: "libtorrent",
        requirements: ["libtorrent==2.1.1"]
    )
    package static let safetensors = PythonScript(
        "safetensors_models.py",
        module: "safetensors",
        requirements: ["safetensors==0.8.0", "numpy>=2"]
    )

    private static let rtc = ["aiortc==1.16.0", "websockets==17.4"]

    package let script: String
    /// Python with the packages, installed the first time; nil where there is no Python or no package registry.
    package let python: URL?

    /// - Parameter requirements: the first names the folder.
    private init(_ script: String, module: String, requirements: [String]) {
        self.script =
            URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Interop/\(script)").path
        let environment = ProcessInfo.processInfo.environment
        let home = URL(filePath: environment["HOME"] ?? "/tmp")
        let cache = environment["XDG_CACHE_HOME"].map { URL(filePath: $0) } ?? home.appending(path: ".cache")
        let folder = cache.appending(path: "shoal/\(requirements[0].replacing("==", with: "-"))")
        let python = folder.appending(path: "bin/python3")
        func works() -> Bool { (try? OutsideProgram.run(python, ["-c", "import \(module)"])) != nil }
        if !works() {
            FileHandle.standardError.write(Data("installing \(requirements[0]) into \(folder.path)\n".utf8))
            _ = try? OutsideProgram.run(
                URL(filePath: "/usr/bin/env"),
                ["python3", "-m", "venv", "--clear", folder.path]
            )
            _ = try? OutsideProgram.run(python, ["-m", "pip", "install", "--quiet"] + requirements)
        }
        self.python = works() ? python : nil
    }

    package var isHere: Bool { self.python != nil }

    /// What the script prints for its arguments, line by line.
    package func lines<Line: Decodable>(_ arguments: [String], of type: Line.Type) throws -> [Line] {
        // -B: a script that imports another one leaves nothing beside it.
        guard let python else { throw Missing() }
        let output = try OutsideProgram.run(python, ["-B", self.script] + arguments)
        return try output.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(type, from: Data($0)) }
    }

    private struct Missing: Error {}
}
