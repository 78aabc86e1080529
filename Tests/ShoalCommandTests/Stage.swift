import Foundation
import Synchronization
import TestSupport

/// Where one test plays: a temporary folder with the homes, and the processes that the test started.
///
/// All traffic is on 127.0.0.1, every port is free when it is taken. What still runs at the end is killed.
final class Stage: Sendable {
    let folder: TemporaryFolder
    private let running = Mutex<[RunningShoal]>([])

    init() throws { self.folder = try TemporaryFolder() }

    /// Starts a command of `shoal`; homes are names in the stage's folder.
    func start(
        _ command: String,
        _ arguments: [String] = [],
        home: String? = nil,
        environment: [String: String] = [:],
        stderr: FileHandle? = nil
    ) throws -> RunningShoal {
        var all = [command] + arguments
        if let home { all += ["--home", self.folder(home)] }
        if ["seed", "fetch", "manifest"].contains(command) { all += ["--bind", "127.0.0.1"] }
        return try self.start(all, environment: environment, stderr: stderr)
    }

    /// Starts `shoal`, or another program, with exactly these arguments.
    func start(
        _ arguments: [String],
        of program: URL = RunningShoal.program,
        environment: [String: String] = [:],
        stderr: FileHandle? = nil
    ) throws -> RunningShoal {
        // The home of this machine's user is none of our business.
        var inherited = ProcessInfo.processInfo.environment.merging(["HOME": self.folder("user")]) { $1 }
        for name in inherited.keys where name.hasPrefix("SHOAL_") || name == "NO_COLOR" { inherited[name] = nil }
        inherited.merge(environment) { $1 }
        let shoal = try RunningShoal(arguments, of: program, environment: inherited, stderr: stderr)
        self.running.withLock { $0.append(shoal) }
        return shoal
    }

    /// Runs `shoal` to its end.
    func run(
        _ command: String,
        _ arguments: [String] = [],
        home: String? = nil,
        environment: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> RunningShoal.Outcome {
        try await self.start(command, arguments, home: home, environment: environment).outcome(within: limit)
    }

    /// A tracker on a free port, or on `port`, and its URL.
    func tracker(port: Int = 0, _ arguments: [String] = []) async throws -> (shoal: RunningShoal, url: String) {
        let shoal = try self.start("tracker", ["--listen", "127.0.0.1:\(port)"] + arguments)
        return (shoal, try await shoal.firstResult())
    }

    /// Somebody who serves a file or folder, and its link.
    func seeder(
        of path: String,
        home: String = "seeder",
        tracker: String,
        _ arguments: [String] = []
    ) async throws -> (shoal: RunningShoal, link: String) {
        let shoal = try self.start("seed", [path, "--tracker", tracker] + arguments, home: home)
        return (shoal, try await shoal.firstResult())
    }

    /// The link of a file or folder, from a home that nobody serves.
    func link(to path: String, tracker: String? = nil) async throws -> String {
        let arguments = [path] + (tracker.map { ["--tracker", $0] } ?? [])
        return try await self.run("publish", arguments, home: "publisher").output.trimmingCharacters(in: .newlines)
    }

    fileprivate func strike() {
        for shoal in self.running.withLock({ $0 }) { shoal.remove() }
    }
}

/// Runs a test on a stage of its own. However it ends, no process is left behind.
func onStage(_ test: (Stage) async throws -> Void) async throws {
    let stage = try Stage()
    defer { stage.strike() }
    try await test(stage)
}

/// What `fetch --json` prints.
struct Summary: Decodable {
    var bytes: Int
    var seconds: Double
    var bytesPerSecond: Double
    var peers: Int
    var bytesFromPeers: Int
    var manifest: String
    var signedBy: [String]

    init(_ outcome: RunningShoal.Outcome) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(outcome.stdout))
    }
}

/// The manifest ID in a link.
func manifestID(in link: String) -> String {
    String(link.dropFirst("magnet:?xt=urn:sha256:".count).prefix(64))
}

func contents(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }
