import Configuration
import Foundation
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm

/// What a node starts with, from wherever it is configured.
struct Settings: Sendable {
    /// Of the command line, else configured for links that name none.
    let trackers: [TrackerURL]
    let tlsAuthority: String?
    let bind: String?
    let limits: LimitOrder
    /// In bytes; nil: the node copies nothing.
    let replicationBudget: Int?
    /// Where other nodes dial direct lanes; 0: the system chooses a port. Nil: there are none.
    let directLanePort: Int?
    /// Of 127.0.0.1; 0: the system chooses one. Nil: nobody is told of metrics.
    let metricsPort: Int?
    let logLevel: LogLevel

    /// - Throws: ``CommandError`` that names the place and what is wrong there.
    init(_ reader: SettingsReader) throws(CommandError) {
        self.trackers = try reader.texts(.trackers) { try TrackerURL($0) }
        self.tlsAuthority = try reader.path(.tlsCA)
        self.bind = try reader.text(.bind) { try Self.unlessNone($0) { try BindAddress(parsing: $0).text } } ?? nil
        var limits = LimitOrder()
        limits.upload = try reader.text(.uploadLimit, LimitOptions.rate)
        limits.download = try reader.text(.downloadLimit, LimitOptions.rate)
        limits.uploadPerPeer = try reader.text(.uploadLimitPerPeer, LimitOptions.rate)
        limits.downloadPerPeer = try reader.text(.downloadLimitPerPeer, LimitOptions.rate)
        limits.uploadSlots = try reader.text(.uploadSlots) { try UploadSlots.count($0) }
        self.limits = limits
        self.replicationBudget =
            try reader.text(.replicate) { try Self.unlessNone($0) { try DataSize(parsing: $0).bytes } } ?? nil
        self.directLanePort =
            try reader.text(.directLane) { try Self.unlessNone($0) { try Port(parsing: $0).number } } ?? 0
        self.metricsPort =
            try reader.text(.metricsPort) { try Self.unlessNone($0) { try Port(parsing: $0).number } } ?? nil
        self.logLevel = try reader.text(.logLevel, LogLevel.init(parsing:)) ?? .warning
    }

    /// What undoes a setting of a source that counts less.
    static let none = "none"

    private static func unlessNone<Value>(_ text: String, _ parse: (String) throws -> Value) throws -> Value? {
        text.lowercased() == self.none ? nil : try parse(text)
    }

    /// Looks whether this machine has what is configured: an address may be of a network that is down.
    ///
    /// - Throws: ``CommandError`` that names the setting.
    func probe() throws(CommandError) {
        do {
            if let bind { try BindAddress(parsing: bind).probe() }
        } catch {
            throw CommandError("\"\(Setting.bind.rawValue)\" is \(self.bind ?? ""): \(error)")
        }
        if let path = self.tlsAuthority, !FileManager.default.isReadableFile(atPath: path) {
            throw CommandError("\"\(Setting.tlsCA.rawValue)\": there is no file \(path) that can be read")
        }
    }

    /// The configuration of a node that has this and nothing else.
    func configuration() throws(NodeFailure) -> NodeConfiguration {
        var configuration = NodeConfiguration()
        configuration.bindAddress = self.bind
        try self.limits.apply(to: &configuration.mesh.limits)
        configuration.directLanePort = self.directLanePort
        configuration.replicationBudget = self.replicationBudget
        configuration.trackers = self.trackers
        configuration.trackerAuthority = self.tlsAuthority
        return configuration
    }
}

extension SettingsReader {
    fileprivate func text<Value>(
        _ setting: Setting,
        _ parse: (String) throws -> Value
    ) throws(CommandError) -> Value? {
        guard let finding = try self.find(setting), case .string(let text) = finding.content else { return nil }
        return try self.parsed(setting, finding) { try parse(text) }
    }

    fileprivate func texts<Value>(
        _ setting: Setting,
        _ parse: (String) throws -> Value
    ) throws(CommandError) -> [Value] {
        guard let finding = try self.find(setting), case .stringArray(let texts) = finding.content else { return [] }
        return try self.parsed(setting, finding) { try texts.map(parse) }
    }

    /// A path; in the file it is one of the home's, unless it begins with a slash.
    fileprivate func path(_ setting: Setting) throws(CommandError) -> String? {
        guard let finding = try self.find(setting), case .string(let text) = finding.content else { return nil }
        guard text.lowercased() != Settings.none else { return nil }
        let path = try self.parsed(setting, finding) { try notEmpty(text) }
        guard finding.origin == .file, !path.hasPrefix("/") else { return path }
        return URL(filePath: self.home).appending(path: path).path
    }

    private func parsed<Value>(
        _ setting: Setting,
        _ finding: Finding,
        _ parse: () throws -> Value
    ) throws(CommandError) -> Value {
        do {
            return try parse()
        } catch {
            throw CommandError("\(self.place(of: setting, finding.origin)): \(error)")
        }
    }
}
