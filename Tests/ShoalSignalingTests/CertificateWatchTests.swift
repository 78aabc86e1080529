import Foundation
import NIOCore
import NIOPosix
import ShoalSwarm
import Testing

@testable import ShoalSignaling

/// A certificate that changes while the tracker runs.
@Suite(.timeLimit(.minutes(1)))
struct CertificateWatchTests {
    private func write(_ text: String, _ file: String) throws { try Data(text.utf8).write(to: URL(filePath: file)) }

    @Test
    func `files that are broken keep the old certificate and say so, once, until they are whole again`() async throws {
        try await TestCertificates.withFiles { files, _, _ in
            let notices = Mailbox<String>()
            let loop = loops.next()
            let watch = try await loop.submit {
                NIOLoopBound(try CertificateWatch(files, loop: loop) { notices.post($0) }, eventLoop: loop)
            }.get()
            func check() async throws { try await loop.flatSubmit { watch.value.check() }.get() }
            let before = try await loop.submit { ObjectIdentifier(watch.value.context) }.get()
            try await check()
            try self.write("no key", files.keyFile)
            try await check()
            try await check()
            let broken = try await notices.next()
            #expect(
                broken.hasPrefix("the certificate from before stays in use: cannot read a private key in PEM from ")
            )
            try self.write(TestCertificates.strangerKey, files.keyFile)
            try await check()
            let unfit = try await notices.next()
            #expect(unfit.contains("does not fit the certificate"))
            try self.write(TestCertificates.key, files.keyFile)
            try await check()
            try await notices.expect("the certificate in use is in its files again")
            #expect(notices.rest == [])
            let after = try await loop.submit { ObjectIdentifier(watch.value.context) }.get()
            #expect(before == after)
        }
    }

    @Test
    func `a new certificate serves new connections, and those from before go on`() async throws {
        try await TestCertificates.withFiles { files, authorityFile, _ in
            let notices = Mailbox<String>()
            var configuration = TrackerServer.Configuration()
            configuration.tls = files
            configuration.certificateInterval = .milliseconds(10)
            let server = try await TrackerServer.start(configuration, group: loops, seed: 1) { notices.post($0) }
            var trusting = TrackerClient.Configuration.patient
            trusting.authorityFile = authorityFile
            let old = try await TestClient.connected(to: server.url, configuration: trusting)
            #expect(try await old.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))

            // Signed by itself: nobody here trusts it.
            try self.write(TestCertificates.strangerCertificate, files.certificateFile)
            try self.write(TestCertificates.strangerKey, files.keyFile)
            while !(try await notices.next()).hasPrefix("new connections get the new certificate in ") {}
            let reason = try await TestClient(server.url, configuration: trusting).reasonOfFailure()
            #expect(reason.hasPrefix("TLS with \(server.url) failed: "))
            #expect(try await old.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            old.client.close()
            await server.shutdown()
        }
    }
}
