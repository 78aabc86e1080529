import TestSupport
import Testing

extension CommandTests {
    /// Trackers that are down, refuse, or talk garbage: said in words, tried again, and no harm beside a good one.
    @Suite struct BadTrackerTests {
        static let complaints: [BadTracker.Conduct: String] = [
            .notFound: "answered HTTP 404 Not Found instead of a WebSocket: check host and path",
            .noise: "does not speak HTTP: is this the tracker's port?",
        ]

        @Test(arguments: complaints.keys)
        func `a server that is no tracker is named and tried again`(conduct: BadTracker.Conduct) async throws {
            try await onStage { stage in
                try await BadTracker.with(conduct) { bad in
                    let link = try await stage.link(to: try stage.folder.write("weights.bin", Weights.bytes(1_000)))
                    let fetcher = try stage.start("fetch", [link, "--tracker", bad.url], home: "fetcher")
                    let complaint = try #require(Self.complaints[conduct])
                    let line = try await fetcher.message(bad.url)
                    #expect(line.contains(complaint), "\(line)")
                    #expect(line.contains("next try in"))
                    try await bad.connections.wait(for: "a second try") { $0.count >= 2 ? () : nil }
                }
            }
        }

        @Test func `a tracker that talks garbage is named, and its connection kept`() async throws {
            try await onStage { stage in
                try await BadTracker.with(.nonsense) { bad in
                    let link = try await stage.link(to: try stage.folder.write("weights.bin", Weights.bytes(1_000)))
                    let arguments = [link, "--tracker", bad.url, "--timeout", "3"]
                    let outcome = try await stage.run("fetch", arguments, home: "fetcher")
                    #expect(outcome.code == 1)
                    #expect(outcome.stderr.contains("tracker \(bad.url) says: "), "\(outcome)")
                    #expect(bad.connections.entries.count == 1)
                }
            }
        }

        @Test func `a port on which nobody listens is named and tried again`() async throws {
            try await onStage { stage in
                let port = try FreePort()
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let seeder = try await stage.seeder(of: file, tracker: port.url)
                try await seeder.shoal.message(
                    "connection refused by \(port.url): is the tracker running? (next try in"
                )
                port.release()
                _ = try await stage.tracker(port: port.number)
                try await seeder.shoal.message("tracker \(port.url) is back")
                #expect(seeder.shoal.messages.entries.count { $0.contains("connection refused") } == 1)
            }
        }

        @Test(arguments: BadTracker.Conduct.allCases)
        func `a good tracker beside a bad one is enough`(conduct: BadTracker.Conduct) async throws {
            try await onStage { stage in
                try await BadTracker.with(conduct) { bad in
                    let bytes = Weights.bytes(300_000)
                    let good = try await stage.tracker()
                    let both = ["--tracker", bad.url]
                    let file = try stage.folder.write("weights.bin", bytes)
                    let seeder = try await stage.seeder(of: file, tracker: good.url, both)
                    let outcome = try await stage.run("fetch", [seeder.link, "--json"] + both, home: "fetcher")
                    #expect(outcome.code == 0, "\(outcome)")
                    #expect(try Summary(outcome).bytesFromPeers == bytes.count)
                }
            }
        }
    }
}
