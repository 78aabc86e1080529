import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// What happens to the disk behind a node that runs: what needs it fails with a reason, and the rest goes on.
    @Suite struct DiskTroubleTests {
        private static let small = Weights.bytes(2 << 20)
        private static let large = Weights.bytes(16 << 20)

        /// A node that has fetched the small model and serves it, and the links of both models.
        private struct Library {
            let stage: Stage
            let home: String
            let tracker: String
            let small: String
            let large: String
            let node: RunningShoal

            /// - Parameter home: where the node keeps what it fetches.
            init(_ stage: Stage, home: String) async throws {
                self.stage = stage
                self.home = home
                self.tracker = try await stage.tracker().url
                let small = try stage.folder.write("small.bin", DiskTroubleTests.small)
                let seeder = try await stage.seeder(of: small, home: "small", tracker: self.tracker)
                self.small = seeder.link
                let large = try stage.folder.write("large.bin", DiskTroubleTests.large)
                let limit = ["--upload-limit", "8MB"]
                self.large = try await stage.seeder(of: large, home: "large", tracker: self.tracker, limit).link
                self.node = try stage.start(
                    ["fetch", self.small, "--seed", "--home", home, "--bind", "127.0.0.1", "--log-level", "trace"]
                )
                try await self.node.message("fetched small.bin")
                // From now on the node is the only one that has it.
                seeder.shoal.send(SIGINT)
                _ = try await seeder.shoal.outcome()
            }

            /// Fetches into the node's home, through the node.
            func fetching(_ link: String) throws -> RunningShoal {
                try self.stage.start(["fetch", link, "--home", self.home])
            }

            func fetch(_ link: String) async throws -> RunningShoal.Outcome { try await self.fetching(link).outcome() }

            /// Whether the node gives somebody else the small model.
            func serves(_ fetcher: String) async throws -> RunningShoal.Outcome {
                try await self.stage.run("fetch", [self.small, "--timeout", "20"], home: fetcher)
            }
        }

        @Test(.enabled(if: LoopDisk.isAvailable, "\(LoopDisk.requirement)"))
        func `on a full disk a node says so, keeps what came, serves, and goes on when there is room`() async throws {
            try await onStage { stage in
                let disk = try LoopDisk(megabytes: 64)
                let library = try await Library(stage, home: "\(disk.path)/home")
                let fetcher = try library.fetching(library.large)
                try await library.node.hasChunks(from: 2)
                let filler = try disk.fill(leaving: 0)
                let stopped = try await fetcher.outcome()
                #expect(stopped.code == 1)
                #expect(stopped.stderr.contains("error: the disk that holds"), "\(stopped)")
                #expect(stopped.stderr.contains("is full: free some room and try again"), "\(stopped)")
                let refused = try await library.fetch(library.large)
                #expect(refused.code == 1)
                #expect(refused.stderr.contains("are free: make room for"), "\(refused)")
                #expect(try await library.serves("other").code == 0)
                try FileManager.default.removeItem(atPath: filler)
                let fetched = try await library.fetch(library.large)
                #expect(fetched.code == 0, "\(fetched)")
            }
        }

        @Test(.enabled(if: LoopDisk.isAvailable, "\(LoopDisk.requirement)"))
        func `on a disk that becomes read-only a node says so, and serves`() async throws {
            try await onStage { stage in
                let disk = try LoopDisk(megabytes: 64)
                let library = try await Library(stage, home: "\(disk.path)/home")
                try disk.abort()
                let refused = try await library.fetch(library.large)
                #expect(refused.code == 1)
                #expect(refused.stderr.contains("error: "), "\(refused)")
                #expect(refused.stderr.contains("read-only"), "\(refused)")
                #expect(try await library.serves("other").code == 0)
            }
        }

        @Test(arguments: ["cut", "changed", "gone"])
        func `a file that is damaged behind a node costs its model, and no other`(how: String) async throws {
            try await onStage { stage in
                let library = try await Library(stage, home: stage.folder("library"))
                #expect(try await library.fetch(library.large).code == 0)
                let models = stage.folder("library/models")
                let path = "\(models)/\(manifestID(in: library.large))/files/model.bin"
                switch how {
                case "cut": try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 1 << 20)
                case "changed":
                    let file = try FileHandle(forUpdating: URL(filePath: path))
                    try file.write(contentsOf: Data(repeating: 0xAB, count: 16 << 20))
                    try file.close()
                default: try FileManager.default.removeItem(atPath: path)
                }
                // Whoever asks for it makes the node look.
                let other = try await stage.run("fetch", [library.large], home: "large-again")
                #expect(other.code == 0, "\(other)")
                #expect(try await library.serves("other").code == 0)
                let again = try await library.fetch(library.large)
                #expect(again.code == 0, "\(again)")
                #expect(try contents(of: path) == Self.large)
            }
        }
    }
}
