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
    /// Of 127.0.0.1; 0: the system chooses one. Nil: nobody is told of metrics.
    let metricsPort: Int?
    let logLevel: LogLevel

    /// - Throws: ``CommandError`` that names the place and what is wrong there.
    init(_ reader: SettingsReader) throws(CommandError) {
        self.trackers = try reader.texts(.trackers) { try TrackerURL($0) }
        self.tlsAuthority = try reader.text(.tlsCA) { try notEmpty($0) }
        self.bind = try reader.text(.bind) { try BindAddress(parsing: $0).text }
        var limits = LimitOrder()
        limits.upload = try reader.text(.uploadLimit, LimitOptions.rate)
        limits.download = try reader.text(.downloadLimit, LimitOptions.rate)
        limits.uploadPerPeer = try reader.text(.uploadLimitPerPeer, LimitOptions.rate)
        limits.downloadPerPeer = try reader.text(.downloadLimitPerPeer, LimitOptions.rate)
        limits.uploadSlots = try reader.number(.uploadSlots) { try UploadSlots($0).count }
        self.limits = limits
        self.replicationBudget = try reader.text(.replicate) { try DataSize(parsing: $0).bytes }
        self.metricsPort = try reader.number(.metricsPort) { try MetricsPort($0).number }
        self.logLevel = try reader.text(.logLevel, LogLevel.init(parsing:)) ?? .warning
    }

    /// The configuration of a node that has this and nothing else.
    func configuration() throws(NodeFailure) -> NodeConfiguration {
        var configuration = NodeConfiguration()
        configuration.bindAddress = self.bind
        try self.limits.apply(to: &configuration.mesh.limits)
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

    fileprivate func number<Value>(
        _ setting: Setting,
        _ parse: (Int) throws -> Value
    ) throws(CommandError) -> Value? {
        guard let finding = try self.find(setting), case .int(let number) = finding.content else { return nil }
        return try self.parsed(setting, finding) { try parse(number) }
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
