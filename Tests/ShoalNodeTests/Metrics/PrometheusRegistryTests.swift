import CoreMetrics
import Foundation
import Testing

@testable import ShoalNode

/// Metrics as Prometheus reads them.
struct PrometheusRegistryTests {
    @Test func `names stand in order, each with what it is and what it means`() {
        let registry = PrometheusRegistry([.receivedBytes])
        Counter(label: "shoal_received_bytes_total", dimensions: [("lane", "webrtc")], factory: registry)
            .increment(by: 3)
        Meter(label: "another", factory: registry).set(1.5)
        #expect(
            registry.text == """
                # TYPE another gauge
                another 1.5
                # HELP shoal_received_bytes_total Bytes of chunks from peers, before they are verified.
                # TYPE shoal_received_bytes_total counter
                shoal_received_bytes_total{lane="webrtc"} 3

                """
        )
    }

    @Test func `what is made twice is one`() {
        let registry = PrometheusRegistry([])
        for _ in 0..<2 { Counter(label: "a", dimensions: [("b", "c")], factory: registry).increment() }
        Counter(label: "a", dimensions: [("b", "d")], factory: registry).increment()
        #expect(registry.text.contains("a{b=\"c\"} 2\na{b=\"d\"} 1\n"))
    }

    @Test func `what is destroyed is gone, and its name with the last of it`() {
        let registry = PrometheusRegistry([])
        let first = Meter(label: "a", dimensions: [("b", "c")], factory: registry)
        let second = Meter(label: "a", dimensions: [("b", "d")], factory: registry)
        first.destroy()
        #expect(registry.text == "# TYPE a gauge\na{b=\"d\"} 0\n")
        second.destroy()
        #expect(registry.text.isEmpty)
    }

    @Test func `a histogram counts what lies below each bound, and all of it above the last`() {
        let registry = PrometheusRegistry([])
        let timer = CoreMetrics.Timer(label: "t", factory: registry)
        for nanoseconds in [1_000_000, 1_000_001, 200_000_000, 60_000_000_000] {
            timer.recordNanoseconds(Int64(nanoseconds))
        }
        let lines = registry.text.split(separator: "\n").map(String.init)
        #expect(lines.first == "# TYPE t histogram")
        for line in [
            "t_bucket{le=\"0.001\"} 1", "t_bucket{le=\"0.0025\"} 2", "t_bucket{le=\"0.1\"} 2",
            "t_bucket{le=\"0.25\"} 3", "t_bucket{le=\"30\"} 3", "t_bucket{le=\"+Inf\"} 4", "t_count 4",
        ] { #expect(lines.contains(line), "\(line)") }
        #expect(lines.contains { $0.hasPrefix("t_sum 60.202") })
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("a\"b", #""a\"b""#), ("a\\b\nc", #""a\\b\nc""#),
        ("\"} 1\nshoal_x 5", #""\"} 1\nshoal_x 5""#),
    ])
    func `no value of a label breaks out of its quotes`(value: String, quoted: String) {
        let registry = PrometheusRegistry([])
        Meter(label: "a", dimensions: [("b", value)], factory: registry).set(1)
        #expect(registry.text == "# TYPE a gauge\na{b=\(quoted)} 1\n")
    }

    @Test(arguments: [
        (0, "0"), (-1.25, "-1.25"), (1e15, "1000000000000000"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
        (.nan, "NaN"),
        (1e300, "1e+300"), (0.001, "0.001"),
    ])
    func `numbers are written as Go reads them`(value: Double, text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    @Test func `a counter does not fall`() {
        let registry = PrometheusRegistry([])
        let counter = Counter(label: "a", factory: registry)
        counter.increment(by: 5)
        counter.increment(by: -3)
        #expect(registry.text.contains("a 5\n"))
    }

    @Test func `what everything is called follows Prometheus's rules`() {
        #expect(Set(Metric.all.map(\.name)).count == Metric.all.count)
        for metric in Metric.all {
            #expect(PrometheusText.isName(metric.name))
            #expect(metric.labels.allSatisfy(PrometheusText.isLabel))
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            #expect(metric.name.hasPrefix("shoal_") || metric.name.hasPrefix("process_"))
            if metric.kind == .histogram { #expect(metric.name.hasSuffix("_seconds")) }
            #expect(metric.meaning.hasSuffix("."), "\(metric.name)")
        }
    }

    @Test(arguments: [
        ("a", true), ("_a:b9", true), ("", false), ("9a", false), ("a-b", false), ("é", false), ("a b", false),
    ])
    func `names have letters, digits, underscores and colons`(name: String, isName: Bool) {
        #expect(PrometheusText.isName(name) == isName)
    }
}

/// What is measured when somebody looks.
struct ReadingBoardTests {
    @Test func `gauges whose labels are gone are gone, counters count on`() {
        let registry = PrometheusRegistry([])
        let board = ReadingBoard(registry)
        board.show([
            Reading(.modelPeers, 3, ["one"]), Reading(.modelPeers, 4, ["two"]), Reading(.modelReceived, 100, ["one"]),
        ])
        #expect(registry.text.contains("shoal_model_peers{model=\"two\"} 4\n"))
        board.show([Reading(.modelPeers, 2, ["one"]), Reading(.modelReceived, 250, ["one"])])
        #expect(
            registry.text == """
                # TYPE shoal_model_peers gauge
                shoal_model_peers{model="one"} 2
                # TYPE shoal_model_received_bytes_total counter
                shoal_model_received_bytes_total{model="one"} 250

                """
        )
        board.show([])
        #expect(registry.text.isEmpty)
    }

    @Test func `a counter that is said to have fallen stays where it was`() {
        let registry = PrometheusRegistry([])
        let board = ReadingBoard(registry)
        for value in [5.0, 3, 6] { board.show([Reading(.cpuTime, value)]) }
        #expect(registry.text.contains("process_cpu_seconds_total 6\n"))
    }
}

/// `docs/metrics.md` is made by hand and held to the truth here.
struct MetricsPageTests {
    @Test func `the document lists every metric as it is`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/metrics.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `shoal_") || $0.hasPrefix("| `process_") }
        let expected = Metric.all.map { metric in
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels) | \(metric.meaning) |"
        }
        #expect(rows.map(String.init) == expected)
    }
}
