import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite struct PublishTests {
        @Test func `publish prints the link and nothing else on stdout`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.gguf", Weights.bytes(300_000))
                let outcome = try await stage.run(
                    "publish",
                    [file, "--tracker", "ws://127.0.0.1:9", "--name", "A name & more"],
                    home: "home"
                )
                #expect(outcome.code == 0)
                let id = manifestID(in: outcome.output)
                #expect(id.count == 64)
                let rest = "&dn=A%20name%20%26%20more&tr=ws%3A%2F%2F127.0.0.1%3A9\n"
                #expect(outcome.output == "magnet:?xt=urn:sha256:\(id)" + rest)
            }
        }

        @Test func `the same bytes have the same ID whatever the file is called`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(300_000)
                let one = try await stage.run("publish", [try stage.folder.write("a/One.GGUF", bytes)], home: "a-home")
                let two = try await stage.run("publish", [try stage.folder.write("b/two.gguf", bytes)], home: "b-home")
                #expect(one.code == 0)
                #expect(manifestID(in: one.output) == manifestID(in: two.output))
                #expect(one.output.hasSuffix("&dn=One.GGUF\n"))
                let other = try stage.folder.write("c/two.gguf", Weights.bytes(300_000, seed: 2))
                let three = try await stage.run("publish", [other], home: "b-home")
                #expect(manifestID(in: one.output) != manifestID(in: three.output))
            }
        }

        @Test func `a folder is published where it lies`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("model/part/one.bin", Weights.bytes(200_000))
                try stage.folder.write("model/empty.txt", [])
                let before = try FileManager.default.attributesOfItem(atPath: file)[.modificationDate] as? Date
                let outcome = try await stage.run("publish", [stage.folder("model") + "/"], home: "home")
                #expect(outcome.code == 0)
                #expect(outcome.output.hasSuffix("&dn=model\n"))
                let after = try FileManager.default.attributesOfItem(atPath: file)[.modificationDate] as? Date
                #expect(before == after)
            }
        }

        @Test func `what cannot be published is refused in a sentence`() async throws {
            try await onStage { stage in
                try FileManager.default.createDirectory(
                    atPath: stage.folder("empty"),
                    withIntermediateDirectories: true
                )
                let file = try stage.folder.write("file", [1, 2, 3])
                try FileManager.default.createDirectory(
                    atPath: stage.folder("links"),
                    withIntermediateDirectories: true
                )
                try FileManager.default.createSymbolicLink(
                    atPath: stage.folder("links/one"),
                    withDestinationPath: file
                )
                for (name, sentence) in [
                    ("empty", "there is nothing to publish"), ("links", "links/one is a symbolic link"),
                    ("nowhere", "does not exist"),
                ] {
                    for command in ["publish", "seed", "manifest"] {
                        let outcome = try await stage.run(command, [stage.folder(name)], home: "home")
                        #expect(outcome.code == 1, "\(command) \(name): \(outcome)")
                        #expect(outcome.stderr.hasPrefix("error: "))
                        #expect(outcome.stderr.contains(sentence), "\(command) \(name): \(outcome)")
                        #expect(outcome.stdout.isEmpty)
                    }
                }
            }
        }
    }
}
