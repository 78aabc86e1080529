import TestSupport
import Testing

extension CommandTests {
    /// What is wrong before anything is done: exit code 2, a sentence that helps, nothing on stdout.
    @Suite struct UsageTests {
        static let id = String(repeating: "ab", count: 32)

        struct Mistake: Sendable, CustomTestStringConvertible {
            let arguments: [String]
            let sentence: String

            init(_ arguments: [String], _ sentence: String) {
                self.arguments = arguments
                self.sentence = sentence
            }

            var testDescription: String { self.arguments.joined(separator: " ") }
        }

        static let mistakes = [
            Mistake(["frobnicate"], "Unexpected argument 'frobnicate'"),
            Mistake(["publish"], "Missing expected argument '<path>'"),
            Mistake(["seed"], "Missing expected argument '<source>'"),
            Mistake(["fetch"], "Missing expected argument '<link>'"),
            Mistake(["manifest"], "Missing expected argument '<source>'"),
            Mistake(["fetch", "magnet:?xt=urn:sha256:\(id)", "--frobnicate"], "Unknown option '--frobnicate'"),
            Mistake(["fetch", "magnet:?xt=urn:sha256:\(id.dropLast())"], "The link is cut short"),
            Mistake(["seed", "magnet:?xt=urn:sha256:\(id.dropLast(5))"], "its ID has 59 of 64 hex digits"),
            Mistake(["fetch", "/a/path"], "A link to a model starts with magnet:?"),
            Mistake(["fetch", "magnet:?dn=nothing"], "does not say which model it means"),
            Mistake(
                ["fetch", "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a&dn=distribution"],
                "This is a BitTorrent link"
            ),
            Mistake(
                ["manifest", "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a"],
                "This is a BitTorrent link"
            ),
            Mistake(
                ["fetch", "magnet:?xt=urn:sha256:\(id)", "--tracker", "http://127.0.0.1:1/"],
                "use ws:// or wss://"
            ),
            Mistake(["seed", "/a/path", "--tracker", "udp://127.0.0.1:1/announce"], "use ws:// or wss://"),
            Mistake(["publish", "/a/path", "--tracker", "ws://127.0.0.1:0"], "port 0 cannot be connected to"),
            Mistake(
                ["fetch", "magnet:?xt=urn:sha256:\(id)", "--timeout", "0"],
                "'--timeout <seconds>': a time to give up after is a number of seconds above 0"
            ),
            Mistake(
                ["fetch", "magnet:?xt=urn:sha256:\(id)", "--timeout", "soon"],
                "The value 'soon' is invalid for '--timeout <seconds>'"
            ),
            Mistake(["fetch", "magnet:?xt=urn:sha256:\(id)", "--timeout", "1e300"], "a number of seconds above 0"),
            Mistake(["manifest", "/a/path", "--timeout=-1"], "a number of seconds above 0"),
            Mistake(["manifest", "/a/path", "--timeout", "inf"], "a number of seconds above 0"),
            Mistake(["seed", "/a/path", "--replicate", "much"], "a size is a number with a unit, such as 20GB"),
            Mistake(["seed", "/a/path", "--bind", "300.1.1.1"], "an IPv4 or IPv6 address of this machine is wanted"),
            Mistake(["seed", "/a/path", "--bind", "localhost"], "an IPv4 or IPv6 address of this machine is wanted"),
            // TEST-NET-1 (RFC 5737): nobody has it, and nothing is sent there.
            Mistake(["seed", "/a/path", "--bind", "192.0.2.1"], "this machine does not have that address"),
            Mistake(["publish", "/a/path", "--home", ""], "it is empty"),
            Mistake(["fetch", "magnet:?xt=urn:sha256:\(id)", "--output", ""], "it is empty"),
            Mistake(["tracker", "--listen", "127.0.0.1:70000"], "the port must be a number from 0 to 65535"),
            Mistake(["tracker", "--tls-key", "/a/key"], "--tls-certificate and --tls-key belong together"),
            Mistake(["publish", "/a/path", "--log-level", "loud"], "'loud' is invalid"),
        ]

        @Test(arguments: mistakes) func `a wrong use ends with 2 and says what is right`(mistake: Mistake) async throws
        {
            try await onStage { stage in
                let outcome = try await stage.start(mistake.arguments).outcome()
                #expect(outcome.code == 2, "\(outcome)")
                #expect(outcome.stderr.contains(mistake.sentence), "\(outcome)")
                #expect(outcome.stdout.isEmpty)
            }
        }

        @Test(arguments: [
            (["--help"], "SUBCOMMANDS:"), (["help"], "SUBCOMMANDS:"), ([], "SUBCOMMANDS:"),
            (["tracker", "--help"], "127.0.0.1:8000)"), (["help", "tracker"], "--tls-certificate <file>"),
            (["fetch", "-h"], "--output <path>"), (["manifest", "--help"], "(default: 30)"), (["--version"], "."),
        ])
        func `help and version are no mistakes`(arguments: [String], sentence: String) async throws {
            try await onStage { stage in
                let outcome = try await stage.start(arguments).outcome()
                #expect(outcome.code == 0)
                #expect(outcome.output.contains(sentence))
                #expect(outcome.stderr.isEmpty)
            }
        }
    }
}
