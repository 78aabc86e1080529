import Foundation
import ShoalNode
import Synchronization

/// How far a long task is, on stderr: one line that is redrawn on a terminal, at most ten times a second; else a plain
/// line now and then.
final class ProgressDisplay: Sendable {
    struct Snapshot: Sendable {
        var label: String
        var done: Int
        /// Nil while it is not known.
        var total: Int?
        /// What comes after the rate: peers, say.
        var note = ""
    }

    private struct State {
        var samples: [(time: ContinuousClock.Instant, done: Int)] = []
        var lastDraw: ContinuousClock.Instant?
        var isLineOpen = false
    }

    /// Plain lines come every 5 s: enough for a log, few enough to read.
    private static let plainInterval = Duration.seconds(5)
    private static let drawInterval = Duration.milliseconds(100)
    /// The rate is that of the last 3 s.
    private static let rateWindow = Duration.seconds(3)

    private let state = Mutex(State())
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let hasColor = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

    func show(_ snapshot: Snapshot) {
        let now = ContinuousClock.now
        let line: String? = self.state.withLock { state in
            state.samples.append((now, snapshot.done))
            while state.samples.count > 2, now - state.samples[0].time > Self.rateWindow { state.samples.removeFirst() }
            let interval = self.isTerminal ? Self.drawInterval : Self.plainInterval
            if let last = state.lastDraw, now - last < interval { return nil }
            // A log does not want a first line that says nothing.
            if !self.isTerminal, state.lastDraw == nil {
                state.lastDraw = now
                return nil
            }
            state.lastDraw = now
            state.isLineOpen = self.isTerminal
            let rate = Self.rate(state.samples)
            return self.isTerminal ? self.bar(snapshot, rate) : self.plain(snapshot, rate)
        }
        guard let line else { return }
        if self.isTerminal { Console.draw("\r\u{1B}[2K" + line) } else { Console.say(line) }
    }

    /// A sentence for people; the line that is being redrawn makes room for it.
    func say(_ text: String) {
        self.clear()
        Console.say(text)
    }

    /// Takes the redrawn line away.
    func clear() {
        let wasOpen = self.state.withLock { state in
            defer { state.isLineOpen = false }
            return state.isLineOpen
        }
        if wasOpen { Console.draw("\r\u{1B}[2K") }
    }

    private static func rate(_ samples: [(time: ContinuousClock.Instant, done: Int)]) -> Double {
        guard let first = samples.first, let last = samples.last, last.time > first.time else { return 0 }
        return Double(last.done - first.done) / (last.time - first.time).inSeconds
    }

    private func plain(_ snapshot: Snapshot, _ rate: Double) -> String {
        guard let total = snapshot.total, total > 0 else { return "\(snapshot.label)\(self.separated(snapshot.note))" }
        let percent = Int(100 * Double(snapshot.done) / Double(total))
        let amount = "\(Figures.bytes(snapshot.done)) of \(Figures.bytes(total)) (\(percent) %)"
        return "\(snapshot.label): \(amount), \(Figures.rate(rate))\(self.separated(snapshot.note))"
    }

    private func separated(_ note: String) -> String { note.isEmpty ? "" : ", " + note }

    private func bar(_ snapshot: Snapshot, _ rate: Double) -> String {
        guard let total = snapshot.total, total > 0 else {
            return "\(snapshot.label)\(self.separated(snapshot.note))"
        }
        let share = min(1, Double(snapshot.done) / Double(total))
        for tail in self.tails(snapshot, total, share, rate) {
            let width = min(40, Self.columns - snapshot.label.count - tail.count - 4)
            if width >= 10 { return self.cells(snapshot.label, width, share) + tail }
        }
        return String("\(snapshot.label) \(Int(100 * share)) %".prefix(Self.columns - 1))
    }

    /// What stands behind the bar, from all of it to the least: a narrow terminal gets less, not a part of a word.
    private func tails(_ snapshot: Snapshot, _ total: Int, _ share: Double, _ rate: Double) -> [String] {
        let percent = String(format: "%4d %%", Int(100 * share))
        let amount = "  \(Figures.bytes(snapshot.done)) of \(Figures.bytes(total))"
        let speed = "  \(Figures.rate(rate))"
        let isMoving = rate > 0 && snapshot.done < total
        let left = isMoving ? "  \(Figures.duration(Double(total - snapshot.done) / rate)) left" : ""
        let note = snapshot.note.isEmpty ? "" : "  \(snapshot.note)"
        return [percent + amount + speed + left + note, percent + speed + left + note, percent + speed + left, percent]
    }

    private func cells(_ label: String, _ width: Int, _ share: Double) -> String {
        let filled = Int(Double(width) * share)
        let (on, off) = self.hasColor ? ("\u{1B}[32m", "\u{1B}[0m") : ("", "")
        let cells = String(repeating: "━", count: filled) + off + String(repeating: "─", count: width - filled)
        return "\(label) \(on)\(cells)"
    }

    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
