import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite(.enabled(if: Authority.canBeMade, "the openssl command is missing"))
    struct SecureTrackerTests {
        @Test func `a tracker with a certificate of a private authority serves who knows the authority`() async throws {
            try await onStage { stage in
                let authority = try Authority(in: stage.folder)
                let certificate = ["--tls-certificate", authority.certificate, "--tls-key", authority.key]
                let tracker = try await stage.tracker(certificate)
                #expect(tracker.url.hasPrefix("wss://127.0.0.1:"))
                let bytes = Weights.bytes(300_000)
                let file = try stage.folder.write("weights.bin", bytes)
                let trust = ["--tls-ca", authority.file]
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, trust)
                let outcome = try await stage.run("fetch", [seeder.link, "--json"] + trust, home: "fetcher")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try Summary(outcome).bytesFromPeers == bytes.count)
            }
        }

        @Test func `without the authority the tracker is refused, and the way out is named`() async throws {
            try await onStage { stage in
                let authority = try Authority(in: stage.folder)
                let certificate = ["--tls-certificate", authority.certificate, "--tls-key", authority.key]
                let tracker = try await stage.tracker(certificate)
                let link = try await stage.link(to: try stage.folder.write("weights.bin", Weights.bytes(1_000)))
                let arguments = [link, "--tracker", tracker.url, "--timeout", "2"]
                let outcome = try await stage.run("fetch", arguments, home: "fetcher")
                #expect(outcome.code == 1)
                #expect(outcome.stderr.contains("TLS with \(tracker.url) failed"), "\(outcome)")
                #expect(outcome.stderr.contains("--tls-ca"))
                #expect(outcome.stderr.contains("no tracker could be reached"))
            }
        }

        @Test func `certificates that cannot be read are named`() async throws {
            try await onStage { stage in
                let authority = try Authority(in: stage.folder)
                let text = try stage.folder.write("text.pem", Array("no certificate".utf8))
                for (certificate, key, named) in [
                    (text, authority.key, text), (stage.folder("gone"), authority.key, stage.folder("gone")),
                    (authority.certificate, text, text), (authority.file, authority.key, authority.key),
                ] {
                    let files = ["--tls-certificate", certificate, "--tls-key", key]
                    let outcome = try await stage.run("tracker", ["--listen", "127.0.0.1:0"] + files)
                    #expect(outcome.code == 1)
                    #expect(outcome.stderr.hasPrefix("error: ") && outcome.stderr.contains(named), "\(outcome)")
                }
                let link = try await stage.link(to: try stage.folder.write("weights.bin", Weights.bytes(1_000)))
                let arguments = [link, "--tracker", "wss://127.0.0.1:1", "--tls-ca", text]
                let outcome = try await stage.run("fetch", arguments, home: "fetcher")
                #expect(outcome.code == 1)
                #expect(outcome.stderr.hasPrefix("error: ") && outcome.stderr.contains(text), "\(outcome)")
            }
        }
    }
}

/// A private authority and a certificate of it for this host, made by OpenSSL.
struct Authority {
    let file: String
    let certificate: String
    let key: String

    private static let program = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    static var canBeMade: Bool { self.program != nil }

    init(in folder: TemporaryFolder) throws {
        self.file = folder("authority.pem")
        self.certificate = folder("certificate.pem")
        self.key = folder("key.pem")
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        try Self.openssl(
            ["req", "-x509"] + curve + ["-subj", "/CN=Shoal test authority"]
                + ["-addext", "keyUsage=critical,keyCertSign"]
                + ["-keyout", folder("authority-key.pem"), "-out", self.file]
        )
        try Self.openssl(
            ["req", "-x509"] + curve + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
                + ["-addext", "basicConstraints=critical,CA:FALSE"]
                + ["-CA", self.file, "-CAkey", folder("authority-key.pem")]
                + ["-keyout", self.key, "-out", self.certificate]
        )
    }

    private static func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.program))
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(arguments.joined(separator: " "))")
    }
}
