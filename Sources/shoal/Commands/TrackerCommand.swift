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

    @Option(help: ArgumentHelp("Where to listen; port 0 takes a free one.", valueName: "host:port"))
    var listen = ListenArgument(HostPort(host: "127.0.0.1", port: 8_000))

    @Option(help: ArgumentHelp("PEM file of the server's certificate, for wss.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM file of the certificate's key.", valueName: "file"))
    var tlsKey: String?

    func validate() throws {
        guard (self.tlsCertificate == nil) == (self.tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key belong together")
        }
    }

    func run() async throws {
        var configuration = TrackerServer.Configuration()
        configuration.listen = self.listen.value
        if let certificate = self.tlsCertificate, let key = self.tlsKey {
            configuration.tls = TLSFiles(certificateFile: certificate, keyFile: key)
        }
        let server = try await TrackerServer.start(configuration, group: MultiThreadedEventLoopGroup.singleton)
        Console.print(server.url.description)
        Console.say("tracking; Ctrl-C stops")
        await Waiting.untilCancelled()
        await server.shutdown()
        throw CancellationError()
    }
}

/// Where to listen, as an argument.
struct ListenArgument: ExpressibleByArgument, Sendable {
    let value: HostPort
    /// In the help.
    var defaultValueDescription: String { self.value.description }

    init(_ value: HostPort) { self.value = value }

    init?(argument: String) {
        do throws(SignalingError) {
            self.value = try HostPort(argument)
        } catch {
            Console.say("error: \(error)")
            return nil
        }
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
