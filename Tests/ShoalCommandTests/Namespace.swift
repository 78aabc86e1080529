import Foundation
import TestSupport

/// A network of one's own, with a tracker and one address beside loopback, from which nothing leaves: on Linux, for root, and
/// for others where the system lets them have user namespaces.
///
/// Foreign WebRTC libraries offer no candidates on loopback. It is gone with the last process in it.
struct Namespace {
    static let arguments = ["unshare", "--net"] + (Self.isRoots ? [] : ["--map-root-user"])
    private static let isRoots = getuid() == 0
    static let address = "10.99.0.1"

    /// The tracker's URL.
    let tracker: String
    private let stage: Stage
    /// What a process in it begins with.
    private let entry: [String]

    static var canBeMade: Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = self.arguments + ["ip", "link", "add", "nowhere", "type", "bridge"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    /// The tracker is the first process in it.
    init(on stage: Stage) async throws {
        // libwebrtc also wants a default route. This one leads nowhere.
        let commands = [
            "ip link set lo up", "ip link add nowhere type bridge", "ip address add \(Self.address)/24 dev nowhere",
            "ip link set nowhere up", "ip route add default dev nowhere",
            "exec \"$0\" tracker --listen \(Self.address):0",
        ]
        let shoal = try stage.start(
            Self.arguments + ["sh", "-c", commands.joined(separator: " && "), RunningShoal.program.path],
            of: URL(filePath: "/usr/bin/env")
        )
        self.tracker = try await shoal.firstResult()
        self.stage = stage
        let namespaces = "/proc/\(shoal.id)/ns"
        self.entry =
            ["nsenter", "--net=\(namespaces)/net"]
            + (Self.isRoots ? [] : ["--user=\(namespaces)/user", "--preserve-credentials"])
    }

    /// Starts a node's command of `shoal`, bound to the address.
    func start(_ command: String, _ arguments: [String], home: String) throws -> RunningShoal {
        let own = ["--home", self.stage.folder(home), "--bind", Self.address]
        return try self.stage.start(
            self.entry + [RunningShoal.program.path, command] + arguments + own,
            of: URL(filePath: "/usr/bin/env")
        )
    }

    /// Starts a script.
    func start(_ script: PythonScript, _ arguments: [String]) throws -> RunningShoal {
        guard let python = script.python else { throw CocoaError(.executableNotLoadable) }
        return try self.stage.start(
            self.entry + [python.path, "-B", script.script] + arguments,
            of: URL(filePath: "/usr/bin/env")
        )
    }
}
