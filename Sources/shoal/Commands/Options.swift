import ArgumentParser
import Configuration
import Foundation
import Logging
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore

/// What every command takes.
struct HomeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where models and the node's key are kept. ($SHOAL_HOME, else ~/.shoal)", valueName: "dir"),
        transform: { try notEmpty($0) }
    )
    var home: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: warning)")
    var logLevel: LogLevel?

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

    /// Asks the node of this home; that none runs is an error that says how to start one.
    func askNode(_ request: NodeRequest, onAnswer: (NodeAnswer) throws -> Void) async throws {
        do {
            try await NodeClient(home: Home.absolute(self.path)).ask(request, onAnswer: onAnswer)
        } catch is NodeGone {
            let home = Home.absolute(self.path)
            guard let process = Home.holder(of: home) else {
                throw CommandError("no node is running for \(home): start one with `shoal seed` or `shoal fetch`")
            }
            throw CommandError(
                "process \(process) holds \(home) and is no node, or none yet: it may be hashing; try again later"
            )
        }
    }

    /// - Parameter options: what else the command line says.
    func settingsReader(_ options: [Setting: ConfigContent]) async throws -> SettingsReader {
        let environment = ProcessInfo.processInfo.environment
        Setting.warnOfMistakes(in: environment)
        var contents = options
        if let logLevel { contents[.logLevel] = .string(logLevel.rawValue) }
        return try await SettingsReader(home: Home.absolute(self.path), environment: environment, options: contents)
    }

    /// Adds what has no effect on a node that runs already.
    func addUnused(to options: inout [String]) {
        if self.logLevel != nil { options.append("--log-level") }
    }
}

/// A name of a file or folder, which has at least one character.
func notEmpty(_ path: String) throws -> String {
    guard !path.isEmpty else { throw ValidationError("it is empty") }
    return path
}

/// How much is logged.
enum LogLevel: String, ExpressibleByArgument, CaseIterable, Sendable {
    init(parsing text: String) throws {
        guard let level = LogLevel(rawValue: text) else {
            throw ValidationError("it is one of " + Self.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = level
    }

    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical

    /// Logs go to stderr, away from results.
    var logger: Logger {
        var logger = Logger(label: "shoal") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = self.level
        return logger
    }

    private var level: Logger.Level {
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

/// A time to give up after.
struct Patience: Sendable, CustomStringConvertible {
    /// A billion seconds, 31 years: more than anybody waits, and far from what a `Duration` cannot hold.
    private static let limit = 1e9

    private let seconds: Double

    init(_ seconds: Double) { self.seconds = seconds }

    init(parsing text: String) throws {
        guard let seconds = Double(text), seconds > 0, seconds <= Self.limit else {
            throw ValidationError("a time to give up after is a number of seconds above 0")
        }
        self.init(seconds)
    }

    var duration: Duration { .seconds(self.seconds) }

    /// As it was given, which is how it stands in the help and in sentences.
    var description: String { String(format: "%g", self.seconds) }
}

/// Where others are found.
struct TrackerOptions: ParsableArguments {
    @Option(
        name: .customLong("tracker"),
        help: ArgumentHelp("A WebTorrent tracker, ws:// or wss://. Can be given more than once.", valueName: "url"),
        transform: { try TrackerURL($0) }
    )
    var trackers: [TrackerURL] = []

    @Option(
        name: .customLong("tls-ca"),
        help: ArgumentHelp("PEM file of a private authority that signs the trackers' certificates.", valueName: "file")
    )
    var tlsAuthority: String?

    /// What was given.
    var contents: [Setting: ConfigContent] {
        var contents: [Setting: ConfigContent] = [:]
        if !self.trackers.isEmpty { contents[.trackers] = .stringArray(self.trackers.map(\.description)) }
        contents[.tlsCA] = self.tlsAuthority.map(ConfigContent.string)
        return contents
    }

    /// The trackers of the link and of the command line, else those that are configured. Those of a link that are no WebSocket trackers are passed over,
    /// as links of other programs name many.
    func merged(with link: MagnetLink, configured: [TrackerURL] = []) -> [TrackerURL] {
        var all: [TrackerURL] = []
        for text in link.trackers {
            do throws(SignalingError) {
                all.append(try TrackerURL(text))
            } catch {
                Console.say("a tracker of the link is not used: \(error)")
            }
        }
        for url in self.trackers where !all.contains(url) { all.append(url) }
        return all.isEmpty ? configured : all
    }
}

/// How this node is reached.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Bind to this address alone; 127.0.0.1 keeps all traffic on this machine.",
            valueName: "address"
        ),
        transform: { text in
            guard text.lowercased() != Settings.none else { return text }
            let address = try BindAddress(parsing: text)
            try address.probe()
            return address.text
        }
    )
    var bind: String?

    @Option(
        help: ArgumentHelp(
            "Answer /metrics (Prometheus) and /health on this port of 127.0.0.1; 0: a free one.",
            valueName: "port"
        ),
        transform: { text in
            guard text.lowercased() != Settings.none else { return text }
            return "\(try Port(parsing: text).number)"
        }
    )
    var metricsPort: String?

    @Option(
        help: ArgumentHelp(
            "Let other nodes dial direct lanes at this TCP port; 0: a free one.",
            valueName: "port"
        ),
        transform: { text in
            guard text.lowercased() != Settings.none else { return text }
            return "\(try Port(parsing: text).number)"
        }
    )
    var directLane: String?

    @Flag(name: .customLong("no-direct-lane"), help: "Move everything over WebRTC.")
    var hasNoDirectLane = false

    /// As a setting; nil: nothing is said of it.
    var directLaneSetting: String? { self.hasNoDirectLane ? Settings.none : self.directLane }

    func validate() throws {
        guard self.hasNoDirectLane, self.directLane != nil else { return }
        throw ValidationError("--direct-lane and --no-direct-lane contradict each other: give one of them")
    }

    @OptionGroup var limits: LimitOptions
    @OptionGroup var recording: RecordOptions
}

/// Where something is listened for.
struct Port: Hashable, Sendable {
    let number: Int

    init(_ number: Int) throws {
        guard (0...65_535).contains(number) else {
            throw ValidationError("a port is a number from 1 to 65535, or 0 for a free one")
        }
        self.number = number
    }

    /// Whatever is no number is no port.
    init(parsing text: String) throws { try self.init(Int(text) ?? -1) }
}

/// A link, or a file or folder.
enum Source: Sendable {
    /// As another process understands it, whose folder may be another one.
    var absoluteText: String {
        switch self {
        case .link(let link): link.text
        case .path(let path): Home.absolute(path)
        }
    }

    case link(MagnetLink)
    case path(String)

    init(parsing text: String) throws {
        guard !text.isEmpty else { throw ValidationError("it is empty") }
        self = text.lowercased().hasPrefix("magnet:") ? .link(try MagnetLink(parsing: text)) : .path(text)
    }
}
