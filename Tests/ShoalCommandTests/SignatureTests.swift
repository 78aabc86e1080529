import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

extension CommandTests {
    @Suite(.timeLimit(.minutes(1))) struct SignatureTests {
        private let nobody = String(repeating: "ab", count: 32)

        /// The link that `shoal sign` printed, and the key that it said.
        private func sign(_ stage: Stage, _ arguments: [String]) async throws -> (link: MagnetLink, key: String) {
            let outcome = try await stage.run("sign", arguments, home: "publisher")
            #expect(outcome.code == 0, "\(outcome)")
            let link = try MagnetLink(parsing: outcome.output.trimmingCharacters(in: .newlines))
            let key = try #require(outcome.stderr.firstMatch(of: /signed by ([0-9a-f]{64})/)).1
            return (link, String(key))
        }

        private func sidecar(_ stage: Stage, _ link: MagnetLink, _ key: String, home: String = "publisher") -> String {
            stage.folder("\(home)/signatures/\(link.manifestID.hex).\(key).shoalsig")
        }

        @Test func `a signed link is shown as signed, and its home keeps the signature`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(200_000))
                let plain = try await stage.link(to: file, tracker: "ws://127.0.0.1:9")
                let (link, key) = try await self.sign(stage, [plain])
                #expect(link.signatures.count == 1 && link.signatures.allSatisfy(\.isValid))
                #expect(link.trackers == ["ws://127.0.0.1:9"])
                let document = try contents(of: self.sidecar(stage, link, key))
                #expect(try PublisherSignature(document: document) == link.signatures[0])
                let attributes = try FileManager.default.attributesOfItem(atPath: stage.folder("publisher/publisher"))
                #expect(attributes[.posixPermissions] as? Int == 0o600)

                // The same key and link from the path, and from now on in the links that this home prints.
                let again = try await self.sign(stage, [file])
                #expect(again.key == key)
                #expect(again.link.signatures == link.signatures)
                let published = try MagnetLink(parsing: try await stage.link(to: file))
                #expect(published.signatures == link.signatures)
                for source in [plain, file] {
                    let shown = try await stage.run("manifest", [source], home: "publisher")
                    #expect(shown.output.contains("signed by \(key)"), "\(shown)")
                }
            }
        }

        @Test func `a fetch that requires a signature ends before it begins without one`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(200_000))
                let plain = try await stage.link(to: file, tracker: "ws://127.0.0.1:9")
                let (link, key) = try await self.sign(stage, [plain])
                for (text, required) in [(plain, key), (link.text, self.nobody)] {
                    let arguments = [text, "--require-signature", required]
                    let outcome = try await stage.run("fetch", arguments, home: "fetcher")
                    #expect(outcome.code == 1)
                    #expect(outcome.stderr.contains("\(required) has not signed this model"), "\(outcome)")
                    #expect(!FileManager.default.fileExists(atPath: stage.folder("fetcher/models")))
                }
            }
        }

        @Test func `a model crosses with the signature of its link or of a file`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(200_000)
                let file = try stage.folder.write("weights.bin", bytes)
                let tracker = try await stage.tracker()
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let (link, key) = try await self.sign(stage, [seeder.link])
                let inLink = [
                    link.text, "--require-signature", key.uppercased(), "--output", stage.folder("copy"), "--json",
                ]
                let first = try await stage.run("fetch", inLink, home: "fetcher")
                #expect(first.code == 0, "\(first)")
                #expect(first.stderr.contains("signed by \(key)"))
                #expect(try Summary(first).signedBy == [key])
                #expect(try contents(of: stage.folder("copy")) == bytes)
                // It is kept, and printed when the model is served.
                let served = try await stage.run(
                    "manifest",
                    [seeder.link, "--require-signature", key],
                    home: "fetcher"
                )
                #expect(served.code == 0, "\(served)")
                let path = self.sidecar(stage, link, key)
                let beside = [seeder.link, "--signature", path, "--require-signature", key]
                #expect(try await stage.run("fetch", beside, home: "other").code == 0)
            }
        }

        @Test func `a signature that is forged, of another model or broken says so`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(200_000))
                let other = try stage.folder.write("other.bin", Weights.bytes(100_000, seed: 2))
                let plain = try await stage.link(to: file, tracker: "ws://127.0.0.1:9")
                let (link, key) = try await self.sign(stage, [plain])
                let foreign = try await self.sign(stage, [other])
                let signature = link.signatures[0]
                let forged = PublisherSignature(
                    of: link.manifestID,
                    by: signature.publicKey,
                    bytes: foreign.link.signatures[0].bytes
                )
                let files = [
                    (try stage.folder.write("forged", forged.document), "is forged or damaged"),
                    (self.sidecar(stage, foreign.link, key), "signs another model"),
                    (try stage.folder.write("broken", Array("{}".utf8)), "is no signature"),
                    (stage.folder("absent"), "cannot be read"),
                ]
                for (path, message) in files {
                    let outcome = try await stage.run("fetch", [plain, "--signature", path], home: "fetcher")
                    #expect(outcome.code == 1)
                    #expect(outcome.stderr.contains(message), "\(outcome)")
                }
                // In a link anybody can write anything: it is no error, and says nothing.
                var lie = try MagnetLink(parsing: plain)
                lie.add(forged)
                let shown = try await stage.run("manifest", [lie.text, "--timeout", "1"], home: "reader")
                #expect(shown.stderr.contains("is not valid: it says nothing"), "\(shown)")
                let required = try await stage.run("fetch", [lie.text, "--require-signature", key], home: "fetcher")
                #expect(required.code == 1)
                // Nor does what somebody put into the home.
                try stage.folder.write("fetcher/signatures/\(link.manifestID.hex).\(key).shoalsig", forged.document)
                #expect(try await stage.run("fetch", [plain, "--require-signature", key], home: "fetcher").code == 1)
            }
        }

        @Test func `a key that is none is an error that says what to do`() async throws {
            try await onStage { stage in
                let link = "magnet:?xt=urn:sha256:" + self.nobody
                let absent = try await stage.run("sign", [link, "--key", stage.folder("absent")], home: "publisher")
                #expect(absent.code == 1)
                #expect(absent.stderr.contains("does not exist: without --key, Shoal makes a key"), "\(absent)")
                let broken = try stage.folder.write("broken", [1, 2, 3])
                let outcome = try await stage.run("sign", [link, "--key", broken], home: "publisher")
                #expect(outcome.code == 1)
                #expect(outcome.stderr.contains("is not a key of 32 bytes"), "\(outcome)")
                let given = try stage.folder.write("given", Array(1...32))
                #expect(try await self.sign(stage, [link, "--key", given]).link.signatures.allSatisfy(\.isValid))
                let usage = try await stage.run("fetch", [link, "--require-signature", "abc"], home: "fetcher")
                #expect(usage.code == 2)
            }
        }
    }
}
