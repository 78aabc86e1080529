import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// A program that nobody here wrote, at our tracker.
    @Suite(
        .enabled(
            if: Namespace.canBeMade && PythonScript.libtorrent.isHere,
            "there can be no network namespace here, or python3 cannot install libtorrent"
        )
    )
    struct LibtorrentTests {
        private struct Report: Decodable {
            let isEqual: Bool
            let payload: Int
            /// What libtorrent says against the tracker.
            let problems: [String]
            let scrape: [String: Int]
            let during: [String: Int]
            let after: [String: Int]
        }

        @Test func `libtorrent seeds and leeches 16 MiB through the tracker, which counts it right`() async throws {
            try await onStage { stage in
                let script = PythonScript.libtorrent
                let python = try #require(script.python)
                let program = [python.path, "-W", "ignore", "-B", script.script, RunningShoal.program.path]
                let outcome = try await stage.start(
                    Namespace.arguments + program + [stage.folder.url.path],
                    of: URL(filePath: "/usr/bin/env")
                ).outcome()
                #expect(outcome.code == 0, "\(outcome)")
                let report = try JSONDecoder().decode(Report.self, from: Data(outcome.stdout))
                #expect(report.isEqual)
                #expect(report.payload == 16 << 20)
                #expect(report.problems == [])
                #expect(report.scrape == ["complete": 2, "incomplete": 0, "downloaded": 1])
                let expected = [
                    "swarms": 1, "peers": 2, "seeders": 2, "leechers": 0, "completed": 1, "scrapes": 1, "refusals": 0,
                    "droppedAnswers": 0, "unread": 0, "turnedAway": 0,
                ]
                for (name, count) in expected { #expect(report.during[name] == count, "\(name)") }
                #expect(report.during["answers", default: 0] > 0)
                #expect(report.after["swarms"] == 0)
                #expect(report.after["peers"] == 0)
                #expect(report.after["completed"] == 1)
            }
        }
    }
}
