import CoreMetrics
import Synchronization

/// What a metric was when somebody looked.
struct Reading: Sendable {
    let metric: Metric
    /// The values of the metric's labels, in their order.
    let labels: [String]
    let value: Double

    /// - Parameter labels: as many as the metric has.
    init(_ metric: Metric, _ value: Double, _ labels: [String] = []) {
        self.metric = metric
        self.labels = labels
        self.value = value
    }

    init(_ metric: Metric, _ value: Int, _ labels: [String] = []) { self.init(metric, Double(value), labels) }
}

/// Metrics whose labels come and go: models, trackers, states. Each look sets those there are, and takes away those there
/// are no longer.
final class ReadingBoard: Sendable {
    private struct Place: Hashable {
        let metric: Metric
        let labels: [String]
    }

    private enum Handle {
        case gauge(Meter)
        case counter(FloatingPointCounter, last: Double)
    }

    private let handles = Mutex<[Place: Handle]>([:])
    private let factory: any MetricsFactory

    init(_ factory: any MetricsFactory) { self.factory = factory }

    func show(_ readings: [Reading]) {
        self.handles.withLock { handles in
            var next: [Place: Handle] = [:]
            for reading in readings {
                let place = Place(metric: reading.metric, labels: reading.labels)
                next[place] = self.show(reading, on: handles[place] ?? self.handle(of: place))
            }
            for (place, handle) in handles where next[place] == nil {
                switch handle {
                case .gauge(let meter): meter.destroy()
                case .counter(let counter, _): counter.destroy()
                }
            }
            handles = next
        }
    }

    private func show(_ reading: Reading, on handle: Handle) -> Handle {
        switch handle {
        case .gauge(let meter):
            meter.set(reading.value)
            return handle
        case .counter(let counter, let last):
            counter.increment(by: max(0, reading.value - last))
            return .counter(counter, last: max(last, reading.value))
        }
    }

    private func handle(of place: Place) -> Handle {
        let dimensions = place.metric.dimensions(place.labels)
        let name = place.metric.name
        switch place.metric.kind {
        case .gauge: return .gauge(Meter(label: name, dimensions: dimensions, factory: self.factory))
        case .counter:
            let counter = FloatingPointCounter(label: name, dimensions: dimensions, factory: self.factory)
            return .counter(counter, last: 0)
        case .histogram: preconditionFailure("\(name) is counted as it happens")
        }
    }
}
