import ArgumentParser
import ShoalNode

/// Whether what the node is told is written down.
struct RecordOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write what this node is told into a new file, for `shoal replay`. It holds addresses of peers, and for a "
                + "private swarm the key to join it: share it as you would share the link.",
            valueName: "file"
        ),
        transform: { try notEmpty($0) }
    )
    var record: String?

    @Option(help: ArgumentHelp("End the recording at this size; the node goes on.", valueName: "megabytes"))
    var recordLimit = 256

    func validate() throws {
        guard (1...65_536).contains(self.recordLimit) else {
            throw ValidationError("--record-limit takes 1 to 65536 (megabytes)")
        }
    }

    var options: RecordingOptions? {
        self.record.map { path in
            var options = RecordingOptions(path: path)
            options.limit = self.recordLimit * 1_000_000
            return options
        }
    }
}
