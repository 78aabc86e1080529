import ArgumentParser
import NIOPosix
import ShoalSignaling

/// `shoal tracker`: a WebTorrent tracker in this process.
struct TrackerCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "tracker",
        abstract: "Be a tracker, and print its URL.",
        discussion: "WebTorrent clients, browsers among them, can use it too. It never sees weights."
    )

    /// WebTorrent's reference tracker has the same.
    private static let defaultPort = 8_000
    /// 64: files that are no connections.
    private static let otherFiles = 64

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 takes a free one. (default: 127.0.0.1:8000)",
            valueName: "host:port"
        ),
        transform: { try HostPort($0) }
    )
    var listen = HostPort(host: "127.0.0.1", port: Self.defaultPort)

    @Option(help: ArgumentHelp("How many may be connected at a time.", valueName: "n"))
    var connections = TrackerRegistry.Configuration().maximumSockets

    @Option(
        help: ArgumentHelp(
            "How many of them may come from one address (or /64 network), and in proportion what an address may send.",
            discussion: "Behind a proxy all come from one: give it as many as --connections.",
            valueName: "n"
        )
    )
    var connectionsPerAddress = TrackerDoor.Configuration().maximumSocketsPerAddress

    @Option(help: ArgumentHelp("PEM file of the server's certificate, for wss.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM file of the certificate's key.", valueName: "file"))
    var tlsKey: String?

    func validate() throws {
        guard (self.tlsCertificate == nil) == (self.tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key belong together")
        }
        guard (1...1_000_000).contains(self.connections) else {
            throw ValidationError("--connections takes 1 to 1000000")
        }
        guard (1...1_000_000).contains(self.connectionsPerAddress) else {
            throw ValidationError("--connections-per-address takes 1 to 1000000")
        }
    }

    func run() async throws {
        var configuration = TrackerServer.Configuration()
        configuration.listen = HostPort(host: self.listen.host, port: self.listen.port ?? Self.defaultPort)
        if let certificate = self.tlsCertificate, let key = self.tlsKey {
            configuration.tls = TLSFiles(certificateFile: certificate, keyFile: key)
        }
        let files = OpenFiles.allow(self.connections + Self.otherFiles)
        let connections = min(self.connections, max(1, files - Self.otherFiles))
        configuration.registry.maximumSockets = connections
        configuration.door.allow(socketsPerAddress: self.connectionsPerAddress)
        let server = try await TrackerServer.start(configuration, group: MultiThreadedEventLoopGroup.singleton) {
            Console.say($0)
        }
        try Console.print(server.url.description)
        if ["0.0.0.0", "::"].contains(self.listen.host) {
            Console.say("it listens on every interface; others put this machine's name or address into the URL")
        }
        if connections < self.connections {
            Console.say(
                "the system lets it have \(files) open files, so that \(connections) can be connected: "
                    + "for \(self.connections), say `ulimit -n \(self.connections + Self.otherFiles)` before it starts"
            )
        }
        Console.say("tracking; Ctrl-C stops")
        await Waiting.untilCancelled()
        await server.shutdown()
        throw CancellationError()
    }
}

/// Waiting for the user.
enum Waiting {
    /// Returns when the task is cancelled.
    static func untilCancelled() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        await withTaskCancellationHandler {
            for await _ in stream {}
        } onCancel: {
            continuation.finish()
        }
    }
}
