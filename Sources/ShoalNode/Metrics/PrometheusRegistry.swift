package import CoreMetrics
import Synchronization

/// Metrics of this process as Prometheus reads them: text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats).
///
/// Whatever is made twice with the same name and labels is one and the same. Names are the program's own: one that
/// Prometheus would refuse, or that is two kinds of thing, ends the process.
package final class PrometheusRegistry: MetricsFactory {
    /// Upper bounds of histograms' buckets, in seconds: from a chunk that is hashed to an engine that has given up.
    static let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    private struct Family {
        let kind: Metric.Kind
        var samples: [PrometheusLabels: any PrometheusSample] = [:]
    }

    private let families = Mutex<[String: Family]>([:])
    private let meanings: [String: String]

    package init(_ metrics: [Metric] = Metric.all) {
        self.meanings = Dictionary(metrics.map { ($0.name, $0.meaning) }) { first, _ in first }
    }

    /// Everything, by name and labels.
    package var text: String {
        let families = self.families.withLock { $0.filter { !$0.value.samples.isEmpty } }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            if let meaning = self.meanings[name] { text += "# HELP \(name) \(PrometheusText.escaped(meaning))\n" }
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, sample) in family.samples.sorted(by: { $0.key < $1.key }) {
                sample.write(name, labels, to: &text)
            }
        }
        return text
    }

    private func sample<Sample: PrometheusSample>(
        _ name: String,
        _ labels: [(String, String)],
        _ kind: Metric.Kind,
        _ make: () -> Sample
    ) -> Sample {
        precondition(PrometheusText.isName(name), "\(name) is no name of a metric")
        let labels = PrometheusLabels(labels)
        return self.families.withLock { families in
            let known = families[name, default: Family(kind: kind)]
            precondition(known.kind == kind, "\(name) is a \(known.kind.rawValue) and a \(kind.rawValue)")
            if let sample = known.samples[labels] {
                guard let sample = sample as? Sample else { preconditionFailure("\(name) is counted in two ways") }
                return sample
            }
            let sample = make()
            families[name, default: known].samples[labels] = sample
            return sample
        }
    }

    private func remove(_ handler: AnyObject) {
        self.families.withLock { families in
            for (name, family) in families {
                guard let labels = family.samples.first(where: { $0.value === handler })?.key else { continue }
                families[name]?.samples[labels] = nil
                return
            }
        }
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.sample(label, dimensions, .counter, PrometheusCounter.init)
    }

    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        self.sample(label, dimensions, .counter, PrometheusNumber.init)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.sample(label, dimensions, .gauge, PrometheusNumber.init)
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return self.sample(label, dimensions, .gauge, PrometheusNumber.init) }
        return self.sample(label, dimensions, .histogram) { PrometheusHistogram(Self.buckets) }
    }

    /// In seconds.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.sample(label, dimensions, .histogram) { PrometheusHistogram(Self.buckets) }
    }

    package func destroyCounter(_ handler: any CounterHandler) { self.remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { self.remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { self.remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { self.remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { self.remove(handler) }
}
