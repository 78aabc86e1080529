import ArgumentParser
import CDataChannel
import Dispatch
import Foundation
import ShoalTransport

/// The limit that transfers are compared with: libdatachannel alone between two processes on loopback, one connection,
/// the same settings and frames, bytes that nobody reads, verifies or writes.
struct BareLoop {
    /// What a run showed.
    struct Figures {
        let byteCount: Int
        let seconds: Double

        var bytesPerSecond: Double { Double(self.byteCount) / self.seconds }

        var summary: String {
            let rate = String(format: "%.1f MB/s (%.2f s)", self.bytesPerSecond / 1_000_000, self.seconds)
            return "bare libdatachannel loop, \(self.byteCount >> 20) MiB in 32 KiB frames: \(rate)"
        }
    }

    /// 64 MiB: long enough for SCTP's window to open and the CPU to wake up.
    static let warmUpByteCount = 64 << 20

    /// Starts this program again as the receiver, and sends it `byteCount` bytes, rounded up to whole frames, after a
    /// warm-up. Blocks for as long as that takes.
    static func measure(byteCount: Int) throws -> Figures {
        let receiver = try Receiver(measuring: byteCount)
        defer { receiver.stop() }
        let connection = try BareConnection()
        defer { connection.destroy() }
        try receiver.write(try connection.offer())
        try connection.accept(try receiver.read())
        try connection.waitUntilOpen()
        try connection.sendFrames(ofTotal: self.warmUpByteCount)
        try connection.waitForControl()
        let clock = ContinuousClock()
        let time = try clock.measure {
            try connection.sendFrames(ofTotal: byteCount)
            try connection.waitForControl()
        }
        return Figures(byteCount: byteCount, seconds: time / .seconds(1))
    }

    /// The other process: answers the offer on standard input, counts what arrives, and says when it is complete.
    static func receive(byteCount: Int) throws {
        let connection = try BareConnection()
        defer { connection.destroy() }
        guard let line = readLine(), let offer = Data(base64Encoded: line) else {
            throw BenchmarkError("the receiver got no offer")
        }
        let answer = try connection.answer(String(decoding: offer, as: UTF8.self))
        FileHandle.standardOutput.write(Data((Data(answer.utf8).base64EncodedString() + "\n").utf8))
        try connection.waitUntilOpen()
        var expected = 0
        for part in [self.warmUpByteCount, byteCount] {
            expected += BareConnection.frameCount(ofTotal: part) * BareConnection.frameSize
            try connection.waitForBulk(expected)
            try connection.sendControl()
        }
        // The sender closes our standard input when it is done.
        while readLine() != nil {}
    }
}

/// The receiving process, and the pipes that carry the two SDPs, a line of base64 each.
private final class Receiver {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(measuring byteCount: Int) throws {
        guard let program = Bundle.main.executableURL else { throw BenchmarkError("this program cannot find itself") }
        self.process.executableURL = program
        self.process.arguments = [BareLoopReceiverCommand.name, "--bytes", String(byteCount)]
        self.process.standardInput = self.input
        self.process.standardOutput = self.output
        try self.process.run()
    }

    func write(_ sdp: String) throws {
        try self.input.fileHandleForWriting.write(contentsOf: Data((Data(sdp.utf8).base64EncodedString() + "\n").utf8))
    }

    func read() throws -> String {
        var line = Data()
        while let byte = try self.output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) {
            line += byte
        }
        guard let sdp = Data(base64Encoded: line), !sdp.isEmpty else {
            throw BenchmarkError("the receiving process ended without an answer")
        }
        return String(decoding: sdp, as: UTF8.self)
    }

    func stop() {
        self.process.terminate()
        self.process.waitUntilExit()
    }
}

/// `shoal-bench bare-loop`
struct BareLoopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bare-loop",
        abstract: "libdatachannel alone between two processes: what transfers are compared with."
    )

    @Option(help: "How much is sent after the warm-up.")
    var mebibytes = 512

    func validate() throws {
        try Bound("--mebibytes", 1...65_536).check(self.mebibytes)
    }

    func run() throws {
        print(try BareLoop.measure(byteCount: self.mebibytes << 20).summary)
    }
}

/// The second process of ``BareLoop``.
struct BareLoopReceiverCommand: ParsableCommand {
    static let name = "bare-loop-receiver"
    static let configuration = CommandConfiguration(commandName: Self.name, shouldDisplay: false)

    @Option var bytes: Int

    func run() throws { try BareLoop.receive(byteCount: self.bytes) }
}
