import CoreMetrics
import Synchronization

/// What one name has for one set of labels.
protocol PrometheusSample: AnyObject, Sendable {
    func write(_ name: String, _ labels: PrometheusLabels, to text: inout String)
}

/// Counts in whole numbers.
final class PrometheusCounter: PrometheusSample, CounterHandler {
    private let value = Atomic<Int64>(0)

    /// A counter never falls: less than nothing counts for nothing.
    func increment(by amount: Int64) { _ = self.value.wrappingAdd(max(0, amount), ordering: .relaxed) }

    func reset() { self.value.store(0, ordering: .relaxed) }

    func write(_ name: String, _ labels: PrometheusLabels, to text: inout String) {
        text += "\(name)\(labels.text()) \(self.value.load(ordering: .relaxed))\n"
    }
}

/// A number: of a gauge, or of a counter that counts parts.
final class PrometheusNumber: PrometheusSample, MeterHandler, RecorderHandler, FloatingPointCounterHandler {
    private let value = Mutex(0.0)

    func set(_ value: Int64) { self.set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func record(_ value: Int64) { self.set(Double(value)) }
    func record(_ value: Double) { self.set(value) }
    func increment(by amount: Double) { self.value.withLock { $0 += amount } }
    func decrement(by amount: Double) { self.value.withLock { $0 -= amount } }
    func reset() { self.set(0.0) }

    func write(_ name: String, _ labels: PrometheusLabels, to text: inout String) {
        text += "\(name)\(labels.text()) \(PrometheusText.number(self.value.withLock(\.self)))\n"
    }
}

/// How many values lay under each bound, and their sum.
final class PrometheusHistogram: PrometheusSample, RecorderHandler, TimerHandler {
    private struct State {
        /// Of the values above the bound before; the last are above every bound.
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    /// - Parameter bounds: the upper bounds of the buckets, in growing order.
    init(_ bounds: [Double]) {
        self.bounds = bounds
        self.state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { self.record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let bucket = self.bounds.firstIndex { value <= $0 } ?? self.bounds.count
        self.state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { self.record(Double(duration) / 1e9) }

    func write(_ name: String, _ labels: PrometheusLabels, to text: inout String) {
        let state = self.state.withLock(\.self)
        var total: UInt64 = 0
        for (bound, count) in zip(self.bounds + [.infinity], state.counts) {
            total += count
            let bucket = labels.text(with: "le=\"\(PrometheusText.number(bound))\"")
            text += "\(name)_bucket\(bucket) \(total)\n"
        }
        text += "\(name)_sum\(labels.text()) \(PrometheusText.number(state.sum))\n"
        text += "\(name)_count\(labels.text()) \(total)\n"
    }
}
