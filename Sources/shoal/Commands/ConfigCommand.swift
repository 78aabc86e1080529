import ArgumentParser
import Configuration
import Foundation
import ShoalStore

/// `shoal config`: what a node of this home would start with.
struct ConfigCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show what a node of this home starts with, and where each value comes from.",
        discussion: """
            Options count before the environment (SHOAL_UPLOAD_LIMIT), and that before the file config.json of the home, a \
            JSON object with the names shown here. `shoal limit` shows the limits of a node that runs.
            """
    )

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    @OptionGroup var replication: ReplicationOptions
    @OptionGroup var node: NodeOptions

    /// One line of what is shown.
    struct Line: Encodable {
        enum Source: String, Encodable {
            case option
            case environment
            case file
            case standard = "default"
        }

        var name: String
        /// Missing: nothing is configured.
        var value: String?
        var from: Source
        /// In words.
        fileprivate var place: String

        enum CodingKeys: CodingKey {
            case name
            case value
            case from
        }
    }

    private struct Report: Encodable {
        var file: String
        var settings: [Line]
    }

    func run() async throws {
        let reader = try await self.node.settingsReader(self.replication)
        // What cannot be used is an error here as well.
        _ = try Settings(reader)
        let lines = try Setting.allCases.map { try Self.line(of: $0, reader) }
        guard !self.json else {
            return try Console.print(try Console.json(Report(file: reader.path, settings: lines)))
        }
        try Console.print(Table(lines, columns: Self.columns))
    }

    private static func line(of setting: Setting, _ reader: SettingsReader) throws -> Line {
        guard let finding = try reader.find(setting) else {
            return Line(name: setting.rawValue, value: nil, from: .standard, place: "default")
        }
        let source: Line.Source =
            switch finding.origin {
            case .commandLine: .option
            case .environment: .environment
            case .file: .file
            }
        let place = finding.origin == .file ? reader.path : reader.place(of: setting, finding.origin)
        return Line(name: setting.rawValue, value: self.text(finding.content), from: source, place: place)
    }

    private static func text(_ content: ConfigContent) -> String {
        switch content {
        case .string(let text): text
        case .stringArray(let texts): texts.joined(separator: ", ")
        default: "\(content)"
        }
    }

    /// What holds where nothing is configured.
    private static func standard(_ name: String) -> String {
        switch Setting(rawValue: name) {
        case .logLevel: LogLevel.warning.rawValue
        case .bind: "every interface but loopback"
        case .tlsCA: "the system's"
        case .uploadSlots: "as the uplink allows"
        case .directLane: "a free port"
        case .metricsPort: "no metrics"
        default: "none"
        }
    }

    private static let columns: [Table.ReportColumn<Line>] = [
        .init(.init("SETTING")) { $0.name },
        .init(.init("VALUE")) { $0.value ?? Self.standard($0.name) },
        .init(.init("FROM")) { $0.place },
    ]
}
