import ArgumentParser
import Foundation
import ShoalCore
import ShoalNode
import ShoalSwarm

/// `shoal replay`: runs a recorded node's machine again.
struct ReplayCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Run a recording of a node again and compare what it does.",
        discussion: """
            A recording is made with --record. The same machine is told the same at the same moments, and must order the \
            same; when it does not, the first difference is shown and the exit code is 1. A recording is for the version \
            of Shoal that made it.
            """
    )

    @Argument(help: "The recording.", transform: { try notEmpty($0) })
    var file: String

    @Flag(help: "Print what the node was told (>) and what it ordered (<), with times in seconds.")
    var effects = false

    @Option(help: ArgumentHelp("Stop after so many batches.", valueName: "batches"))
    var until: Int?

    @Flag(help: "Print one JSON object with the figures on stdout.")
    var json = false

    func validate() throws {
        if let until, until < 1 { throw ValidationError("--until takes a number of batches, 1 or more") }
        if self.json, self.effects { throw ValidationError("--json and --effects both want stdout: take one") }
    }

    func run() async throws {
        do {
            var replay = try Replay(try self.bytes())
            var figures = ReplayFigures(replay.start)
            try self.run(&replay, &figures)
            let report = ReplayReport(replay, figures)
            if self.json {
                try Console.print(try report.json())
            } else {
                for line in report.lines { try Console.print(line) }
            }
        } catch let error as RecordingError {
            throw CommandError("\(self.file): \(error)")
        }
    }

    private func bytes() throws -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(filePath: self.file)))
        } catch {
            throw CommandError("\(self.file) cannot be read: \(error.localizedDescription)")
        }
    }

    private func run(_ replay: inout Replay, _ figures: inout ReplayFigures) throws {
        while figures.batches < self.until ?? .max, let step = try replay.next() {
            try Task.checkCancellation()
            figures.add(step)
            if self.effects { try self.show(step, since: replay.start.instant) }
            guard step.isEqual else { throw self.divergence(step, since: replay.start.instant) }
        }
    }

    private func show(_ step: Replay.Step, since start: Instant) throws {
        let time = Self.time(step.instant, since: start)
        for input in step.inputs { try Console.print("\(time) > \(Self.line(input))") }
        for effect in step.effects { try Console.print("\(time) < \(Self.line(effect))") }
    }

    private func divergence(_ step: Replay.Step, since start: Instant) -> CommandError {
        var lines = [
            "the machine does something else than it did: batch \(step.number), "
                + "\(Self.time(step.instant, since: start)) s after the start, "
                + "\(step.effects.count) effects where \(step.recordedEffects) were recorded"
        ]
        lines += step.inputs.map { "  > \(Self.line($0))" }
        lines += step.effects.map { "  < \(Self.line($0))" }
        return CommandError(lines.joined(separator: "\n"))
    }

    private static func time(_ instant: Instant, since start: Instant) -> String {
        String(format: "%.6f", (instant - start).inSeconds)
    }

    /// 240 characters on one line: manifests and session descriptions would fill pages.
    private static func line(_ value: some Any) -> String {
        let text = "\(value)".replacing("ShoalSwarm.", with: "").replacing("ShoalCore.", with: "")
            .replacing("ShoalWire.", with: "")
        return text.count > 240 ? text.prefix(239) + "…" : text
    }
}

/// What is said of a recording that was run again.
private struct ReplayReport: Encodable {
    let node: String
    let agent: String
    let seconds: Double
    let batches: Int
    let inputs: Int
    let effects: Int
    let digest: String
    let peers: Int
    let banned: Int
    let chunks: Int
    let bytes: Int
    let bytesInVain: Int
    let corruptChunks: Int
    let servedChunks: Int
    let end: String

    init(_ replay: Replay, _ figures: ReplayFigures) {
        self.node = replay.nodeID.hex
        self.agent = replay.start.configuration.agent
        self.seconds = figures.duration.inSeconds
        self.batches = figures.batches
        self.inputs = figures.inputs
        self.effects = figures.effects
        self.digest = replay.effectDigest.hex
        self.peers = figures.joined.count
        self.banned = figures.banned.count
        self.chunks = figures.chunks
        self.bytes = figures.bytes
        self.bytesInVain = figures.bytesInVain
        self.corruptChunks = figures.corrupt
        self.servedChunks = figures.served
        self.end =
            switch replay.ending {
            case .reading: "batch \(figures.batches), as --until said"
            case .recorded(let end): "\(end)"
            case .cutShort(let offset):
                "the recording just stops, at byte \(offset): the node was killed, or still runs"
            }
    }

    var lines: [String] {
        [
            "node      \(self.node) (\(self.agent))",
            String(format: "time      %.3f s in %d batches", self.seconds, self.batches),
            "inputs    \(self.inputs)",
            "effects   \(self.effects), every one as recorded",
            "peers     \(self.peers), of which \(self.banned) were banned",
            "received  \(Figures.bytes(self.bytes)) in \(self.chunks) chunks; "
                + "\(Figures.bytes(self.bytesInVain)) in vain, \(self.corruptChunks) wrong chunks",
            "served    \(self.servedChunks) chunks",
            "end       \(self.end)",
        ]
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
