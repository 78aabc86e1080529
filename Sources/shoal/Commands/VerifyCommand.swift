import ArgumentParser
import Foundation
import ShoalNode
import ShoalSignaling
import ShoalStore

/// `shoal verify`: hashes what the home holds, and fetches again what is wrong.
struct VerifyCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Hash what this home holds, and fetch again what is wrong.",
        discussion: """
            Exit code 0: everything that was here is right, or has been repaired; 1: something is still missing. What is \
            wrong is no longer served, whatever comes of it. Files of yours are never written to.
            """
    )

    @Argument(help: ArgumentHelp("Links, or beginnings of manifest IDs. (default: every model)", valueName: "model"))
    var models: [String] = []

    @Flag(inversion: .prefixedNo, help: "Whether what is wrong is fetched again.")
    var repair = true

    @Option(
        help: ArgumentHelp("Give up on a model when nothing has come for so long. (default: 30)", valueName: "seconds"),
        transform: { try Patience(parsing: $0) }
    )
    var timeout = Patience(30)

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    @OptionGroup var node: NodeOptions

    func run() async throws {
        let order = VerifyOrder(
            models: self.models,
            repairs: self.repair,
            trackers: self.node.trackers.trackers.map(\.description),
            patience: self.timeout.duration.inSeconds
        )
        let findings = Findings()
        try await NodeAccess.use(self.node.home) { home in
            let settings = try await self.node.settings()
            let store = try ModelStore(home: home)
            try await self.node.runNode(home, store, settings, trackers: settings.trackers) { session in
                try await session.carryOut(.verify(order)) { try self.take($0, findings) }
            }
        } through: { running in
            self.node.tellUnused(by: running)
            // Should that node end, the next one begins anew.
            findings.forget()
            try await running.ask(.verify(order)) { try self.take($0, findings) }
        }
        let reports = findings.reports
        if self.json { try Console.print(try Console.json(Report(models: reports))) }
        try Self.judge(reports)
    }

    /// What `--json` prints.
    private struct Report: Encodable {
        let models: [VerifyReport]
    }

    private func take(_ answer: NodeAnswer, _ findings: Findings) throws {
        guard case .verified(let report) = answer else { return }
        findings.add(report)
        if !self.json { try Console.print(Self.line(report)) }
    }

    private static func line(_ report: VerifyReport) -> String {
        let here = "\(Figures.bytes(report.residentBytes)) of \(Figures.bytes(report.totalBytes)) here"
        let name = "\(report.name ?? "?") (\(report.manifest.prefix(8)))"
        guard report.wrongShards > 0 else { return "\(name): right, \(here)" }
        let wrong = "\(Self.shards(report.wrongShards)) (\(Figures.bytes(report.wrongBytes))) wrong or gone"
        let repaired = report.isRight ? "fetched again" : "\(report.repairedShards) of them fetched again"
        return "\(name): \(wrong), \(repaired), \(here)"
    }

    private static func shards(_ count: Int) -> String { count == 1 ? "1 shard" : "\(count) shards" }

    private static func judge(_ reports: [VerifyReport]) throws {
        let wrong = reports.reduce(0) { $0 + $1.wrongShards }
        let missing = wrong - reports.reduce(0) { $0 + $1.repairedShards }
        let bytes = Figures.bytes(reports.reduce(0) { $0 + $1.residentBytes })
        let models = reports.count == 1 ? "1 model" : "\(reports.count) models"
        guard missing > 0 else {
            let repair = wrong == 0 ? "all right" : "\(Self.shards(wrong)) repaired"
            return Console.say("\(models), \(bytes) verified: \(repair)")
        }
        throw CommandError(
            "\(Self.shards(missing)) wrong or gone and not repaired: get what is missing with `shoal fetch LINK`"
        )
    }
}

/// What the models looked at so far were like.
private final class Findings: Sendable {
    private let latest = Latest<[VerifyReport]>()

    var reports: [VerifyReport] { self.latest.value ?? [] }

    func add(_ report: VerifyReport) { self.latest.set(self.reports + [report]) }

    func forget() { self.latest.set([]) }
}
