import ArgumentParser
import Foundation
import Logging
import ShoalFormats
import ShoalSignaling

/// What every command takes.
struct HomeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where models and the node's key are kept. ($SHOAL_HOME, else ~/.shoal)", valueName: "dir")
    )
    var home: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: LogLevel = .warning

    var path: String {
        if let home { return home }
        if let home = ProcessInfo.processInfo.environment["SHOAL_HOME"], !home.isEmpty { return home }
        return Self.user.appending(component: ".shoal").path
    }

    /// What a shell calls `~`. Foundation asks the system's list of users, which knows nothing of containers and sudo.
    private static var user: URL {
        guard let path = ProcessInfo.processInfo.environment["HOME"], !path.isEmpty else {
            return FileManager.default.homeDirectoryForCurrentUser
        }
        return URL(filePath: path)
    }

    /// Logs go to stderr, away from results.
    var logger: Logger {
        var logger = Logger(label: "shoal") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = self.logLevel.level
        return logger
    }
}

/// How much is logged.
enum LogLevel: String, ExpressibleByArgument, CaseIterable, Sendable {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical

    var level: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        case .critical: .critical
        }
    }
}

/// A time to give up after, as an argument.
struct SecondsArgument: ExpressibleByArgument, Sendable {
    /// A billion seconds, 31 years: more than anybody waits, and far from what a `Duration` cannot hold.
    private static let limit = 1e9

    let value: Double
    /// In the help.
    var defaultValueDescription: String { String(format: "%g", self.value) }

    init(_ value: Double) { self.value = value }

    init?(argument: String) {
        guard let value = Double(argument), value > 0, value <= Self.limit else {
            Console.say("error: \(argument): a time to give up after is a number of seconds above 0")
            return nil
        }
        self.value = value
    }

    var duration: Duration { .seconds(self.value) }

    /// For people.
    var text: String { Figures.duration(self.value) }
}

/// Where others are found.
struct TrackerOptions: ParsableArguments {
    @Option(
        name: .customLong("tracker"),
        help: ArgumentHelp("A WebTorrent tracker, ws:// or wss://. Can be given more than once.", valueName: "url")
    )
    private var arguments: [TrackerArgument] = []

    @Option(
        name: .customLong("tls-ca"),
        help: ArgumentHelp("PEM file of a private authority that signs the trackers' certificates.", valueName: "file")
    )
    var tlsAuthority: String?

    var trackers: [TrackerURL] { self.arguments.map(\.url) }

    /// The trackers of the link and of the command line. Those of a link that are no WebSocket trackers are passed over,
    /// as links of other programs name many.
    func merged(with link: MagnetLink) -> [TrackerURL] {
        var all: [TrackerURL] = []
        for text in link.trackers {
            do throws(SignalingError) {
                all.append(try TrackerURL(text))
            } catch {
                Console.say("tracker \(text) of the link is not used: \(error)")
            }
        }
        for url in self.trackers where !all.contains(url) { all.append(url) }
        return all
    }
}

/// A tracker, as an argument.
private struct TrackerArgument: ExpressibleByArgument, Sendable {
    let url: TrackerURL

    init?(argument: String) {
        do throws(SignalingError) {
            self.url = try TrackerURL(argument)
        } catch {
            Console.say("error: \(error)")
            return nil
        }
    }
}

/// How this node is reached.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Bind to this address alone; 127.0.0.1 keeps all traffic on this machine.",
            valueName: "address"
        )
    )
    var bind: String?
}

/// A link, as an argument.
struct LinkArgument: ExpressibleByArgument, Sendable {
    let link: MagnetLink

    init?(argument: String) {
        do throws(LinkError) {
            self.link = try MagnetLink(parsing: argument)
        } catch {
            Console.say("error: \(error)")
            return nil
        }
    }
}

/// A link, or a file or folder.
enum Source: ExpressibleByArgument, Sendable {
    case link(MagnetLink)
    case path(String)

    init?(argument: String) {
        guard argument.lowercased().hasPrefix("magnet:") else {
            self = .path(argument)
            return
        }
        guard let link = LinkArgument(argument: argument)?.link else { return nil }
        self = .link(link)
    }
}
