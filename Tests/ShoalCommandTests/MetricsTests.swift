import Foundation
import ShoalNode
import TestSupport
import Testing

extension CommandTests {
    /// `--metrics-port`: what Prometheus and people see.
    @Suite struct MetricsTests {
        /// Where a node says that its metrics are.
        private func url(of shoal: RunningShoal) async throws -> URL {
            let line = try await shoal.message("metrics: http://127.0.0.1:")
            return try #require(URL(string: String(line.dropFirst("metrics: ".count))))
        }

        @Test func `the port is in the status, and closed when the node ends`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, ["--metrics-port", "0"])
                let url = try await self.url(of: seeder.shoal)
                let status = try await stage.run("status", home: "seeder")
                #expect(status.output.contains("metrics      \(url)\n"), "\(status)")
                let port = try #require(url.port)
                let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                #expect(try await RawSocket.exchange(request, port: port).contains("\"status\":\"pass\"}\n"))

                let other = try await stage.run(
                    "seed",
                    [file, "--tracker", tracker.url, "--metrics-port", "\(port)"],
                    home: "other"
                )
                #expect(other.code == 1 && other.stdout.isEmpty, "\(other)")
                #expect(
                    other.stderr.contains("another program is using the port: choose another one with --metrics-port")
                )

                seeder.shoal.send(SIGINT)
                _ = try await seeder.shoal.outcome()
                await #expect(throws: (any Error).self) { try await RawSocket.exchange(request, port: port) }
            }
        }

        @Test(arguments: ["65536", "-1", "many"])
        func `what is no port is said before anything happens`(port: String) async throws {
            try await onStage { stage in
                let outcome = try await stage.run("seed", ["nothing", "--metrics-port=\(port)"], home: "home")
                #expect(
                    outcome.code == 2 && outcome.stderr.contains("a port is a number from 1 to 65535"),
                    "\(outcome)"
                )
            }
        }
    }

    /// A real Prometheus.
    @Suite(.enabled(if: OutsideProgram.prometheus != nil, "Prometheus can neither be found nor downloaded"))
    struct PrometheusTests {
        /// The part of Grafana's format that holds queries.
        private struct Dashboard: Decodable {
            struct Panel: Decodable {
                struct Target: Decodable {
                    let expr: String
                }

                let title: String
                let targets: [Target]?
            }

            let panels: [Panel]

            init() throws {
                let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                    .deletingLastPathComponent()
                let file = root.appending(path: "docs/grafana-dashboard.json")
                self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
            }

            /// Every query, with what Grafana would put in for its variables.
            var queries: [(title: String, text: String)] {
                self.panels.flatMap { panel in
                    (panel.targets ?? []).map { target in
                        let text = target.expr.replacing("$__rate_interval", with: "1m")
                        return (panel.title, text.replacing("$instance", with: ".*"))
                    }
                }
            }
        }

        private let folder: URL

        init() throws { self.folder = try #require(OutsideProgram.prometheus) }

        private func tool(_ stage: Stage, _ arguments: [String]) async throws -> RunningShoal.Outcome {
            try await stage.start(arguments, of: self.folder.appending(component: "promtool")).outcome()
        }

        /// A Prometheus that looks at these nodes five times a second, and its URL.
        private func prometheus(_ stage: Stage, _ nodes: [URL]) async throws -> String {
            let targets = nodes.map { "\"127.0.0.1:\($0.port ?? 0)\"" }.joined(separator: ", ")
            let configuration = """
                global: {scrape_interval: 200ms, scrape_timeout: 200ms}
                scrape_configs: [{job_name: shoal, static_configs: [{targets: [\(targets)]}]}]
                """
            let file = try stage.folder.write("prometheus.yml", Array(configuration.utf8))
            let server = try stage.start(
                [
                    "--config.file=\(file)", "--storage.tsdb.path=\(stage.folder("tsdb"))",
                    "--web.listen-address=127.0.0.1:0",
                ],
                of: self.folder.appending(component: "prometheus")
            )
            let line = try await server.message("msg=\"Listening on\"")
            try await server.message("Server is ready")
            let address = try #require(line.split(separator: "address=").last)
            return "http://\(address)"
        }

        /// Asks until the answer is as expected, or the patience is over; returns the last answer.
        private func ask(_ query: String, of url: String, until value: String, _ stage: Stage) async throws -> String {
            let end = ContinuousClock.now + .seconds(30)
            while true {
                let answer = try await self.tool(stage, ["query", "instant", url, query])
                if answer.output.contains(" => \(value) @") || ContinuousClock.now > end { return answer.output }
            }
        }

        @Test func `Prometheus sees what two nodes have, and answers every panel of the dashboard`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(3_000_000))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, ["--metrics-port", "0"])
                let fetcher = try stage.start("fetch", [seeder.link, "--seed", "--metrics-port", "0"], home: "fetcher")
                var nodes: [URL] = []
                for shoal in [seeder.shoal, fetcher] {
                    let line = try await shoal.message("metrics: http://127.0.0.1:")
                    nodes.append(try #require(URL(string: String(line.dropFirst("metrics: ".count)))))
                }
                let url = try await self.prometheus(stage, nodes)
                for (query, value) in [
                    ("sum(up)", "2"), ("sum(shoal_model_verified_bytes)", "6000000"),
                    ("sum(shoal_received_bytes_total)", "3000000"), ("sum(shoal_sent_bytes_total)", "3000000"),
                    ("count(shoal_model_info{name=\"weights.bin\",state=\"seeding\"})", "2"),
                ] {
                    let answer = try await self.ask(query, of: url, until: value, stage)
                    #expect(answer.contains(" => \(value) @"), "\(query): \(answer)")
                }
                let queries = try Dashboard().queries
                #expect(queries.count > 50)
                for (title, query) in queries {
                    let answer = try await self.tool(stage, ["query", "instant", url, query])
                    #expect(answer.code == 0, "\(title): \(query): \(answer)")
                }
            }
        }

        @Test func `Prometheus's own checker finds nothing wrong`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights \"1\"\\.bin", Weights.bytes(1_000))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, ["--metrics-port", "0"])
                let line = try await seeder.shoal.message("metrics: http://127.0.0.1:")
                let url = try #require(URL(string: String(line.dropFirst("metrics: ".count))))
                let port = try #require(url.port)
                let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                let answer = try await RawSocket.exchange(request, port: port)
                let body = try #require(answer.firstRange(of: "\r\n\r\n").map { answer[$0.upperBound...] })
                let page = try stage.folder.write("metrics", Array(body.utf8))
                let promtool = self.folder.appending(component: "promtool").path
                let check = try await stage.start(
                    ["-c", "\"$1\" check metrics < \"$2\"", "check", promtool, page],
                    of: URL(filePath: "/bin/sh")
                ).outcome()
                #expect(check.code == 0 && check.stdout.isEmpty && check.stderr.isEmpty, "\(check)\n\(body)")
            }
        }

        @Test func `the dashboard shows all that a node measures, and nothing else`() throws {
            let queries = try Dashboard().queries
            let words = queries.flatMap { $0.text.split { !$0.isLetter && !$0.isNumber && $0 != "_" } }
            let named = words.map(String.init).filter { $0.hasPrefix("shoal_") || $0.hasPrefix("process_") }
            let shown = Set(named.map { $0.replacing("_seconds_bucket", with: "_seconds") })
            #expect(shown == Set(Metric.all.map(\.name)))
        }
    }
}
